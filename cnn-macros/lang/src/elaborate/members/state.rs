//! What is known of some members at one place of the text: what still matters of them, and nothing else.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::elaborate::value::Value;
use crate::graph::{Costs, Shape};
use crate::space::diagram::{NOTHING, Pending, sum};

/// A tensor on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tensor {
    pub shape: Shape,
    /// Made in an auxiliary output.
    pub auxiliary: bool,
}

/// A tensor with a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tap<'a> {
    pub name: &'a str,
    pub index: Option<i64>,
    pub tensor: Tensor,
}

/// What one call of a block, or the network, has given names to.
#[derive(Debug, Clone, Default)]
pub struct Locals<'a> {
    pub variables: Vec<(&'a str, Value)>,
    pub taps: Vec<Tap<'a>>,
}

/// Members that cannot be told apart any more: from here on all is equal for them but what they have cost so far.
#[derive(Debug, Clone)]
pub struct State<'a> {
    pub tensor: Tensor,
    /// The network's, then those of the calls inside one another.
    pub locals: Vec<Locals<'a>>,
    /// Tensors that are kept for later: of each open join the arriving one and the ends of its branches.
    pub held: Vec<Tensor>,
    /// Where in `held` each open join begins.
    pub joins: Vec<usize>,
    /// Steps taken, the most of any member.
    pub steps: usize,
    /// To be added to the costs of all `pending`.
    pub added: Costs,
    /// The edges that end here.
    pub pending: Vec<Pending>,
}

pub type States<'a> = Vec<State<'a>>;

impl<'a> State<'a> {
    pub fn new(shape: Shape, locals: Locals<'a>) -> State<'a> {
        State {
            tensor: Tensor { shape, auxiliary: false },
            locals: vec![locals],
            held: Vec::new(),
            joins: Vec::new(),
            steps: 0,
            added: NOTHING,
            pending: vec![Pending::START],
        }
    }

    pub fn here(&self) -> &Locals<'a> {
        &self.locals[self.locals.len() - 1]
    }

    pub fn here_mut(&mut self) -> &mut Locals<'a> {
        let last = self.locals.len() - 1;
        &mut self.locals[last]
    }

    /// The edges that end here with all their costs.
    pub fn settle(&mut self) {
        // Often many are merged into one, one after the other.
        if self.added == NOTHING {
            return;
        }
        for pending in &mut self.pending {
            pending.costs = sum(pending.costs, self.added);
        }
        self.added = NOTHING;
    }

    fn key(&self) -> u64 {
        let mut hasher = Fast::default();
        (self.tensor, &self.held, &self.joins).hash(&mut hasher);
        for locals in &self.locals {
            locals.taps.hash(&mut hasher);
            locals.variables.iter().for_each(|(_, value)| hash(value, &mut hasher));
        }
        hasher.finish()
    }

    fn equals(&self, other: &State<'a>) -> bool {
        let values = |a: &Locals<'a>, b: &Locals<'a>| {
            a.taps == b.taps && a.variables.iter().zip(&b.variables).all(|((_, a), (_, b))| a == b)
        };
        self.tensor == other.tensor
            && self.held == other.held
            && self.joins == other.joins
            && self.locals.iter().zip(&other.locals).all(|(a, b)| values(a, b))
    }
}

/// Makes one of all that are equal.
pub fn merged(states: States<'_>) -> States<'_> {
    if states.len() < 2 {
        return states;
    }
    let mut places: HashMap<u64, Vec<usize>, BuildHasherDefault<Fast>> = HashMap::default();
    let mut out: States<'_> = Vec::new();
    for mut state in states {
        let same = places.entry(state.key()).or_default();
        if let Some(&place) = same.iter().find(|&&place| out[place].equals(&state)) {
            state.settle();
            let known = &mut out[place];
            known.settle();
            known.steps = known.steps.max(state.steps);
            known.pending.append(&mut state.pending);
        } else {
            same.push(out.len());
            out.push(state);
        }
    }
    out
}

pub fn hash(value: &Value, hasher: &mut impl Hasher) {
    match value {
        Value::Int(n) => n.hash(hasher),
        Value::Float(x) => x.to_bits().hash(hasher),
        Value::Bool(b) => b.hash(hasher),
        Value::List(values) | Value::Tuple(values) => {
            values.len().hash(hasher);
            values.iter().for_each(|value| hash(value, hasher));
        }
        Value::Unknown => 0x5a5a_u64.hash(hasher),
    }
}

/// A quick hash: nobody chooses these keys to be hostile, they are counted.
#[derive(Default)]
pub struct Fast(u64);

impl Hasher for Fast {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_i64(&mut self, n: i64) {
        self.write_u64(n.cast_unsigned());
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n.cast_unsigned() as u64);
    }
}

/// What is not mentioned any more.
pub struct Dead<'a> {
    /// Indices of variables.
    pub variables: Vec<usize>,
    pub taps: Vec<&'a str>,
}

impl<'a> State<'a> {
    /// Forgets.
    pub fn blank(&mut self, dead: &Dead<'a>) {
        let here = self.here_mut();
        dead.variables.iter().for_each(|&index| here.variables[index].1 = Value::Unknown);
        here.taps.retain(|tap| !dead.taps.contains(&tap.name));
    }

    /// Makes a name known; false if it is already.
    pub fn bind(&mut self, name: &'a str, value: Value) -> bool {
        let variables = &mut self.here_mut().variables;
        let free = variables.iter().all(|(known, _)| *known != name);
        variables.push((name, value));
        free
    }

    /// Names a tensor; a later one replaces an earlier one of the name.
    pub fn set_tap(&mut self, name: &'a str, index: Option<i64>, tensor: Tensor) {
        let taps = &mut self.here_mut().taps;
        // In order, so that equal sets of taps are equal.
        match taps.binary_search_by(|tap| (tap.name, tap.index).cmp(&(name, index))) {
            Ok(place) => taps[place].tensor = tensor,
            Err(place) => taps.insert(place, Tap { name, index, tensor }),
        }
    }
}

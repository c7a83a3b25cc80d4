//! All members of a space at once. The text is walked through as for a network, but with a set of states in place of one
//! tensor: a `choose` makes several states of one, and states that are equal in all that is mentioned later become one
//! again. What comes out is a [`Diagram`] of all members with their costs, or the way to one that is wrong.
//!
//! Nothing is reported here but what concerns a space as a whole: a member that is wrong is elaborated by itself, as a network,
//! which says what is wrong and where.

mod calls;
mod decide;
mod joins;
mod places;
mod state;
mod steps;
mod taps;

use std::cell::Cell;
use std::collections::HashMap;

use super::definitions::{Definitions, RoomId};
use super::mentions::{Mentions, Part, Rest};
use crate::diag::{Diagnostic, Span};
use crate::graph::{ScopeId, Shape};
use crate::space::diagram::{Diagram, END};
use crate::syntax::ast::{Chain, Network};
use calls::Outcome;
use places::{Here, Places};
use state::{Dead, Locals, State, States};

/// States that a space may have.
const MOST_STATES: usize = 1_000_000;
/// Braces, joins and calls inside one another: a stack of 2 MiB holds them, unoptimised.
const DEEPEST: usize = 80;
/// Genes of a space.
const MOST_GENES: usize = 2000;
/// Steps of states: what a space may take to be checked.
const MOST_VISITS: usize = 8_000_000;

/// A gene of a space as it was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub name: String,
    pub options: Vec<String>,
}

/// All members of a space.
pub(crate) struct Explored {
    pub genes: Vec<Found>,
    pub diagram: Diagram,
}

/// Why there is no such thing.
pub(crate) enum Stop {
    /// A member is wrong, in which these genes were decided so: their names, options as written, and numbers.
    Member(Vec<(String, String, u16)>),
    /// The same, where what is wrong may be that it nests too deep for this way to look at it.
    Deep(Vec<(String, String, u16)>, Diagnostic),
    /// The space is wrong as a whole.
    Space(Diagnostic),
    /// A definition is still to be brought here, or could not be read, which was reported.
    Incomplete,
}

type Run<T> = Result<T, Stop>;

/// One network or block on the way, for all states.
struct Level {
    room: RoomId,
    /// Whether `@` is checked.
    checked: bool,
    /// Where mistakes in it are shown, if not on their own words.
    shown_at: Option<Span>,
}

pub(super) struct Explorer<'a> {
    definitions: &'a Definitions<'a>,
    levels: Vec<Level>,
    diagram: Diagram,
    genes: Vec<Found>,
    /// By place and the address of the `choose`.
    gene_ids: HashMap<(places::PlaceId, usize), usize>,
    /// How many genes would have a name.
    gene_names: HashMap<String, usize>,
    /// What a `choose` in an expression is called, by its address.
    hints: HashMap<usize, String>,
    places: Places,
    mentions: Mentions<'a>,
    outcomes: HashMap<u64, Vec<Outcome>>,
    in_auxiliary: bool,
    depth: usize,
    visits: usize,
    work: Cell<usize>,
}

/// What a space begins with.
pub(super) struct Start<'a> {
    pub network: &'a Network,
    pub room: RoomId,
    pub variables: Vec<(&'a str, super::Value)>,
    pub input: Shape,
    pub output: Shape,
    pub checked: bool,
    pub shown_at: Option<Span>,
}

impl<'a> Explorer<'a> {
    pub fn explore(definitions: &'a Definitions<'a>, start: Start<'a>) -> Run<Explored> {
        let Start { network, room, variables, input, output, checked, shown_at } = start;
        let mut explorer = Explorer {
            definitions,
            levels: vec![Level { room, checked, shown_at }],
            diagram: Diagram::new(),
            genes: Vec::new(),
            gene_ids: HashMap::new(),
            gene_names: HashMap::new(),
            hints: HashMap::new(),
            places: Places::new(),
            mentions: Mentions::new(),
            outcomes: HashMap::new(),
            in_auxiliary: false,
            depth: 0,
            visits: 0,
            work: Cell::new(0),
        };
        let chains: Vec<&'a Chain> = network.sections.iter().flat_map(|section| &section.chains).collect();
        let here = Here { place: Places::ROOT, scope: ScopeId::ROOT };
        let mut states = vec![State::new(input, Locals { variables, taps: Vec::new() })];
        for (index, chain) in chains.iter().enumerate() {
            let rest = Rest::END;
            let rest = rest.after(Part::Chains(&chains[index + 1..]));
            states = explorer.chain(chain, states, &rest, here)?;
        }
        for mut state in states {
            if state.tensor.shape != output {
                return Err(explorer.wrong(&state));
            }
            state.settle();
            explorer.diagram.arrive(END, &state.pending);
        }
        explorer.diagram.complete();
        Ok(Explored { genes: explorer.genes, diagram: explorer.diagram })
    }

    fn room(&self) -> RoomId {
        self.levels[self.levels.len() - 1].room
    }

    /// A member of this state is wrong.
    fn wrong(&self, state: &State<'a>) -> Stop {
        let way = self.diagram.way(&state.pending[0]);
        let named = way.into_iter().map(|(gene, option)| {
            let Found { name, options } = &self.genes[gene];
            (name.clone(), options[usize::from(option)].clone(), option)
        });
        Stop::Member(named.collect())
    }

    /// Steps nest too deep.
    fn deep(&self, state: &State<'a>, at: Span) -> Stop {
        let message = format!("blocks and braces of a space nest more than {DEEPEST} deep");
        let Stop::Space(diagnostic) = self.space(Diagnostic::new(at, message)) else { unreachable!("made so") };
        match self.wrong(state) {
            Stop::Member(genes) => Stop::Deep(genes, diagnostic),
            other => other,
        }
    }

    /// The space as a whole is wrong, at a word of the current block.
    fn space(&self, mut diagnostic: Diagnostic) -> Stop {
        if let Some(shown) = self.levels.iter().find_map(|level| level.shown_at) {
            diagnostic.span = shown;
        }
        Stop::Space(diagnostic)
    }

    /// Counts work that is about to be done for each of the states.
    fn visit(&mut self, states: &States<'a>, span: Span) -> Run<()> {
        self.visits += states.len() + 1;
        if states.len() > MOST_STATES {
            return Err(self.space(too_many_states(span).help(multiplied(states))));
        }
        if self.visits > MOST_VISITS {
            let message = format!("checking this space takes more than {MOST_VISITS} steps");
            let diagnostic = Diagnostic::new(span, message).help(multiplied(states));
            return Err(self.space(diagnostic));
        }
        Ok(())
    }

    /// Forgets what is not mentioned later, and makes one of what is equal then.
    fn forget(&mut self, mut states: States<'a>, rest: &Rest<'_, 'a>) -> States<'a> {
        if states.len() < 2 {
            return states;
        }
        // What is held is compared too.
        self.visits += states.iter().map(|state| state.held.len() / 8).sum::<usize>();
        let dead = self.dead(&states, rest);
        states.iter_mut().for_each(|state| state.blank(&dead));
        state::merged(states)
    }

    /// The names that are not mentioned later.
    fn dead(&mut self, states: &States<'a>, rest: &Rest<'_, 'a>) -> Dead<'a> {
        let names: Vec<&'a str> = states[0].here().variables.iter().map(|(name, _)| *name).collect();
        let mut taps: Vec<&'a str> = states.iter().flat_map(|state| &state.here().taps).map(|tap| tap.name).collect();
        taps.sort_unstable();
        taps.dedup();
        let named = self.mentions.later(&names, rest);
        let tapped = self.mentions.later(&taps, rest);
        let variables = (0..names.len()).filter(|&index| !named[index]).collect();
        let taps = taps.into_iter().zip(tapped).filter(|(_, tapped)| !tapped).map(|(name, _)| name).collect();
        Dead { variables, taps }
    }
}

/// What the states differ in.
fn multiplied(states: &States<'_>) -> String {
    const LOOKED_AT: usize = 20_000;
    let states = &states[..states.len().min(LOOKED_AT)];
    let mut counts: Vec<(usize, String)> = Vec::new();
    let Some(first) = states.first() else { return "let fewer genes be open at once".to_owned() };
    for (depth, locals) in first.locals.iter().enumerate() {
        for (index, (name, _)) in locals.variables.iter().enumerate() {
            let mut values: Vec<String> = Vec::new();
            for state in states.iter().step_by(states.len().div_ceil(1000).max(1)) {
                let text = state.locals[depth].variables[index].1.to_string();
                if !values.contains(&text) {
                    values.push(text);
                }
            }
            counts.push((values.len(), format!("`{name}` ({} values)", values.len())));
        }
    }
    let mut sizes: Vec<Vec<Shape>> = Vec::new();
    for state in states.iter().step_by(states.len().div_ceil(1000).max(1)) {
        let taps = state.locals.iter().flat_map(|locals| &locals.taps).map(|tap| tap.tensor.shape);
        let held = state.held.iter().map(|tensor| tensor.shape);
        let shapes: Vec<Shape> = taps.chain(held).chain([state.tensor.shape]).collect();
        if !sizes.contains(&shapes) {
            sizes.push(shapes);
        }
    }
    counts.push((sizes.len(), format!("the sizes of tensors ({})", sizes.len())));
    counts.retain(|(count, _)| *count > 1);
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let list: Vec<String> = counts.into_iter().take(6).map(|(_, text)| text).collect();
    multiply(&list)
}

/// How to mend that too much is remembered at once.
fn multiply(list: &[String]) -> String {
    format!("these multiply: {}; choose where the choice is used, so that it can be forgotten behind", list.join(", "))
}

fn too_many_states(at: Span) -> Diagnostic {
    Diagnostic::new(at, format!("networks of this space differ in more than {MOST_STATES} ways at once"))
}

//! Calls of layers, blocks and modules of the user's own, for all states at once.

use std::hash::{Hash, Hasher};

use super::places::Here;
use super::state::{Fast, Locals, State, States, Tensor, hash};
use super::steps::stated;
use super::{Explorer, Level, Run, Stop};
use crate::elaborate::arguments::{layer_arguments, matched};
use crate::elaborate::choices::address;
use crate::elaborate::definitions::{Definition, RoomId};
use crate::elaborate::mentions::{Rest, chooses};
use crate::elaborate::value::Value;
use crate::graph::{self, Costs, Layer, Op, ScopeId, Shape};
use crate::space::diagram::NOTHING;
use crate::syntax::ast::{Arg, Block, Call, Custom, Expr, ExprKind};

/// What a call of a block without a choice came to: the next call like it takes no steps.
pub(super) struct Outcome {
    call: Asked,
    tensor: Tensor,
    costs: Costs,
    steps: usize,
}

/// A call, in all on which its outcome depends.
#[derive(PartialEq)]
struct Asked {
    block: usize,
    room: usize,
    in_auxiliary: bool,
    shown_elsewhere: bool,
    tensor: Tensor,
    arguments: Vec<Given>,
}

/// What a call gives to a parameter.
#[derive(Debug, Clone, PartialEq)]
enum Given {
    Value(Value),
    Tensor(Tensor),
    Default,
}

impl Asked {
    fn key(&self) -> u64 {
        let mut hasher = Fast::default();
        (self.block, self.room, self.in_auxiliary, self.tensor).hash(&mut hasher);
        for argument in &self.arguments {
            match argument {
                Given::Value(value) => hash(value, &mut hasher),
                Given::Tensor(tensor) => tensor.hash(&mut hasher),
                Given::Default => 1_u64.hash(&mut hasher),
            }
        }
        hasher.finish()
    }
}

impl<'a> Explorer<'a> {
    pub(super) fn call(
        &mut self,
        call: &'a Call,
        label: Option<ScopeId>,
        states: States<'a>,
        rest: &Rest<'_, 'a>,
        here: Here,
    ) -> Run<States<'a>> {
        if let Some(layer) = graph::layer(&call.name.name) {
            return self.layer(layer, call, states, here);
        }
        match self.definitions.get(self.room(), &call.name.name) {
            Some(Definition::Block(block, room)) => self.block(block, room, call, label, states, rest, here),
            Some(Definition::Missing(_) | Definition::Lost) => Err(Stop::Incomplete),
            Some(Definition::Network(..) | Definition::Instance(..)) | None => Err(self.wrong(&states[0])),
        }
    }

    fn layer(&mut self, layer: &'static Layer, call: &'a Call, states: States<'a>, here: Here) -> Run<States<'a>> {
        let names: Vec<&str> = layer.arguments.iter().map(|argument| argument.name).collect();
        self.hint_arguments(&names, &call.args);
        let made = self.decide(states, here.place, |eval| {
            let variables = &eval.state.here().variables;
            let arguments = layer_arguments(
                layer,
                call,
                &mut |expr| eval.value(expr),
                &|name| variables.iter().any(|(known, _)| *known == name),
                &mut |diagnostic| eval.report(diagnostic),
            )?;
            (layer.lower)(&arguments, eval.state.tensor.shape).ok()
        })?;
        let mut all = Vec::with_capacity(made.len());
        for (mut state, op) in made {
            let shape = state.tensor.shape;
            if !self.operation(&mut state, &op, &[shape]) {
                return Err(self.wrong(&state));
            }
            all.push(state);
        }
        Ok(all)
    }

    /// A `choose` in an argument is called as the parameter.
    fn hint_arguments(&mut self, names: &[&str], args: &'a [Arg]) {
        for (index, arg) in args.iter().enumerate() {
            let name = arg.name.as_ref().map_or_else(|| names.get(index).copied(), |name| Some(name.name.as_str()));
            if let Some(name) = name.filter(|_| chooses(&arg.value)) {
                self.hint_name(name, &arg.value);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn block(
        &mut self,
        block: &'a Block,
        room: RoomId,
        call: &'a Call,
        label: Option<ScopeId>,
        states: States<'a>,
        rest: &Rest<'_, 'a>,
        here: Here,
    ) -> Run<States<'a>> {
        let names: Vec<&str> = block.params.iter().map(|param| param.name.name.as_str()).collect();
        self.hint_arguments(&names, &call.args);
        let (found, errors) = matched(&call.name.name, &names, &call.args, call.span);
        let missing = block.params.iter().zip(&found);
        let missing =
            missing.into_iter().any(|(param, index)| index.is_none() && (param.tensor || param.default.is_none()));
        if !errors.is_empty() || missing {
            return Err(self.wrong(&states[0]));
        }
        let given = self.given(block, call, &found, states, here)?;
        let scope = match label {
            Some(scope) => scope,
            // Nobody else can open it, so nothing can clash.
            None => self.places.scope(here.scope, None, here.place).unwrap_or(here.scope),
        };
        let here = Here { scope, ..here };
        let shown_at = (room != RoomId::FILE).then_some(call.span);
        let defaults = block.params.iter().filter_map(|param| param.default.as_ref());
        let parts =
            defaults.into_iter().any(chooses) || self.mentions.body_chooses(&block.body, room, self.definitions);
        if parts {
            let (states, arguments): (States<'a>, Vec<_>) = given.into_iter().unzip();
            let states = self.forget_unzipped(states, &arguments, rest);
            self.levels.push(Level { room, checked: true, shown_at });
            let left = self.enter(block, states, here);
            self.levels.pop();
            return left;
        }
        let mut all = Vec::with_capacity(given.len());
        self.levels.push(Level { room, checked: true, shown_at });
        for (state, arguments) in given {
            match self.known(block, room, state, arguments, here) {
                Ok(state) => all.push(state),
                Err(stop) => return Err(stop),
            }
        }
        self.levels.pop();
        Ok(all)
    }

    /// What the call gives to each parameter.
    fn given(
        &mut self,
        block: &'a Block,
        call: &'a Call,
        found: &[Option<usize>],
        states: States<'a>,
        here: Here,
    ) -> Run<Vec<(State<'a>, Vec<Given>)>> {
        let auxiliary = self.in_auxiliary;
        self.decide(states, here.place, |eval| {
            let mut given = Vec::with_capacity(found.len());
            for (param, index) in block.params.iter().zip(found) {
                let Some(index) = index else {
                    given.push(Given::Default);
                    continue;
                };
                let value = &call.args[*index].value;
                given.push(if param.tensor {
                    let (name, index) = tensor_argument(value)?;
                    let index = match index {
                        None => None,
                        Some(index) => match eval.known(index)? {
                            Value::Int(n) => Some(n),
                            _ => return None,
                        },
                    };
                    let taps = &eval.state.here().taps;
                    let tap = taps.iter().find(|tap| tap.name == name && tap.index == index)?;
                    if tap.tensor.auxiliary && !auxiliary {
                        return None;
                    }
                    Given::Tensor(tap.tensor)
                } else {
                    Given::Value(eval.known(value)?)
                });
            }
            Some(given)
        })
    }

    /// Forgets what the caller does not mention behind the call, while the arguments are kept.
    fn forget_unzipped(
        &mut self,
        states: States<'a>,
        arguments: &[Vec<Given>],
        rest: &Rest<'_, 'a>,
    ) -> Vec<(State<'a>, Vec<Given>)> {
        let dead = self.dead(&states, rest);
        let forgotten = states.into_iter().map(|mut state| {
            state.blank(&dead);
            state
        });
        forgotten.zip(arguments.iter().cloned()).collect()
    }

    /// Goes through the block.
    fn enter(&mut self, block: &'a Block, given: Vec<(State<'a>, Vec<Given>)>, here: Here) -> Run<States<'a>> {
        let mut states = Vec::with_capacity(given.len());
        for (mut state, given) in given {
            state.locals.push(Locals::default());
            for (param, given) in block.params.iter().zip(&given) {
                match given {
                    Given::Value(value) => {
                        if !state.bind(&param.name.name, value.clone()) {
                            return Err(self.wrong(&state));
                        }
                    }
                    Given::Tensor(tensor) => state.set_tap(&param.name.name, None, *tensor),
                    Given::Default => {}
                }
            }
            states.push((state, given));
        }
        // All calls leave out the same.
        let defaults = states.first().map_or_else(Vec::new, |(_, given)| given.clone());
        let mut states: States<'a> = states.into_iter().map(|(state, _)| state).collect();
        for (param, given) in block.params.iter().zip(&defaults) {
            let (Given::Default, Some(default)) = (given, &param.default) else { continue };
            self.hint_name(&param.name.name, default);
            let place = self.into(here.place, param);
            let values = self.decide(states, place, |eval| eval.known(default))?;
            states = Vec::with_capacity(values.len());
            for (mut state, value) in values {
                if !state.bind(&param.name.name, value) {
                    return Err(self.wrong(&state));
                }
                states.push(state);
            }
        }
        let mut states = self.body(&block.body, states, &Rest::END, here)?;
        states.iter_mut().for_each(|state| drop(state.locals.pop()));
        Ok(states)
    }

    /// Goes through a block without a choice, unless it is known what comes out.
    fn known(
        &mut self,
        block: &'a Block,
        room: RoomId,
        mut state: State<'a>,
        arguments: Vec<Given>,
        here: Here,
    ) -> Run<State<'a>> {
        let shown_elsewhere = self.levels.iter().any(|level| level.shown_at.is_some());
        let call = Asked {
            block: address(block),
            room: room.0,
            in_auxiliary: self.in_auxiliary,
            shown_elsewhere,
            tensor: state.tensor,
            arguments,
        };
        let key = call.key();
        if let Some(known) = self.outcomes.get(&key).and_then(|list| list.iter().find(|known| known.call == call)) {
            state.tensor = known.tensor;
            state.added = crate::space::diagram::sum(state.added, known.costs);
            state.steps += known.steps;
            return Ok(state);
        }
        let (costs, steps) = (std::mem::replace(&mut state.added, NOTHING), state.steps);
        let mut left = self.enter(block, vec![(state, call.arguments.clone())], here)?;
        let mut state = left.swap_remove(0);
        let outcome = Outcome { call, tensor: state.tensor, costs: state.added, steps: state.steps - steps };
        self.outcomes.entry(key).or_default().push(outcome);
        state.added = crate::space::diagram::sum(state.added, costs);
        Ok(state)
    }

    pub(super) fn custom(
        &mut self,
        custom: &'a Custom,
        size: Option<&'a Expr>,
        states: States<'a>,
        here: Here,
    ) -> Run<States<'a>> {
        let made = self.decide(states, here.place, |eval| {
            let mut args = Vec::new();
            for arg in &custom.args {
                match (&arg.name, eval.known(&arg.value)?) {
                    (None, value @ (Value::Int(_) | Value::Bool(_))) => args.push(value.to_string()),
                    _ => return None,
                }
            }
            let output = match size {
                Some(size) => stated(&eval.known(size)?)?,
                None => eval.state.tensor.shape,
            };
            Some(Op::Custom { path: custom.path.to_string(), args, output })
        })?;
        let mut all = Vec::with_capacity(made.len());
        for (mut state, op) in made {
            let shape: Shape = state.tensor.shape;
            if !self.operation(&mut state, &op, &[shape]) {
                return Err(self.wrong(&state));
            }
            all.push(state);
        }
        Ok(all)
    }
}

/// A tap of the caller, as `t` or `t[i]`.
fn tensor_argument(expr: &Expr) -> Option<(&str, Option<&Expr>)> {
    match &expr.kind {
        ExprKind::Name(name) => Some((&name.name, None)),
        ExprKind::Index(list, index) => match &list.kind {
            ExprKind::Name(name) => Some((&name.name, Some(index))),
            _ => None,
        },
        _ => None,
    }
}

//! Branches that join, conditions and loops, for all states at once.

use super::places::{Here, Turn};
use super::state::{State, States, Tensor};
use super::steps::bind_pattern;
use super::{Explorer, Run};
use crate::elaborate::mentions::{Part, Rest};
use crate::elaborate::value::Value;
use crate::graph::{Op, Shape};
use crate::syntax::ast::{Branch, Else, For, If, Join, JoinKind};

/// Goes on with what an arm of an `if` holds, if it holds anything.
type Arm<'r, 'a, 'e, T> = &'r mut dyn FnMut(&mut Explorer<'a>, Option<&'a T>, States<'a>, Here) -> Run<States<'a>>;

/// Goes through a loop once.
type Pass<'r, 'a> = &'r mut dyn FnMut(&mut Explorer<'a>, States<'a>, &Rest<'_, 'a>, Here) -> Run<States<'a>>;

impl<'a> Explorer<'a> {
    /// Each state goes into the arm that holds for it.
    pub(super) fn arms<T>(
        &mut self,
        one: &'a If<T>,
        states: States<'a>,
        here: Here,
        arm: Arm<'_, 'a, '_, T>,
    ) -> Run<States<'a>> {
        let place = self.into(here.place, one);
        self.hint_name("if", &one.condition);
        let decided = self.decide(states, place, |eval| match eval.known(&one.condition)? {
            Value::Bool(holds) => Some(holds),
            _ => None,
        })?;
        let mut all = Vec::with_capacity(decided.len());
        for (holds, states) in Self::grouped(decided) {
            let place = self.places.inside(place, Turn::Option(usize::from(!holds)));
            let here = Here { place, ..here };
            all.extend(match (holds, one.otherwise.as_deref()) {
                (true, _) => arm(self, Some(&one.then), states, here)?,
                (false, None) => arm(self, None, states, here)?,
                (false, Some(Else::If(next))) => self.arms(next, states, here, arm)?,
                (false, Some(Else::Body(body))) => arm(self, Some(body), states, here)?,
            });
        }
        Ok(all)
    }

    /// Each state goes through its own passes of a loop. `again` is what a further pass mentions.
    pub(super) fn passes<T>(
        &mut self,
        one: &'a For<T>,
        states: States<'a>,
        rest: &Rest<'_, 'a>,
        here: Here,
        again: Part<'_, 'a>,
        pass: Pass<'_, 'a>,
    ) -> Run<States<'a>> {
        let place = self.into(here.place, one);
        self.hint_name("list", &one.list);
        let decided = self.decide(states, place, |eval| match eval.known(&one.list)? {
            Value::List(values) | Value::Tuple(values) => Some(values),
            _ => None,
        })?;
        let again = rest.after(again);
        let mut all = Vec::with_capacity(decided.len());
        for (values, mut states) in Self::grouped(decided) {
            let outer = states[0].here().variables.len();
            let count = values.len();
            for (index, value) in values.into_iter().enumerate() {
                self.visit(&states, one.keyword)?;
                for state in &mut states {
                    // A loop of nothing but empty branches must end too.
                    state.steps += 1;
                    if !bind_pattern(state, &one.pattern, value.clone()) {
                        return Err(self.wrong(state));
                    }
                }
                let place = self.places.inside(place, Turn::Pass(index));
                let later = if index + 1 < count { &again } else { rest };
                states = pass(self, states, later, Here { place, ..here })?;
                states.iter_mut().for_each(|state| state.here_mut().variables.truncate(outer));
                states = self.forget(states, later);
            }
            all.extend(states);
        }
        Ok(all)
    }

    pub(super) fn join(
        &mut self,
        join: &'a Join,
        mut states: States<'a>,
        rest: &Rest<'_, 'a>,
        here: Here,
    ) -> Run<States<'a>> {
        for state in &mut states {
            state.joins.push(state.held.len());
            state.held.push(state.tensor);
        }
        let op = match join.kind {
            JoinKind::Add => Op::Add,
            JoinKind::Concat => Op::Concat,
            JoinKind::Mul => Op::Mul,
        };
        let mut states = self.branches(&join.branches, states, rest, here)?;
        for state in &mut states {
            let begin = state.joins.pop().unwrap_or(0);
            let ends: Vec<Tensor> = state.held.drain(begin..).skip(1).collect();
            let joined = match ends.as_slice() {
                [] => false,
                &[only] => {
                    state.tensor = only;
                    true
                }
                ends => {
                    let shapes: Vec<Shape> = ends.iter().map(|end| end.shape).collect();
                    self.operation(state, &op, &shapes)
                }
            };
            if !joined {
                return Err(self.wrong(state));
            }
        }
        Ok(states)
    }

    /// Adds the ends of all branches to those that are held.
    fn branches(
        &mut self,
        list: &'a [Branch],
        mut states: States<'a>,
        rest: &Rest<'_, 'a>,
        here: Here,
    ) -> Run<States<'a>> {
        let room = self.room();
        for (index, branch) in list.iter().enumerate() {
            let rest = rest.after(Part::Branches(&list[index + 1..]));
            states.iter_mut().for_each(begin_branch);
            let parts = self.mentions.branch_chooses(branch, room, self.definitions);
            states = match branch {
                Branch::Chain(chain) => {
                    let mut states = self.chain(chain, states, &rest, here)?;
                    states.iter_mut().for_each(|state| state.held.push(state.tensor));
                    states
                }
                Branch::If(one) => self.arms(
                    one,
                    states,
                    here,
                    &mut |this, inner: Option<&'a Vec<Branch>>, states, here| match inner {
                        Some(inner) => this.branches(inner, states, &rest, here),
                        None => Ok(states),
                    },
                )?,
                Branch::For(one) => self.passes(
                    one,
                    states,
                    &rest,
                    here,
                    Part::Branches(&one.body),
                    &mut |this, states, rest, here| this.branches(&one.body, states, rest, here),
                )?,
            };
            states.iter_mut().for_each(begin_branch);
            if parts {
                states = self.forget(states, &rest);
            }
        }
        Ok(states)
    }
}

/// Every branch begins with the tensor that arrives at the join.
fn begin_branch(state: &mut State<'_>) {
    if let Some(&tensor) = state.joins.last().and_then(|&begin| state.held.get(begin)) {
        state.tensor = tensor;
    }
}

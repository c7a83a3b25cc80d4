//! `tap` and `from`, for all states at once.

use super::places::Here;
use super::state::{State, States, Tensor};
use super::{Explorer, Run};
use crate::elaborate::value::Value;
use crate::syntax::ast::TapRef;

impl<'a> Explorer<'a> {
    fn tap_index(&mut self, tap: &'a TapRef, states: States<'a>, here: Here) -> Run<Vec<(State<'a>, Option<i64>)>> {
        self.decide(states, here.place, |eval| match &tap.index {
            None => Some(None),
            Some(index) => match eval.known(index)? {
                Value::Int(n) => Some(Some(n)),
                _ => None,
            },
        })
    }

    pub(super) fn tap(&mut self, tap: &'a TapRef, states: States<'a>, here: Here) -> Run<States<'a>> {
        let indexed = self.tap_index(tap, states, here)?;
        let set = |(mut state, index): (State<'a>, Option<i64>)| {
            state.set_tap(&tap.name.name, index, state.tensor);
            state
        };
        Ok(indexed.into_iter().map(set).collect())
    }

    pub(super) fn from(&mut self, tap: &'a TapRef, states: States<'a>, here: Here) -> Run<States<'a>> {
        let indexed = self.tap_index(tap, states, here)?;
        let mut all = Vec::with_capacity(indexed.len());
        for (mut state, index) in indexed {
            match self.tapped(&state, &tap.name.name, index) {
                Some(tensor) => state.tensor = tensor,
                None => return Err(self.wrong(&state)),
            }
            all.push(state);
        }
        Ok(all)
    }

    pub(super) fn tapped(&self, state: &State<'a>, name: &str, index: Option<i64>) -> Option<Tensor> {
        let found = state.here().taps.iter().find(|tap| tap.name == name && tap.index == index)?.tensor;
        (self.in_auxiliary || !found.auxiliary).then_some(found)
    }
}

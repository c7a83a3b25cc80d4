//! Branches that join, and the conditions and loops that make branches or steps.

use super::choices::Event;
use super::scopes::Naming;
use super::steps::chain_span;
use super::{Elaborator, Tensor, Value};
use crate::diag::Span;
use crate::graph::{At, NodeId, Op};
use crate::syntax::ast::{Branch, Else, For, If, Join, JoinKind};

impl<'a> Elaborator<'a, '_> {
    /// The body of the `if` that holds: `None` if that is unknown.
    pub(super) fn arm<T>(&mut self, one: &'a If<T>, tensor: Tensor) -> Option<Option<&'a T>> {
        let holds = self.eval(&one.condition, tensor);
        if let Value::Bool(holds) = holds {
            self.choices.log(one, || Event::Arm(holds));
        }
        match holds {
            Value::Bool(true) => Some(Some(&one.then)),
            Value::Bool(false) => match one.otherwise.as_deref() {
                None => Some(None),
                Some(Else::If(next)) => self.arm(next, tensor),
                Some(Else::Body(body)) => Some(Some(body)),
            },
            other => {
                if !other.is_unknown() {
                    let message = format!("a condition must be a boolean, this is {} ({other})", other.kind());
                    self.error(one.condition.span, message);
                }
                self.frame_mut().taps_uncertain = true;
                None
            }
        }
    }

    pub(super) fn elements<T>(&mut self, one: &'a For<T>, tensor: Tensor) -> Option<Vec<Value>> {
        match self.eval(&one.list, tensor) {
            Value::List(values) | Value::Tuple(values) => {
                self.choices.log(one, || Event::Passes(values.clone()));
                Some(values)
            }
            other => {
                if !other.is_unknown() {
                    let message = format!("a loop goes over a list or a range, this is {} ({other})", other.kind());
                    self.error(one.list.span, message);
                }
                self.frame_mut().taps_uncertain = true;
                None
            }
        }
    }

    pub(super) fn join(&mut self, join: &'a Join, tensor: Tensor, naming: Naming) -> Tensor {
        let mut ends: Vec<(Tensor, Span)> = Vec::new();
        let known = self.branches(&join.branches, tensor, naming, &mut ends);
        if !known || self.stopped {
            return None;
        }
        if ends.is_empty() {
            let message =
                format!("{} joins no branches: every `if` or `for` in it came to nothing", join.kind.keyword());
            self.error(join.keyword, message);
            return None;
        }
        let inputs: Vec<NodeId> = ends.iter().map(|(end, _)| *end).collect::<Option<_>>()?;
        if inputs.len() == 1 {
            return Some(inputs[0]);
        }
        let op = match join.kind {
            JoinKind::Add => Op::Add,
            JoinKind::Concat => Op::Concat,
            JoinKind::Mul => Op::Mul,
        };
        let spans: Vec<Span> = ends.iter().map(|(_, span)| *span).collect();
        let keyword = join.keyword;
        self.node(op, inputs, naming.numbers, keyword, |at| match at {
            // Both ends of a mismatch are named in the message; the keyword stands between them.
            At::Branch(index) if join.kind == JoinKind::Concat => spans[index],
            At::Keyword | At::Argument(_) | At::Branch(_) => keyword,
        })
    }

    /// The ends of all branches; false if some of them are unknown.
    fn branches(&mut self, list: &'a [Branch], tensor: Tensor, naming: Naming, ends: &mut Vec<(Tensor, Span)>) -> bool {
        let mut known = true;
        for branch in list {
            self.choices.log(branch, || Event::Begin);
            match branch {
                Branch::Chain(chain) => {
                    let end = self.chain(chain, tensor, naming);
                    ends.push((end, chain_span(chain)));
                }
                Branch::If(one) => match self.arm(one, tensor) {
                    Some(Some(inner)) => known &= self.branches(inner, tensor, naming, ends),
                    Some(None) => {}
                    None => known = false,
                },
                Branch::For(one) => match self.elements(one, tensor) {
                    Some(values) => {
                        for value in values {
                            if self.stopped {
                                return false;
                            }
                            // A loop of nothing but empty branches must end too.
                            self.steps += 1;
                            let outer = self.frame().variables.len();
                            self.bind_pattern(&one.pattern, value);
                            known &= self.branches(&one.body, tensor, naming, ends);
                            self.frame_mut().variables.truncate(outer);
                        }
                    }
                    None => known = false,
                },
            }
            self.choices.log(branch, || Event::End);
        }
        known
    }
}

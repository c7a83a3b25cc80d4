//! Tensors by name: `tap`, `from`, and outputs on the side.

use super::eval::plural;
use super::scopes::Naming;
use super::{Elaborator, Tensor, Value};
use crate::diag::{Diagnostic, Span};
use crate::graph::{Auxiliary, ScopeId};
use crate::syntax::ast::{Body, TapRef};

impl<'a> Elaborator<'a, '_> {
    pub(super) fn auxiliary(
        &mut self,
        keyword: Span,
        body: &'a Body,
        tensor: Tensor,
        inside: Naming,
        label: Option<ScopeId>,
    ) {
        if self.in_auxiliary {
            self.error(keyword, "an auxiliary output cannot hold another");
            return;
        }
        self.in_auxiliary = true;
        let output = self.body(body, tensor, inside);
        self.in_auxiliary = false;
        self.auxiliary_shapes.push(self.shape(output));
        let number = self.auxiliary_shapes.len();
        let name = label.map_or_else(|| format!("aux{number}"), |scope| self.scopes.path(scope));
        if let Some(output) = output {
            self.auxiliary.push(Auxiliary { name, output });
        }
    }

    pub(super) fn tap_key(&mut self, tap: &'a TapRef, tensor: Tensor) -> Option<(String, Option<i64>)> {
        let index = match &tap.index {
            None => None,
            Some(expr) => match self.eval(expr, tensor) {
                Value::Int(n) => Some(n),
                Value::Unknown => {
                    self.frame_mut().taps_uncertain = true;
                    return None;
                }
                other => {
                    self.error(expr.span, format!("the index of a tap is an integer, this is {}", other.kind()));
                    return None;
                }
            },
        };
        Some((tap.name.name.clone(), index))
    }

    pub(super) fn tapped(&mut self, key: &(String, Option<i64>), span: Span) -> Tensor {
        let shown = |(name, index): &(String, Option<i64>)| match index {
            Some(index) => format!("{name}[{index}]"),
            None => name.clone(),
        };
        if let Some(tensor) = self.frame().taps.get(key) {
            let tensor = *tensor;
            if !self.in_auxiliary && tensor.is_some_and(|id| self.nodes[id.0].auxiliary) {
                let message =
                    format!("tap `{}` is made in an auxiliary output, which only training computes", shown(key));
                self.report(Diagnostic::new(span, message).help("name a tensor outside of `aux`"));
                return None;
            }
            return tensor;
        }
        if !self.frame().taps_uncertain {
            let known: Vec<String> = self.frame().taps.keys().map(shown).collect();
            let wanted = shown(key);
            let help =
                crate::nearest::did_you_mean(&wanted, known.iter().map(String::as_str)).unwrap_or_else(|| match known
                    .len()
                {
                    0 => "name a tensor with `tap` first; a block sees only the taps that are passed to it".to_owned(),
                    n => format!("the tap{} here: {}", plural(n), known.join(", ")),
                });
            self.report(Diagnostic::new(span, format!("no tap `{wanted}` here")).help(help));
        }
        None
    }
}

//! `custom path(args) @ size`: a module of the user's own.

use super::headers::shape_of;
use super::scopes::Naming;
use super::{Elaborator, Tensor, Value};
use crate::diag::Diagnostic;
use crate::graph::{Op, ScopeId};
use crate::syntax::ast::{Custom, Expr};

impl<'a> Elaborator<'a, '_> {
    /// The size behind it is what it delivers; without one it keeps the size that arrives.
    pub(super) fn custom(
        &mut self,
        custom: &'a Custom,
        size: Option<&'a Expr>,
        label: Option<ScopeId>,
        tensor: Tensor,
        naming: Naming,
    ) -> Tensor {
        let scope = self.scope_of(label, naming, custom.keyword);
        let args = self.const_arguments(custom, tensor);
        let stated = size.map(|size| self.stated_size(size, tensor));
        let (args, input) = (args?, tensor?);
        let output = match stated {
            Some(stated) => stated?,
            None => self.nodes[input.0].shape,
        };
        let path = custom.path.to_string();
        self.claim(scope, "*", custom.keyword);
        self.node(Op::Custom { path, args, output }, vec![input], scope, custom.keyword, |_| custom.keyword)
    }

    /// The arguments become the const arguments of the type, in their order.
    fn const_arguments(&mut self, custom: &'a Custom, tensor: Tensor) -> Option<Vec<String>> {
        let mut list = Some(Vec::new());
        for arg in &custom.args {
            if let Some(name) = &arg.name {
                let message = format!("a custom module has no argument `{}`", name.name);
                let help =
                    "its arguments are the const arguments of its type, in their order: `custom Attention(64, 4)`";
                self.report(Diagnostic::new(name.span, message).help(help));
                list = None;
                continue;
            }
            let text = match self.eval(&arg.value, tensor) {
                Value::Int(n) => Some(n.to_string()),
                Value::Bool(b) => Some(b.to_string()),
                Value::Unknown => None,
                other => {
                    let message = format!("a custom module takes integers and booleans, this is {}", other.kind());
                    self.error(arg.value.span, message);
                    None
                }
            };
            list = list.zip(text).map(|(mut list, text): (Vec<String>, String)| {
                list.push(text);
                list
            });
        }
        list
    }

    fn stated_size(&mut self, size: &'a Expr, tensor: Tensor) -> Option<crate::graph::Shape> {
        let value = self.eval(size, tensor);
        let shape = shape_of(&value);
        if shape.is_none() && !value.is_unknown() {
            self.report(
                Diagnostic::new(size.span, format!("{value} is no size"))
                    .help("write `@ 64x56x56`, `@ [c, h, w]` or `@ [n]`"),
            );
        }
        shape
    }
}

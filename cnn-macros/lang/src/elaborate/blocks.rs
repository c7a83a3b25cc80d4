//! Calls: of layers and of blocks.

use std::collections::BTreeMap;

use super::arguments::{layer_arguments, matched};
use super::definitions::{Definition, RoomId};
use super::scopes::{Naming, TensorClash};
use super::{DEEPEST, Elaborator, Frame, Tensor, Value};
use crate::diag::{Diagnostic, Span};
use crate::graph::{self, At, Layer, NodeId, ScopeId};
use crate::syntax::ast::{Block, Call, Expr, ExprKind};

impl<'a> Elaborator<'a, '_> {
    pub(super) fn call(&mut self, call: &'a Call, label: Option<ScopeId>, tensor: Tensor, naming: Naming) -> Tensor {
        if let Some(layer) = graph::layer(&call.name.name) {
            return self.layer(layer, call, label, tensor, naming);
        }
        match self.definitions.get(self.frame().room, &call.name.name) {
            Some(Definition::Block(block, room)) => self.block(block, room, call, label, tensor, naming),
            // Without its definition nothing can be said; whoever brings it here elaborates again.
            Some(Definition::Missing(_) | Definition::Lost) => {
                self.incomplete = true;
                None
            }
            Some(Definition::Network(..) | Definition::Instance(..)) => {
                self.report(
                    Diagnostic::new(
                        call.name.span,
                        format!("`{}` is a network, only blocks and layers are steps", call.name.name),
                    )
                    .help("move what both share into a block"),
                );
                None
            }
            None => {
                let diagnostic = self.definitions.unknown_call(self.frame().room, &call.name.name, call.name.span);
                self.report(diagnostic);
                self.scope_of(label, naming, call.name.span);
                None
            }
        }
    }

    pub(super) fn scope_of(&mut self, label: Option<ScopeId>, naming: Naming, span: Span) -> ScopeId {
        match label {
            Some(scope) => scope,
            None => {
                let number = self.scopes.count(naming.numbers);
                self.open(naming.numbers, &number.to_string(), span)
            }
        }
    }

    fn layer(
        &mut self,
        layer: &'static Layer,
        call: &'a Call,
        label: Option<ScopeId>,
        tensor: Tensor,
        naming: Naming,
    ) -> Tensor {
        let scope = self.scope_of(label, naming, call.name.span);
        let variables = if call.args.is_empty() { &[] } else { self.frame().variables.as_slice() };
        let variables: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
        let mut found = Vec::new();
        let arguments = layer_arguments(
            layer,
            call,
            &mut |expr| self.eval(expr, tensor),
            &|name| variables.contains(&name),
            &mut |diagnostic| found.push(diagnostic),
        );
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
        let (arguments, input) = (arguments?, tensor?);
        let shape = self.nodes[input.0].shape;
        let span_of = |at: At| match at {
            At::Argument(name) => argument_span(layer, call, name).unwrap_or(call.name.span),
            At::Keyword | At::Branch(_) => call.name.span,
        };
        let op = match (layer.lower)(&arguments, shape) {
            Ok(op) => op,
            Err(fault) => {
                let span = span_of(fault.at);
                self.report(Diagnostic { span, message: fault.message, help: fault.help, notes: Vec::new() });
                return None;
            }
        };
        if let Some(first) = op.tensors(&[shape]).first() {
            self.claim(scope, first.name, call.name.span);
        }
        self.node(op, vec![input], scope, call.name.span, span_of)
    }

    /// Makes the scope that of a layer, whose first tensor is named `first`.
    pub(super) fn claim(&mut self, scope: ScopeId, first: &str, span: Span) {
        let Err(clash) = self.scopes.place_tensors(scope) else { return };
        let path = self.scopes.path(scope);
        let (message, help) = match clash {
            TensorClash::Same => (
                format!("two parameters would be named `{}`", graph::tensor_name(&path, first)),
                "give one of the two steps another label",
            ),
            TensorClash::Above(layer) => (
                format!("`{path}` would stand below `{layer}`, which is a layer with parameters of its own"),
                "give one of the two another label",
            ),
            TensorClash::Below => (
                format!("`{path}` holds other parameters already, so it cannot be a layer"),
                "give one of the two another label",
            ),
        };
        self.report(Diagnostic::new(span, message).help(help));
    }

    fn block(
        &mut self,
        block: &'a Block,
        room: RoomId,
        call: &'a Call,
        label: Option<ScopeId>,
        tensor: Tensor,
        naming: Naming,
    ) -> Tensor {
        let scope = self.scope_of(label, naming, call.name.span);
        let bound = self.bound(block, call, tensor)?;
        let written = bound.written(&call.name.name);
        let mut frame = Frame::of(&block.name, room, call.span, true);
        frame.taps = bound.taps.iter().map(|(name, tensor)| ((name.clone(), None), *tensor)).collect();
        frame.taps_uncertain = bound.taps.values().any(Option::is_none);
        let path = shortened(&self.scopes.path(scope));
        frame.call = Some(format!("{written}, called `{path}`"));
        self.frames.push(frame);
        for param in block.params.iter().filter(|param| !param.tensor) {
            let value = match bound.values.iter().find(|(name, _)| *name == param.name.name) {
                Some((_, value)) => value.clone(),
                // A default may speak of the parameters in front of it and of the tensor that arrives.
                None => param.default.as_ref().map_or(Value::Unknown, |default| self.eval(default, tensor)),
            };
            self.bind(&param.name, value);
        }
        let (index, begin) = (self.calls.len(), self.nodes.len());
        let inputs: Option<Vec<NodeId>> =
            std::iter::once(tensor).chain(bound.order.iter().map(|name| bound.taps[name])).collect();
        self.calls.push(graph::Call {
            block: block.name.name.clone(),
            written,
            scope,
            nodes: begin..begin,
            inputs: inputs.clone().unwrap_or_default(),
            output: NodeId(0),
        });
        self.lets(&block.body, tensor);
        let output = self.chain(&block.body.chain, tensor, Naming::within(scope));
        self.frames.pop();
        if let (Some(_), Some(output)) = (inputs, output) {
            self.calls[index].nodes = begin..self.nodes.len();
            self.calls[index].output = output;
        }
        output
    }

    /// Evaluates the arguments of a block's call, in the caller's surroundings.
    fn bound(&mut self, block: &'a Block, call: &'a Call, tensor: Tensor) -> Option<Bound> {
        let names: Vec<&str> = block.params.iter().map(|param| param.name.name.as_str()).collect();
        let (found, errors) = matched(&call.name.name, &names, &call.args, call.span);
        let mut fits = errors.is_empty();
        errors.into_iter().for_each(|diagnostic| self.report(diagnostic));
        let mut bound = Bound::default();
        for (param, index) in block.params.iter().zip(&found) {
            let name = param.name.name.clone();
            match index {
                Some(index) => {
                    let arg = &call.args[*index];
                    if param.tensor {
                        let given = self.tensor_argument(&arg.value, &call.name.name, &name, tensor);
                        bound.taps.insert(name.clone(), given);
                        bound.order.push(name);
                    } else {
                        let value = self.eval(&arg.value, tensor);
                        bound.shown.push((arg.name.is_some(), name.clone(), value.to_string()));
                        bound.values.push((name, value));
                    }
                }
                None if param.tensor || param.default.is_none() => {
                    if fits {
                        let what = if param.tensor { "the tensor" } else { "the argument" };
                        self.report(
                            Diagnostic::new(call.name.span, format!("{} needs {what} `{name}`", call.name.name))
                                .help(format!("write {}({name} = …)", call.name.name)),
                        );
                    }
                    fits = false;
                }
                None => {}
            }
        }
        fits.then_some(bound)
    }

    /// A tap of the caller, passed to a `tensor` parameter.
    fn tensor_argument(&mut self, expr: &'a Expr, block: &str, param: &str, tensor: Tensor) -> Tensor {
        let (name, index) = match &expr.kind {
            ExprKind::Name(name) => (name, None),
            ExprKind::Index(list, index) => match &list.kind {
                ExprKind::Name(name) => (name, Some(index.as_ref())),
                _ => return self.no_tap(expr.span, block, param),
            },
            _ => return self.no_tap(expr.span, block, param),
        };
        let index = match index.map(|index| self.eval(index, tensor)) {
            None => None,
            Some(Value::Int(n)) => Some(n),
            Some(Value::Unknown) => return None,
            Some(_) => return self.no_tap(expr.span, block, param),
        };
        self.tapped(&(name.name.clone(), index), expr.span)
    }

    fn no_tap(&mut self, span: Span, block: &str, param: &str) -> Tensor {
        self.report(
            Diagnostic::new(span, format!("{block}'s `{param}` is a tensor: it takes a tap"))
                .help(format!("name the tensor with `tap t` and write `{param} = t`")),
        );
        None
    }

    /// What to say where calls or braces nest too deep.
    pub(super) fn too_deep(&self, span: Span) -> Diagnostic {
        let mut names: Vec<&str> = self.frames.iter().skip(1).map(|frame| frame.name).collect();
        let last = names.last().copied().unwrap_or_default();
        let again = names.iter().filter(|name| **name == last).count();
        if again < 3 {
            return Diagnostic::new(span, format!("blocks and braces nest more than {DEEPEST} deep"));
        }
        let period = names.iter().rev().skip(1).position(|name| *name == last).map_or(names.len(), |n| n + 1);
        let cycle = names.split_off(names.len() - period - 1);
        let span = self.frame().call_span;
        Diagnostic::new(span, format!("block `{last}` calls itself without end: {}", cycle.join(" -> ")))
            .help("guard the call with an `if` that ends it, or use a loop")
    }
}

/// A path of bearable length: its beginning and its end.
fn shortened(path: &str) -> String {
    const SHOWN: usize = 24;
    let chars: Vec<char> = path.chars().collect();
    if chars.len() <= 2 * SHOWN {
        return path.to_owned();
    }
    let (begin, end) = (chars[..SHOWN].iter(), chars[chars.len() - SHOWN..].iter());
    begin.chain(['…'].iter()).chain(end).collect()
}

/// The arguments of one call of a block.
#[derive(Default)]
struct Bound {
    values: Vec<(String, Value)>,
    taps: BTreeMap<String, Tensor>,
    /// Names of tensor parameters in the order of the block.
    order: Vec<String>,
    /// Whether by name, the name, the value: for messages.
    shown: Vec<(bool, String, String)>,
}

impl Bound {
    fn written(&self, block: &str) -> String {
        let list: Vec<String> = self
            .shown
            .iter()
            .map(|(named, name, value)| if *named { format!("{name} = {value}") } else { value.clone() })
            .collect();
        if list.is_empty() { block.to_owned() } else { format!("{block}({})", list.join(", ")) }
    }
}

/// The expression of a layer's argument in a call.
fn argument_span(layer: &Layer, call: &Call, name: &str) -> Option<Span> {
    let position = layer.arguments.iter().position(|argument| argument.name == name)?;
    let named = call.args.iter().find(|arg| arg.name.as_ref().is_some_and(|given| given.name == name));
    let positional = || call.args.get(position).filter(|arg| arg.name.is_none());
    named.or_else(positional).map(|arg| arg.value.span)
}

//! Chains and their steps.

use super::arguments::ints;
use super::choices::{Choices, Event};
use super::headers::shape_of;
use super::scopes::Naming;
use super::{DEEPEST, Elaborator, MOST_NODES, MOST_STEPS, Tensor, Value};
use crate::diag::{Diagnostic, Span};
use crate::graph::{At, Fault, Node, NodeId, Op, ScopeId};
use crate::syntax::ast::{Body, Chain, Expr, Label, LabelPiece, Pattern, Postfix, Primary, Step};

/// The word by which an error names a step.
pub fn primary_span(primary: &Primary) -> Span {
    match primary {
        Primary::Call(call) => call.name.span,
        Primary::Group(body) => {
            body.chain.steps.first().map_or_else(Span::call_site, |step| primary_span(&step.primary))
        }
        Primary::Join(join) => join.keyword,
        Primary::If(one) => one.keyword,
        Primary::For(one) => one.keyword,
        Primary::Tap(tap) | Primary::From(tap) => tap.keyword,
        Primary::Aux(keyword, _) => *keyword,
        Primary::Custom(custom) => custom.keyword,
        Primary::Choose(choose) => choose.keyword,
    }
}

pub fn chain_span(chain: &Chain) -> Span {
    chain.steps.last().map_or_else(Span::call_site, |step| primary_span(&step.primary))
}

impl<'a> Elaborator<'a, '_> {
    pub(super) fn chain(&mut self, chain: &'a Chain, mut tensor: Tensor, naming: Naming) -> Tensor {
        for step in &chain.steps {
            tensor = self.step(step, tensor, naming);
        }
        tensor
    }

    /// Braces: what their `let`s name ends with them.
    pub(super) fn body(&mut self, body: &'a Body, tensor: Tensor, naming: Naming) -> Tensor {
        let outer = self.frame().variables.len();
        self.lets(body, tensor);
        let tensor = self.chain(&body.chain, tensor, naming);
        self.frame_mut().variables.truncate(outer);
        tensor
    }

    pub(super) fn lets(&mut self, body: &'a Body, tensor: Tensor) {
        for one in &body.lets {
            let value = self.eval(&one.value, tensor);
            self.bind_pattern(&one.pattern, value);
        }
    }

    pub(super) fn bind_pattern(&mut self, pattern: &'a Pattern, value: Value) {
        match (pattern, value) {
            (Pattern::Name(name), value) => self.bind(name, value),
            (Pattern::Tuple(parts, _), Value::List(values) | Value::Tuple(values)) if parts.len() == values.len() => {
                for (part, value) in parts.iter().zip(values) {
                    self.bind_pattern(part, value);
                }
            }
            (Pattern::Tuple(parts, span), value) => {
                if !value.is_unknown() {
                    self.error(*span, format!("a pattern of {} names does not fit {value}", parts.len()));
                }
                for part in parts {
                    self.bind_pattern(part, Value::Unknown);
                }
            }
        }
    }

    fn step(&mut self, step: &'a Step, tensor: Tensor, naming: Naming) -> Tensor {
        if self.stopped {
            return None;
        }
        self.steps += 1;
        if self.steps > MOST_STEPS {
            self.stop(
                Diagnostic::new(primary_span(&step.primary), format!("the network takes more than {MOST_STEPS} steps"))
                    .help("a loop or repeat runs too often"),
            );
            return None;
        }
        if self.depth >= DEEPEST {
            let diagnostic = self.too_deep(primary_span(&step.primary));
            self.stop(diagnostic);
            return None;
        }
        self.depth += 1;
        self.choices.log(step, || Event::Begin);
        let label = step.label.as_ref().map(|label| self.label(label, naming, tensor));
        let tensor = self.postfixed(step, &step.postfix, label, tensor, naming);
        self.choices.log(step, || Event::End);
        self.depth -= 1;
        tensor
    }

    /// The step with the postfixes so far; the last one is the outermost.
    fn postfixed(
        &mut self,
        step: &'a Step,
        postfix: &'a [Postfix],
        label: Option<ScopeId>,
        tensor: Tensor,
        naming: Naming,
    ) -> Tensor {
        match postfix.split_last() {
            None => self.primary(&step.primary, label, tensor, naming),
            Some((Postfix::Repeat(count), inner)) => {
                // The label is the scope of the copies, whatever their number.
                let naming = label.map_or(naming, Naming::within);
                let times = self.repeats(count, tensor);
                let mut tensor = times.and(tensor);
                for copy in 0..times.unwrap_or(0) {
                    // Where nothing is known of a tensor, another copy says nothing new.
                    if self.stopped || tensor.is_none() && copy > 0 {
                        return None;
                    }
                    tensor = self.postfixed(step, inner, None, tensor, naming);
                }
                tensor
            }
            Some((Postfix::Assert(size), inner)) => {
                if let (Primary::Custom(custom), []) = (&step.primary, inner) {
                    return self.custom(custom, Some(size), label, tensor, naming);
                }
                let before = tensor;
                let tensor = self.postfixed(step, inner, label, tensor, naming);
                self.assert_size(size, before, tensor, primary_span(&step.primary), naming)
            }
            Some((Postfix::Ask(span), inner)) => {
                let tensor = self.postfixed(step, inner, label, tensor, naming);
                if let Some(shape) = self.shape(tensor) {
                    self.report(
                        Diagnostic::new(*span, format!("the size here is {shape}"))
                            .help(format!("write `@ {shape}` to have it checked")),
                    );
                }
                tensor
            }
        }
    }

    fn repeats(&mut self, count: &'a Expr, tensor: Tensor) -> Option<i64> {
        match self.eval(count, tensor) {
            Value::Int(n) if n > MOST_NODES as i64 => {
                self.error(count.span, format!("a step repeats at most {MOST_NODES} times, this is {n}"));
                None
            }
            Value::Int(n) if n >= 0 => {
                self.choices.log(count, || Event::Copies(n));
                Some(n)
            }
            Value::Unknown => {
                self.frame_mut().taps_uncertain = true;
                None
            }
            other => {
                self.error(count.span, format!("a step repeats a whole number of times, at least 0, this is {other}"));
                None
            }
        }
    }

    /// `@ size`; `in.*` in it is the tensor that arrived at the step. Behind a mistake the stated size is believed.
    fn assert_size(&mut self, size: &'a Expr, before: Tensor, tensor: Tensor, at: Span, naming: Naming) -> Tensor {
        if !self.frame().checked {
            return tensor;
        }
        let value = self.eval(size, before);
        if value.is_unknown() {
            return tensor;
        }
        let Some(expected) = shape_of(&value) else {
            let list = ints(&value).is_some();
            let what = if list {
                format!("{value} is no size")
            } else {
                format!("a size is needed, this is {}", value.kind())
            };
            self.report(Diagnostic::new(size.span, what).help("write `@ 64x56x56`, `@ [c, h, w]` or `@ [n]`"));
            return tensor;
        };
        match self.shape(tensor) {
            Some(found) if found == expected => tensor,
            Some(found) => {
                self.report(
                    Diagnostic::new(size.span, format!("the size here is {found}, not {expected}"))
                        .help(format!("write `@ {found}`, or change the step before it")),
                );
                None
            }
            None => {
                self.incomplete = true;
                let scope = naming.numbers;
                self.push_node(Node { op: Op::Input, inputs: vec![], shape: expected, scope, auxiliary: false }, at)
            }
        }
    }

    fn primary(&mut self, primary: &'a Primary, label: Option<ScopeId>, tensor: Tensor, naming: Naming) -> Tensor {
        let inside = label.map_or(naming, Naming::within);
        match primary {
            Primary::Call(call) => self.call(call, label, tensor, naming),
            Primary::Group(body) => self.body(body, tensor, inside),
            Primary::Join(join) => self.join(join, tensor, inside),
            Primary::If(one) => match self.arm(one, tensor) {
                Some(Some(body)) => self.body(body, tensor, inside),
                Some(None) => tensor,
                None => None,
            },
            Primary::For(one) => {
                let mut tensor = tensor;
                let values = self.elements(one, tensor)?;
                for value in values {
                    if self.stopped {
                        return None;
                    }
                    let outer = self.frame().variables.len();
                    self.bind_pattern(&one.pattern, value);
                    tensor = self.body(&one.body, tensor, inside);
                    self.frame_mut().variables.truncate(outer);
                }
                tensor
            }
            Primary::Tap(tap) => {
                if let Some(key) = self.tap_key(tap, tensor) {
                    self.frame_mut().taps.insert(key, tensor);
                }
                tensor
            }
            Primary::From(tap) => {
                let key = self.tap_key(tap, tensor)?;
                self.tapped(&key, tap.name.span)
            }
            Primary::Aux(keyword, body) => {
                self.auxiliary(*keyword, body, tensor, inside, label);
                tensor
            }
            Primary::Custom(custom) => self.custom(custom, None, label, tensor, naming),
            Primary::Choose(choose) => {
                let option =
                    match &self.choices {
                        Choices::Follow(member) => member.choose(choose, choose.options.len()),
                        Choices::None(_) | Choices::Ask(_) => {
                            self.report(Diagnostic::new(choose.keyword, "`choose` in a network").help(
                                "a `choose` belongs in `search_space!`; here write the steps of one of its options",
                            ));
                            None
                        }
                    };
                self.chain(choose.options.get(option?)?, tensor, inside)
            }
        }
    }

    /// The scope that a label opens.
    fn label(&mut self, label: &'a Label, naming: Naming, tensor: Tensor) -> ScopeId {
        let mut text = String::new();
        for piece in &label.pieces {
            match piece {
                LabelPiece::Text(piece) => text.push_str(piece),
                LabelPiece::Expr(expr) => match self.eval(expr, tensor) {
                    value @ (Value::Int(_) | Value::Float(_) | Value::Bool(_)) => text.push_str(&value.to_string()),
                    // Steps below keep a scope of their own, which nobody sees.
                    Value::Unknown => return self.scopes.hidden(naming.labels),
                    other => self.error(label.span, format!("a label holds numbers, not {} ({other})", other.kind())),
                },
            }
        }
        if text.contains('.') || text.is_empty() {
            let message = format!("`{text}` cannot be a label");
            self.report(
                Diagnostic::new(label.span, message).help("a label is one level of a name: nest labels for `a.b`"),
            );
            return self.scopes.hidden(naming.labels);
        }
        self.open(naming.labels, &text, label.span)
    }

    /// Adds an operation; `span_of` finds the word at fault.
    pub(super) fn node(
        &mut self,
        op: Op,
        inputs: Vec<NodeId>,
        scope: ScopeId,
        span: Span,
        span_of: impl Fn(At) -> Span,
    ) -> Tensor {
        let shapes: Vec<_> = inputs.iter().map(|id| self.nodes[id.0].shape).collect();
        match op.output(&shapes) {
            Ok(shape) => self.push_node(Node { op, inputs, shape, scope, auxiliary: self.in_auxiliary }, span),
            Err(Fault { at, message, help }) => {
                self.report(Diagnostic { span: span_of(at), message, help, notes: Vec::new() });
                None
            }
        }
    }

    fn push_node(&mut self, node: Node, span: Span) -> Tensor {
        if self.nodes.len() >= MOST_NODES {
            self.stop(
                Diagnostic::new(span, format!("the network has more than {MOST_NODES} operations"))
                    .help("a loop or repeat runs too often"),
            );
            return None;
        }
        self.nodes.push(node);
        self.spans.push(self.word_of(span));
        Some(NodeId(self.nodes.len() - 1))
    }
}

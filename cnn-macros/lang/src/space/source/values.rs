//! Expressions without choices.

use super::Writer;
use crate::diag::Span;
use crate::elaborate::Value;
use crate::elaborate::choices::Event;
use crate::elaborate::mentions::chooses;
use crate::syntax::ast::{Expr, ExprKind};

impl Writer<'_> {
    /// In the order in which values are evaluated.
    pub(super) fn expr(&mut self, value: &Expr) -> Expr {
        if !chooses(value) {
            return value.clone();
        }
        let boxed = |this: &mut Self, value: &Expr| Box::new(this.expr(value));
        let list = |this: &mut Self, values: &[Expr]| values.iter().map(|value| this.expr(value)).collect();
        let kind = match &value.kind {
            ExprKind::Choose(options) => {
                let option = self.next(value, |event| match event {
                    Event::Option(option) => Some(usize::from(*option)),
                    _ => None,
                });
                // One that was not met is not needed.
                return self.expr(&options[option.unwrap_or(0).min(options.len() - 1)]);
            }
            ExprKind::List(values) => ExprKind::List(list(self, values)),
            ExprKind::Tuple(values) => ExprKind::Tuple(list(self, values)),
            ExprKind::Call { function, args } => ExprKind::Call { function: function.clone(), args: list(self, args) },
            ExprKind::Range { start, end, inclusive } => {
                let (start, end) = (boxed(self, start), boxed(self, end));
                ExprKind::Range { start, end, inclusive: *inclusive }
            }
            ExprKind::Index(of, index) => {
                let index = boxed(self, index);
                ExprKind::Index(boxed(self, of), index)
            }
            ExprKind::Unary(op, operand) => ExprKind::Unary(*op, boxed(self, operand)),
            ExprKind::Binary(op, left, right) => {
                let left = boxed(self, left);
                ExprKind::Binary(*op, left, boxed(self, right))
            }
            ExprKind::If { condition, then, otherwise } => {
                let condition = boxed(self, condition);
                let holds = self.next(value, |event| match event {
                    Event::Arm(holds) => Some(*holds),
                    _ => None,
                });
                if let Some(holds) = holds {
                    return self.expr(if holds { then } else { otherwise });
                }
                let then = boxed(self, then);
                ExprKind::If { condition, then, otherwise: boxed(self, otherwise) }
            }
            plain @ (ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Size(_)
            | ExprKind::Name(_)
            | ExprKind::In(_)) => plain.clone(),
        };
        Expr { kind, span: value.span }
    }
}

/// A value as it is written.
pub(super) fn expr(value: &Value) -> Expr {
    let list = |values: &[Value]| values.iter().map(expr).collect();
    let kind = match value {
        Value::Int(n) => ExprKind::Int(*n),
        Value::Float(x) => ExprKind::Float(*x),
        Value::Bool(b) => ExprKind::Bool(*b),
        Value::List(values) => ExprKind::List(list(values)),
        Value::Tuple(values) => ExprKind::Tuple(list(values)),
        Value::Unknown => ExprKind::Int(0),
    };
    Expr { kind, span: Span::call_site() }
}

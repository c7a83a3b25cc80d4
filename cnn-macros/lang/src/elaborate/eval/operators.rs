//! Operators: signs, comparisons, arithmetic.

use super::Evaluator;
use crate::diag::Span;
use crate::elaborate::value::Value;
use crate::syntax::ast::{BinaryOp, Expr, UnaryOp};

impl Evaluator<'_> {
    pub(super) fn unary(&mut self, op: UnaryOp, operand: &Expr) -> Value {
        match (op, self.value(operand)) {
            (_, Value::Unknown) => Value::Unknown,
            (UnaryOp::Neg, Value::Int(n)) => self.whole(n.checked_neg(), operand.span),
            (UnaryOp::Neg, Value::Float(x)) => Value::Float(-x),
            (UnaryOp::Not, Value::Bool(b)) => Value::Bool(!b),
            (UnaryOp::Neg, other) => {
                self.fail(operand.span, format!("`-` needs a number, this is {} ({other})", other.kind()), None)
            }
            (UnaryOp::Not, other) => {
                self.fail(operand.span, format!("`!` needs a boolean, this is {} ({other})", other.kind()), None)
            }
        }
    }

    pub(super) fn whole(&mut self, result: Option<i64>, span: Span) -> Value {
        match result {
            Some(n) => Value::Int(n),
            None => self.fail(span, "the result does not fit into 64 bits".to_owned(), None),
        }
    }

    pub(super) fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Value {
        let a = self.value(left);
        // A condition that is settled does not look at its other side: `i > 0 && xs[i - 1] == 3`.
        match (op, &a) {
            (BinaryOp::And, Value::Bool(false)) => return Value::Bool(false),
            (BinaryOp::Or, Value::Bool(true)) => return Value::Bool(true),
            _ => {}
        }
        let b = self.value(right);
        if a.is_unknown() || b.is_unknown() {
            return Value::Unknown;
        }
        match op {
            BinaryOp::And | BinaryOp::Or => match (&a, &b) {
                (Value::Bool(_), Value::Bool(b)) => Value::Bool(*b),
                _ => {
                    let (at, wrong) = if matches!(a, Value::Bool(_)) { (right, b) } else { (left, a) };
                    let message = format!("`{}` joins booleans, this is {} ({wrong})", op.symbol(), wrong.kind());
                    self.fail(at.span, message, None)
                }
            },
            BinaryOp::Eq | BinaryOp::Ne => match (&a, &b) {
                // An integer may equal a float; of two integers every digit counts.
                (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => {
                    Value::Bool((a.number() == b.number()) == (op == BinaryOp::Eq))
                }
                _ => Value::Bool((a == b) == (op == BinaryOp::Eq)),
            },
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => self.compare(op, &a, &b, left, right),
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
                self.arithmetic(op, &a, &b, [left, right], span)
            }
        }
    }

    fn compare(&mut self, op: BinaryOp, a: &Value, b: &Value, left: &Expr, right: &Expr) -> Value {
        let ordering = match (a, b) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            _ => a.number().zip(b.number()).and_then(|(a, b)| a.partial_cmp(&b)),
        };
        let Some(ordering) = ordering else {
            let (at, wrong) = if a.number().is_some() { (right, b) } else { (left, a) };
            let message = format!("`{}` compares numbers, this is {} ({wrong})", op.symbol(), wrong.kind());
            return self.fail(at.span, message, None);
        };
        Value::Bool(match op {
            BinaryOp::Lt => ordering.is_lt(),
            BinaryOp::Le => ordering.is_le(),
            BinaryOp::Gt => ordering.is_gt(),
            _ => ordering.is_ge(),
        })
    }

    fn arithmetic(&mut self, op: BinaryOp, a: &Value, b: &Value, sides: [&Expr; 2], span: Span) -> Value {
        if let (Value::List(a), Value::List(b), BinaryOp::Add) = (a, b, op) {
            return Value::List(a.iter().chain(b).cloned().collect());
        }
        let (Some(x), Some(y)) = (a.number(), b.number()) else {
            let (at, wrong) = if a.number().is_some() { (sides[1], b) } else { (sides[0], a) };
            let message = format!("`{}` needs numbers, this is {} ({wrong})", op.symbol(), wrong.kind());
            return self.fail(at.span, message, None);
        };
        if y == 0.0 && matches!(op, BinaryOp::Div | BinaryOp::Rem) {
            return self.fail(sides[1].span, format!("division of {a} by zero"), None);
        }
        if let (Value::Int(a), Value::Int(b)) = (a, b) {
            let result = match op {
                BinaryOp::Add => a.checked_add(*b),
                BinaryOp::Sub => a.checked_sub(*b),
                BinaryOp::Mul => a.checked_mul(*b),
                BinaryOp::Div => a.checked_div(*b),
                _ => a.checked_rem(*b),
            };
            return match result {
                Some(n) => Value::Int(n),
                None => self.fail(span, format!("{a} {} {b} does not fit into 64 bits", op.symbol()), None),
            };
        }
        let result = match op {
            BinaryOp::Add => x + y,
            BinaryOp::Sub => x - y,
            BinaryOp::Mul => x * y,
            BinaryOp::Div => x / y,
            _ => x % y,
        };
        if result.is_finite() {
            Value::Float(result)
        } else {
            self.fail(span, format!("{a} {} {b} is not finite", op.symbol()), None)
        }
    }
}

//! Evaluation of expressions. A mistake is reported once, its value is unknown, and what follows from it is silent.

use std::cell::Cell;

use super::value::Value;
use crate::diag::{Diagnostic, Span};
use crate::graph::Shape;
use crate::nearest::did_you_mean;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Ident, UnaryOp};

/// Longer lists are a loop without end.
const LONGEST_LIST: i64 = 100_000;

const FUNCTIONS: [&str; 7] = ["min", "max", "round", "ceil", "floor", "divisible", "len"];

/// What an expression sees.
pub struct Surroundings<'a> {
    /// Parameters, `let`s and loop variables, the outermost first.
    pub variables: &'a [(String, Value)],
    /// The tensor that arrives; `Err` where there is none by the nature of the place.
    pub arriving: Result<Option<Shape>, &'static str>,
    /// Values computed or copied so far, in the whole network.
    pub work: &'a Cell<usize>,
}

/// Values that one network may compute; whoever exceeds it gets unknown values.
pub const MOST_WORK: usize = 4_000_000;

/// The value of an expression; mistakes go to `report`.
pub fn eval(expr: &Expr, around: &Surroundings<'_>, report: &mut dyn FnMut(Diagnostic)) -> Value {
    Evaluator { around, report }.value(expr)
}

struct Evaluator<'a> {
    around: &'a Surroundings<'a>,
    report: &'a mut dyn FnMut(Diagnostic),
}

impl Evaluator<'_> {
    fn fail(&mut self, span: Span, message: String, help: Option<String>) -> Value {
        (self.report)(Diagnostic { span, message, help, notes: Vec::new() });
        Value::Unknown
    }

    /// Counts values that are about to be made; false if there are too many.
    fn worked(&self, values: usize) -> bool {
        let work = self.around.work.get().saturating_add(values);
        self.around.work.set(work);
        work <= MOST_WORK
    }

    fn value(&mut self, expr: &Expr) -> Value {
        if !self.worked(1) {
            return Value::Unknown;
        }
        match &expr.kind {
            ExprKind::Int(n) => Value::Int(*n),
            ExprKind::Float(x) => Value::Float(*x),
            ExprKind::Bool(b) => Value::Bool(*b),
            ExprKind::Size(sizes) => Value::List(sizes.iter().map(|&n| Value::Int(n)).collect()),
            ExprKind::List(items) => Value::List(items.iter().map(|item| self.value(item)).collect()),
            ExprKind::Tuple(items) => Value::Tuple(items.iter().map(|item| self.value(item)).collect()),
            ExprKind::Name(ident) => self.variable(ident),
            ExprKind::In(property) => self.arriving(property),
            ExprKind::Range { start, end, inclusive } => self.range(start, end, *inclusive, expr.span),
            ExprKind::Index(list, index) => self.index(list, index),
            ExprKind::Unary(op, operand) => self.unary(*op, operand),
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, expr.span),
            ExprKind::If { condition, then, otherwise } => match self.value(condition) {
                Value::Bool(true) => self.value(then),
                Value::Bool(false) => self.value(otherwise),
                Value::Unknown => Value::Unknown,
                other => self.fail(
                    condition.span,
                    format!("a condition must be a boolean, this is {} ({other})", other.kind()),
                    None,
                ),
            },
            ExprKind::Call { function, args } => self.call(function, args, expr.span),
        }
    }

    fn variable(&mut self, ident: &Ident) -> Value {
        let variables = self.around.variables;
        if let Some((_, value)) = variables.iter().rev().find(|(name, _)| *name == ident.name) {
            return if self.worked(value.size()) { value.clone() } else { Value::Unknown };
        }
        let help = match ident.name.as_str() {
            "channels" | "height" | "width" => Some(format!("the arriving tensor's is `in.{}`", ident.name)),
            name => did_you_mean(name, variables.iter().map(|(name, _)| name.as_str())),
        };
        self.fail(ident.span, format!("`{}` is not known here", ident.name), help)
    }

    fn arriving(&mut self, property: &Ident) -> Value {
        if !["channels", "height", "width"].contains(&property.name.as_str()) {
            let help = did_you_mean(&property.name, ["channels", "height", "width"]);
            let help = help.unwrap_or_else(|| "a tensor has channels, height and width".to_owned());
            return self.fail(property.span, format!("a tensor has no `{}`", property.name), Some(help));
        }
        let shape = match self.around.arriving {
            Ok(Some(shape)) => shape,
            Ok(None) => return Value::Unknown,
            Err(place) => return self.fail(property.span, format!("no tensor arrives at {place}"), None),
        };
        let size = match (property.name.as_str(), shape.spatial()) {
            ("channels", _) => shape.channels(),
            ("height", Some([height, _])) => height,
            ("width", Some([_, width])) => width,
            (name, _) => {
                let message = format!("a vector of {shape} arrives here, which has no {name}");
                return self.fail(property.span, message, Some("`in.channels` is its length".to_owned()));
            }
        };
        Value::Int(size as i64)
    }

    fn range(&mut self, start: &Expr, end: &Expr, inclusive: bool, span: Span) -> Value {
        let (from, to) = (self.value(start), self.value(end));
        match (from, to) {
            (Value::Int(from), Value::Int(to)) => {
                let to = if inclusive { to.saturating_add(1) } else { to };
                let length = to.saturating_sub(from);
                if length > LONGEST_LIST {
                    let message = format!("a range of {length} numbers, at most {LONGEST_LIST} are allowed");
                    return self.fail(span, message, None);
                }
                if !self.worked(usize::try_from(length).unwrap_or(0)) {
                    return Value::Unknown;
                }
                Value::List((from..to).map(Value::Int).collect())
            }
            (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
            (from, to) => {
                let (at, wrong) = if matches!(from, Value::Int(_)) { (end, to) } else { (start, from) };
                let message = format!("a range goes between integers, this is {} ({wrong})", wrong.kind());
                self.fail(at.span, message, None)
            }
        }
    }

    fn index(&mut self, list: &Expr, index: &Expr) -> Value {
        let at = self.value(index);
        // Of a list that has a name only the element is copied.
        let variables = self.around.variables;
        let named = match &list.kind {
            ExprKind::Name(ident) => variables.iter().rev().find(|(name, _)| *name == ident.name),
            _ => None,
        };
        if let (Some((_, Value::List(values) | Value::Tuple(values))), Value::Int(n)) = (named, &at)
            && let Some(value) = usize::try_from(*n).ok().and_then(|n| values.get(n))
        {
            return if self.worked(value.size()) { value.clone() } else { Value::Unknown };
        }
        let values = self.value(list);
        match (values, at) {
            (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
            (Value::List(values) | Value::Tuple(values), Value::Int(at)) => {
                let found = usize::try_from(at).ok().and_then(|at| values.get(at).cloned());
                let length = values.len();
                found.unwrap_or_else(|| {
                    let message = format!("index {at} of a list of {length}, counted from 0");
                    self.fail(index.span, message, None)
                })
            }
            (Value::List(_) | Value::Tuple(_), at) => {
                self.fail(index.span, format!("an index must be an integer, this is {}", at.kind()), None)
            }
            (other, _) => self.fail(list.span, format!("only a list has elements, this is {}", other.kind()), None),
        }
    }

    fn unary(&mut self, op: UnaryOp, operand: &Expr) -> Value {
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

    fn whole(&mut self, result: Option<i64>, span: Span) -> Value {
        match result {
            Some(n) => Value::Int(n),
            None => self.fail(span, "the result does not fit into 64 bits".to_owned(), None),
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Value {
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
            return self.whole(result, span);
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
            self.fail(span, "the result is not finite".to_owned(), None)
        }
    }

    fn call(&mut self, function: &Ident, args: &[Expr], span: Span) -> Value {
        let values: Vec<Value> = args.iter().map(|arg| self.value(arg)).collect();
        let name = function.name.as_str();
        if !FUNCTIONS.contains(&name) {
            let help = did_you_mean(name, FUNCTIONS).unwrap_or_else(|| format!("there are {}", FUNCTIONS.join(", ")));
            return self.fail(function.span, format!("no function `{name}`"), Some(help));
        }
        let expected = match name {
            "min" | "max" => None,
            "divisible" => Some(2),
            _ => Some(1),
        };
        if expected.is_some_and(|n| n != values.len()) || values.is_empty() {
            let wanted = expected.map_or("at least 1".to_owned(), |n| n.to_string());
            let message =
                format!("{name} takes {wanted} argument{}, {} given", plural(expected.unwrap_or(1)), values.len());
            return self.fail(function.span, message, None);
        }
        if values.iter().any(Value::is_unknown) {
            return Value::Unknown;
        }
        if name == "len" {
            return match &values[0] {
                Value::List(list) | Value::Tuple(list) => Value::Int(list.len() as i64),
                other => self.fail(args[0].span, format!("len needs a list, this is {}", other.kind()), None),
            };
        }
        for (value, arg) in values.iter().zip(args) {
            if value.number().is_none() {
                let message = format!("{name} needs numbers, this is {} ({value})", value.kind());
                return self.fail(arg.span, message, None);
            }
        }
        self.numeric(name, &values, args, span)
    }

    fn numeric(&mut self, name: &str, values: &[Value], args: &[Expr], span: Span) -> Value {
        let number = |value: &Value| value.number().unwrap_or(f64::NAN);
        let better = |a: &Value, b: &Value| match (a, b, name) {
            (Value::Int(a), Value::Int(b), "min") => b < a,
            (Value::Int(a), Value::Int(b), _) => b > a,
            (_, _, "min") => number(b) < number(a),
            _ => number(b) > number(a),
        };
        let x = number(&values[0]);
        match name {
            "min" | "max" => {
                values[1..].iter().fold(values[0].clone(), |best, v| if better(&best, v) { v.clone() } else { best })
            }
            "divisible" => {
                let divisor = match &values[1] {
                    Value::Int(d) if *d > 0 => *d as f64,
                    other => {
                        let message = format!("divisible needs a positive integer divisor, this is {other}");
                        return self.fail(args[1].span, message, None);
                    }
                };
                let rounded = ((x + divisor / 2.0) / divisor).floor() * divisor;
                let rounded = rounded.max(divisor);
                self.rounded(if rounded < 0.9 * x { rounded + divisor } else { rounded }, span)
            }
            "ceil" | "floor" | "round" if matches!(values[0], Value::Int(_)) => values[0].clone(),
            "ceil" => self.rounded(x.ceil(), span),
            "floor" => self.rounded(x.floor(), span),
            _ => self.rounded(x.round_ties_even(), span),
        }
    }

    fn rounded(&mut self, x: f64, span: Span) -> Value {
        // 2^63 is the first float that does not fit.
        let fits = x.abs() < 9_223_372_036_854_775_808.0;
        self.whole(fits.then_some(x as i64), span)
    }
}

/// The plural s of a count.
pub fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

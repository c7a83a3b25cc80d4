//! Functions: `min`, `round`, `divisible` and their like.

use super::{Evaluator, plural};
use crate::diag::Span;
use crate::elaborate::value::Value;
use crate::nearest::did_you_mean;
use crate::syntax::ast::{Expr, Ident};

const FUNCTIONS: [&str; 7] = ["min", "max", "round", "ceil", "floor", "divisible", "len"];

/// How a function is called.
fn signature(name: &str) -> String {
    let arguments = match name {
        "min" | "max" => "a, b, …",
        "divisible" => "x, divisor",
        "len" => "list",
        _ => "x",
    };
    format!("{name}({arguments})")
}

impl Evaluator<'_> {
    pub(super) fn call(&mut self, function: &Ident, args: &[Expr], span: Span) -> Value {
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
            return self.fail(function.span, message, Some(format!("write {}", signature(name))));
        }
        if values.iter().any(Value::is_unknown) {
            return Value::Unknown;
        }
        if name == "len" {
            return match &values[0] {
                Value::List(list) | Value::Tuple(list) => Value::Int(list.len() as i64),
                other => self.fail(args[0].span, format!("len needs a list, this is {} ({other})", other.kind()), None),
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

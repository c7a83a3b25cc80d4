//! Values of expressions.

use std::fmt;

/// What an expression is worth.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `[a, b]`, `a..b` or a size.
    List(Vec<Value>),
    /// `(a, b)`.
    Tuple(Vec<Value>),
    /// Follows from a mistake that has been reported.
    Unknown,
}

impl Value {
    /// As an error message names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Int(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Bool(_) => "a boolean",
            Value::List(_) => "a list",
            Value::Tuple(_) => "a tuple",
            Value::Unknown => "unknown",
        }
    }

    /// Whether the value or a part of it is unknown.
    pub fn is_unknown(&self) -> bool {
        match self {
            Value::Unknown => true,
            Value::List(values) | Value::Tuple(values) => values.iter().any(Value::is_unknown),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => false,
        }
    }

    /// As a float, if it is a number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            Value::Bool(_) | Value::List(_) | Value::Tuple(_) | Value::Unknown => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, values: &[Value]| {
            for (index, value) in values.iter().enumerate() {
                write!(f, "{}{value}", if index == 0 { "" } else { ", " })?;
            }
            Ok(())
        };
        match self {
            Value::Int(n) => write!(f, "{n}"),
            Value::Float(x) => write!(f, "{x:?}"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::List(values) => {
                f.write_str("[")?;
                list(f, values)?;
                f.write_str("]")
            }
            Value::Tuple(values) => {
                f.write_str("(")?;
                list(f, values)?;
                f.write_str(")")
            }
            Value::Unknown => f.write_str("?"),
        }
    }
}

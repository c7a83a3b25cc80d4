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

    /// How many values it holds, itself included.
    pub fn size(&self) -> usize {
        match self {
            Value::List(values) | Value::Tuple(values) => 1 + values.iter().map(Value::size).sum::<usize>(),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Unknown => 1,
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

/// Numbers of a list that messages and names of calls show.
const SHOWN: usize = 24;

/// As it would be written; of a long list the beginning.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = SHOWN;
        self.write(f, &mut room)
    }
}

impl Value {
    fn write(&self, f: &mut fmt::Formatter<'_>, room: &mut usize) -> fmt::Result {
        let mut list = |f: &mut fmt::Formatter<'_>, [open, close]: [&str; 2], values: &[Value]| {
            f.write_str(open)?;
            for (index, value) in values.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { ", " })?;
                if *room == 0 {
                    f.write_str("…")?;
                    break;
                }
                *room -= 1;
                value.write(f, room)?;
            }
            f.write_str(close)
        };
        match self {
            Value::Int(n) => write!(f, "{n}"),
            Value::Float(x) => write!(f, "{x:?}"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::List(values) => list(f, ["[", "]"], values),
            Value::Tuple(values) => list(f, ["(", ")"], values),
            Value::Unknown => f.write_str("?"),
        }
    }
}

//! Values to be computed.

use super::Ident;
use crate::diag::Span;

/// A value to be computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// All of it.
    pub span: Span,
}

/// The kinds of values.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `64`, `12M`, `2G`.
    Int(i64),
    /// `0.1`, `1e-5`
    Float(f64),
    /// `true`, `false`
    Bool(bool),
    /// `3x224x224`: a list as papers print it. At least two numbers.
    Size(Vec<i64>),
    /// A parameter, or what `let` or `for` bound.
    Name(Ident),
    /// `in.channels`, `in.height`, `in.width`: the tensor that arrives here.
    In(Ident),
    /// `[a, b]`
    List(Vec<Expr>),
    /// At least two values; `(x)` is only a parenthesis and leaves no trace.
    Tuple(Vec<Expr>),
    /// `0..n` or `1..=n`.
    Range {
        /// The first.
        start: Box<Expr>,
        /// Past the last, or the last.
        end: Box<Expr>,
        /// `..=`
        inclusive: bool,
    },
    /// `xs[i]`
    Index(Box<Expr>, Box<Expr>),
    /// `-x`, `!x`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `if c { a } else { b }`
    If {
        /// A boolean.
        condition: Box<Expr>,
        /// If it holds.
        then: Box<Expr>,
        /// If it does not.
        otherwise: Box<Expr>,
    },
    /// `min(a, b)`, `divisible(x, 8)`, …
    Call {
        /// Its name.
        function: Ident,
        /// By position.
        args: Vec<Expr>,
    },
    /// `choose(a, b, c)`: one of these, in a space. At least one.
    Choose(Vec<Expr>),
}

/// Operators before a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `!`
    Not,
}

/// Operators between values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
}

impl BinaryOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "||",
            BinaryOp::And => "&&",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Rem => "%",
        }
    }

    /// How tightly it binds: `||` 1, `&&` 2, comparisons 3, `+ -` 4, `* / %` 5.
    pub fn precedence(self) -> u8 {
        match self {
            BinaryOp::Or => 1,
            BinaryOp::And => 2,
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => 3,
            BinaryOp::Add | BinaryOp::Sub => 4,
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => 5,
        }
    }
}

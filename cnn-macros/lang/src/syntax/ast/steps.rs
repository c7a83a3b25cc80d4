//! Chains, their steps, and what steps are made of.

use super::*;
use crate::diag::Span;

/// `step -> step -> step`.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// At least one, unless it was lost.
    pub steps: Vec<Step>,
}

/// `{ let mid = out / 4; chain }`: what braces hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// Names for values, seen from there on.
    pub lets: Vec<Let>,
    /// The steps.
    pub chain: Chain,
}

/// `let pattern = value;`
#[derive(Debug, Clone, PartialEq)]
pub struct Let {
    /// What is bound.
    pub pattern: Pattern,
    /// To what.
    pub value: Expr,
}

/// A name, or a tuple of patterns.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// `n`; `_` binds nothing.
    Name(Ident),
    /// `(a, b)`
    Tuple(Vec<Pattern>, Span),
}

/// `label: primary postfix`
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name among the parameters.
    pub label: Option<Label>,
    /// What it does.
    pub primary: Primary,
    /// In the order of the text.
    pub postfix: Vec<Postfix>,
}

/// `conv1:` or `"block{i}-{j}":`, in pieces. A label is one level of a parameter's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// At least one; never two texts in a row.
    pub pieces: Vec<LabelPiece>,
    /// Without the colon.
    pub span: Span,
}

/// A part of a label.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelPiece {
    /// As written, escapes resolved.
    Text(String),
    /// `{expr}`; its spans are the label's.
    Expr(Expr),
}

/// What follows a step and binds to it alone.
#[derive(Debug, Clone, PartialEq)]
pub enum Postfix {
    /// `* 3`
    Repeat(Expr),
    /// `@ 64x56x56`
    Assert(Expr),
    /// `@ ?`: the span of the question mark.
    Ask(Span),
}

/// A step without its label and postfixes.
#[derive(Debug, Clone, PartialEq)]
pub enum Primary {
    /// A layer or a block.
    Call(Call),
    /// `{ chain }`
    Group(Body),
    /// `add { … }`
    Join(Join),
    /// `if condition { chain }`
    If(If<Body>),
    /// `for pattern in list { chain }`
    For(For<Body>),
    /// `tap s`
    Tap(TapRef),
    /// `from s`
    From(TapRef),
    /// `aux { chain }`, after its keyword.
    Aux(Span, Body),
    /// `custom path`
    Custom(Custom),
    /// `choose { chain; chain; }`
    Choose(Choose),
}

/// `conv(64, 7, stride = 2)`; `relu` is a call without arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Of the layer or block.
    pub name: Ident,
    /// Those by position come first.
    pub args: Vec<Arg>,
    /// The whole call.
    pub span: Span,
}

/// `64` or `stride = 2`.
#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    /// None by position.
    pub name: Option<Ident>,
    /// What is passed.
    pub value: Expr,
}

/// How branches become one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// `add`
    Add,
    /// `concat`
    Concat,
    /// `mul`
    Mul,
}

impl JoinKind {
    /// As it is written.
    pub fn keyword(self) -> &'static str {
        match self {
            JoinKind::Add => "add",
            JoinKind::Concat => "concat",
            JoinKind::Mul => "mul",
        }
    }
}

/// `add { branch; branch; }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// How.
    pub kind: JoinKind,
    /// Its keyword.
    pub keyword: Span,
    /// At least one, unless it was lost.
    pub branches: Vec<Branch>,
}

/// `choose { chain; chain; }`: one of these, in a space.
#[derive(Debug, Clone, PartialEq)]
pub struct Choose {
    /// `choose`
    pub keyword: Span,
    /// At least one, unless it was lost.
    pub options: Vec<Chain>,
}

/// Directly inside a join, `if` and `for` generate branches; everywhere else they generate steps.
#[derive(Debug, Clone, PartialEq)]
pub enum Branch {
    /// One branch.
    Chain(Chain),
    /// Branches that are there or not.
    If(If<Vec<Branch>>),
    /// Branches for each element.
    For(For<Vec<Branch>>),
}

/// `if condition { then } else { otherwise }`; `else if` is an `If` of its own in `otherwise`.
#[derive(Debug, Clone, PartialEq)]
pub struct If<T> {
    /// `if`
    pub keyword: Span,
    /// A boolean.
    pub condition: Expr,
    /// If it holds.
    pub then: T,
    /// If it does not.
    pub otherwise: Option<Box<Else<T>>>,
}

/// What follows `else`.
#[derive(Debug, Clone, PartialEq)]
pub enum Else<T> {
    /// `else if`
    If(If<T>),
    /// `else { … }`
    Body(T),
}

/// `for (kernel, stride) in [(3, 1), (5, 2)] { body }`.
#[derive(Debug, Clone, PartialEq)]
pub struct For<T> {
    /// `for`
    pub keyword: Span,
    /// Bound to each element in turn.
    pub pattern: Pattern,
    /// A list or range.
    pub list: Expr,
    /// Once for each element.
    pub body: T,
}

/// `s` or `s[i]` after `tap` or `from`.
#[derive(Debug, Clone, PartialEq)]
pub struct TapRef {
    /// `tap` or `from`
    pub keyword: Span,
    /// Of the tap.
    pub name: Ident,
    /// Which of several.
    pub index: Option<Expr>,
}

/// `custom path(args)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Custom {
    /// `custom`
    pub keyword: Span,
    /// Of the Rust type.
    pub path: Path,
    /// Passed to the type.
    pub args: Vec<Arg>,
}

//! The syntax tree: plain data, one type per rule of the grammar (docs/language.md).
//!
//! Equality of two trees ignores where they were written, so `parse(print(tree)) == tree` can be stated.

use proc_macro2::TokenStream;

use crate::diag::Span;

/// All definitions of one `network!`, `define!` or DSL file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct File {
    pub items: Vec<Item>,
    /// Definitions whose header could not be read; empty unless mistakes were reported.
    pub lost: Vec<LostItem>,
}

/// What is known of a definition that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct LostItem {
    pub header: Header,
    pub name: Option<Ident>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Use(Use),
    Block(Block),
    Network(Network),
    Instance(Instance),
}

/// A name as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Ident {
    pub name: String,
    pub span: Span,
}

/// `cnn_runtime::zoo::ResNet18`; a leading `::` is kept as an empty first segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub segments: Vec<Ident>,
}

/// `use path::name;` or, once its definition has been brought here, `use path::name { items }`,
/// whose last item is the definition and whose other items are what that one uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    pub path: Path,
    pub alias: Option<Ident>,
    pub carried: Option<Vec<Item>>,
    pub span: Span,
}

/// What stands before the name of a definition.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Header {
    /// Text of `///` lines, without the slashes, as written (a leading space stays).
    pub docs: Vec<String>,
    /// Attributes other than documentation, passed on to the emitted type.
    pub attributes: Vec<Tokens>,
    pub visibility: Visibility,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub enum Visibility {
    #[default]
    Private,
    Public,
    /// `pub(crate)`, `pub(super)`, `pub(in path)`: the parenthesised tokens.
    Restricted(Tokens),
}

/// Tokens that the language passes through; equal if their text is.
#[derive(Debug, Clone)]
pub struct Tokens(pub TokenStream);

impl PartialEq for Tokens {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

/// `block basic(out, stride = 1) { chain }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub header: Header,
    pub name: Ident,
    pub params: Vec<Param>,
    pub body: Body,
    /// A mistake was reported in it: parts may be missing.
    pub incomplete: bool,
}

/// `out`, `stride = 1` or `tensor prev`.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    pub tensor: bool,
    pub name: Ident,
    pub default: Option<Expr>,
}

/// `ResNet18(classes = 1000): 3x224x224 -> classes; sections where limits;`.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    pub header: Header,
    pub name: Ident,
    pub params: Vec<Param>,
    /// Channels, height, width (or one expression: a vector).
    pub input: Expr,
    /// The number of classes, or a size `[c, h, w]`.
    pub output: Expr,
    pub sections: Vec<Section>,
    pub limits: Vec<Limit>,
    /// A part of it was lost to a syntax error, so nothing can be said about its sizes.
    pub incomplete: bool,
}

/// `Pets = cnn_runtime::zoo::ResNet18(classes = 37): 3x128x128 where macs <= 1G;`.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    pub header: Header,
    pub name: Ident,
    pub of: Path,
    pub args: Vec<Arg>,
    pub input: Option<Expr>,
    pub limits: Vec<Limit>,
    /// A mistake was reported in it: parts may be missing.
    pub incomplete: bool,
}

/// `macs <= 2G`.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    pub quantity: Ident,
    pub op: BinaryOp,
    pub bound: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SectionKind {
    Stem,
    Body,
    Head,
}

impl SectionKind {
    pub fn keyword(self) -> &'static str {
        match self {
            SectionKind::Stem => "stem",
            SectionKind::Body => "body",
            SectionKind::Head => "head",
        }
    }
}

/// `body chain; chain;`.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    pub kind: SectionKind,
    pub keyword: Span,
    pub chains: Vec<Chain>,
}

/// `step -> step -> step`.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    pub steps: Vec<Step>,
}

/// `{ let mid = out / 4; chain }`: what braces hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    pub lets: Vec<Let>,
    pub chain: Chain,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Let {
    pub pattern: Pattern,
    pub value: Expr,
}

/// A name, or a tuple of patterns.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    Name(Ident),
    Tuple(Vec<Pattern>, Span),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub label: Option<Label>,
    pub primary: Primary,
    pub postfix: Vec<Postfix>,
}

/// `conv1:` or `"block{i}-{j}":`, in pieces. A label is one level of a parameter's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    pub pieces: Vec<LabelPiece>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum LabelPiece {
    Text(String),
    Expr(Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Postfix {
    /// `* 3`
    Repeat(Expr),
    /// `@ 64x56x56`
    Assert(Expr),
    /// `@ ?`: the span of the question mark.
    Ask(Span),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Primary {
    /// A layer or a block.
    Call(Call),
    Group(Body),
    Join(Join),
    If(If<Body>),
    For(For<Body>),
    Tap(TapRef),
    From(TapRef),
    Aux(Span, Body),
    Custom(Custom),
}

/// `conv(64, 7, stride = 2)`; `relu` is a call without arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub name: Ident,
    pub args: Vec<Arg>,
    /// The whole call.
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    pub name: Option<Ident>,
    pub value: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    Add,
    Concat,
    Mul,
}

impl JoinKind {
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
    pub kind: JoinKind,
    pub keyword: Span,
    pub branches: Vec<Branch>,
}

/// Directly inside a join, `if` and `for` generate branches; everywhere else they generate steps.
#[derive(Debug, Clone, PartialEq)]
pub enum Branch {
    Chain(Chain),
    If(If<Vec<Branch>>),
    For(For<Vec<Branch>>),
}

/// `if condition { then } else { otherwise }`; `else if` is an `If` of its own in `otherwise`.
#[derive(Debug, Clone, PartialEq)]
pub struct If<T> {
    pub keyword: Span,
    pub condition: Expr,
    pub then: T,
    pub otherwise: Option<Box<Else<T>>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Else<T> {
    If(If<T>),
    Body(T),
}

/// `for (kernel, stride) in [(3, 1), (5, 2)] { body }`.
#[derive(Debug, Clone, PartialEq)]
pub struct For<T> {
    pub keyword: Span,
    pub pattern: Pattern,
    pub list: Expr,
    pub body: T,
}

/// `s` or `s[i]` after `tap` or `from`.
#[derive(Debug, Clone, PartialEq)]
pub struct TapRef {
    pub keyword: Span,
    pub name: Ident,
    pub index: Option<Expr>,
}

/// `custom path(args)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Custom {
    pub keyword: Span,
    pub path: Path,
    pub args: Vec<Arg>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `64`, `12M`, `2G`.
    Int(i64),
    Float(f64),
    Bool(bool),
    /// `3x224x224`: a list as papers print it. At least two numbers.
    Size(Vec<i64>),
    Name(Ident),
    /// `in.channels`, `in.height`, `in.width`: the tensor that arrives here.
    In(Ident),
    List(Vec<Expr>),
    /// At least two values; `(x)` is only a parenthesis and leaves no trace.
    Tuple(Vec<Expr>),
    /// `0..n` or `1..=n`.
    Range {
        start: Box<Expr>,
        end: Box<Expr>,
        inclusive: bool,
    },
    Index(Box<Expr>, Box<Expr>),
    Unary(UnaryOp, Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    /// `min(a, b)`, `divisible(x, 8)`, …
    Call {
        function: Ident,
        args: Vec<Expr>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    Neg,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

impl BinaryOp {
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

//! The syntax tree: plain data, one type per rule of the grammar (docs/language.md).
//!
//! Equality of two trees ignores where they were written, so `parse(print(tree)) == tree` can be stated.

use proc_macro2::TokenStream;

use crate::diag::Span;

/// All definitions of one `network!`, `define!` or DSL file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct File {
    /// In the order of the text.
    pub items: Vec<Item>,
    /// Definitions whose header could not be read; empty unless mistakes were reported.
    pub lost: Vec<LostItem>,
}

/// What is known of a definition that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct LostItem {
    /// As far as it was read.
    pub header: Header,
    /// If it got that far.
    pub name: Option<Ident>,
}

/// One definition.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// `use path;`
    Use(Use),
    /// `block NAME(params) { chain }`
    Block(Block),
    /// `NAME: size -> classes; sections`
    Network(Network),
    /// `NAME = path(args);`
    Instance(Instance),
}

/// A name as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Ident {
    /// Without `r#`.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// `cnn_runtime::zoo::ResNet18`; a leading `::` is kept as an empty first segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// At least one.
    pub segments: Vec<Ident>,
}

/// `use path::name;` or, once its definition has been brought here, `use path::name { items }`,
/// whose last item is the definition and whose other items are what that one uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// What is imported.
    pub path: Path,
    /// The name after `as`; `_`: the definition is known by its path alone.
    pub alias: Option<Ident>,
    /// The definitions in braces.
    pub carried: Option<Vec<Item>>,
    /// From `use` to the last name.
    pub span: Span,
}

/// What stands before the name of a definition.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Header {
    /// Text of `///` lines, without the slashes, as written (a leading space stays).
    pub docs: Vec<String>,
    /// Attributes other than documentation, passed on to the emitted type.
    pub attributes: Vec<Tokens>,
    /// `pub` or less.
    pub visibility: Visibility,
}

/// Who may use a definition.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Visibility {
    /// Nothing is written.
    #[default]
    Private,
    /// `pub`
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
    /// What stands before it.
    pub header: Header,
    /// Its name.
    pub name: Ident,
    /// What a call passes.
    pub params: Vec<Param>,
    /// Its steps.
    pub body: Body,
    /// A part of it was lost to a syntax error, so nothing can be said about its sizes.
    pub incomplete: bool,
}

/// `out`, `stride = 1` or `tensor prev`.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// It is one of the caller's taps.
    pub tensor: bool,
    /// Its name.
    pub name: Ident,
    /// Its value where a call gives none.
    pub default: Option<Expr>,
}

/// `ResNet18(classes = 1000): 3x224x224 -> classes; sections where limits;`.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// What stands before it.
    pub header: Header,
    /// Its name.
    pub name: Ident,
    /// What an instance may change.
    pub params: Vec<Param>,
    /// Channels, height, width (or one expression: a vector).
    pub input: Expr,
    /// The number of classes, or a size `[c, h, w]`.
    pub output: Expr,
    /// In the order stem, body, head.
    pub sections: Vec<Section>,
    /// After `where`.
    pub limits: Vec<Limit>,
    /// A part of it was lost to a syntax error, so nothing can be said about its sizes.
    pub incomplete: bool,
}

/// `Pets = cnn_runtime::zoo::ResNet18(classes = 37): 3x128x128 where macs <= 1G;`.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// What stands before it.
    pub header: Header,
    /// Its name.
    pub name: Ident,
    /// The network whose definition it takes.
    pub of: Path,
    /// Instead of that network's defaults.
    pub args: Vec<Arg>,
    /// Instead of that network's input.
    pub input: Option<Expr>,
    /// After `where`.
    pub limits: Vec<Limit>,
    /// A part of it was lost to a syntax error, so nothing can be said about its sizes.
    pub incomplete: bool,
}

/// `macs <= 2G`.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// `params`, `macs`, …
    pub quantity: Ident,
    /// A comparison.
    pub op: BinaryOp,
    /// What it is compared with.
    pub bound: Expr,
}

/// The sections of a network, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SectionKind {
    /// `stem`
    Stem,
    /// `body`
    Body,
    /// `head`
    Head,
}

impl SectionKind {
    /// As it is written.
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
    /// Which one.
    pub kind: SectionKind,
    /// Its keyword.
    pub keyword: Span,
    /// One after the other.
    pub chains: Vec<Chain>,
}

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

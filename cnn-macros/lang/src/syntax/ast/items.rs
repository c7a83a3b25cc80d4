//! Definitions, and what they are made of down to their sections.

use proc_macro2::TokenStream;

use super::*;
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

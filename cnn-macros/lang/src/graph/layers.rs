//! What a layer is: keyword, arguments in order with defaults, and how they become an [`Op`].
//!
//! docs/language.md shows the table; a test holds the two together.

mod arguments;
mod table;

use super::fault::Fault;
use super::op::Op;
use super::shape::Shape;

pub use arguments::{ArgValue, Arguments, Padding};
pub use table::LAYERS;

/// A layer of the language.
pub struct Layer {
    /// The word of the language.
    pub keyword: &'static str,
    /// Arguments in order.
    pub arguments: &'static [Argument],
    /// What it computes, in a sentence.
    pub about: &'static str,
    /// Size rule, for the documentation.
    pub size: &'static str,
    /// Tensors and their shapes, for the documentation.
    pub tensors: &'static str,
    /// Multiply-adds, for the documentation.
    pub macs: &'static str,
    /// From arguments to operation.
    pub(crate) lower: fn(&Arguments, Shape) -> Result<Op, Fault>,
}

/// One argument of a layer.
pub struct Argument {
    /// As written in `name = value`.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What it is where it is left out; `None`: it must be given.
    pub default: Option<DefaultValue>,
}

/// What values an argument takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// An integer of at least this.
    Int(i64),
    /// One or two integers of at least this: height and width.
    Pair(i64),
    /// `n`, `[h, w]`, `[top, bottom, left, right]`, `same`.
    Padding,
    /// As [`Kind::Padding`], without `same`, negative numbers crop.
    Crop,
    /// A number of at least the first and, where there is one, below the second.
    Float(f64, Option<f64>),
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of lists of channels.
    Table,
}

/// What an argument is where it is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum DefaultValue {
    Int(i64),
    Float(f64),
    Bool(bool),
    Word(&'static str),
    /// The value of an earlier argument.
    Same(&'static str),
    /// No table.
    Nothing,
}
/// The layer of this keyword.
pub fn layer(keyword: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.keyword == keyword)
}
impl Layer {
    /// `conv(out, kernel, stride = 1, …)`.
    pub fn signature(&self) -> String {
        if self.arguments.is_empty() {
            return self.keyword.to_owned();
        }
        let list: Vec<String> = self
            .arguments
            .iter()
            .map(|argument| match argument.default {
                None => argument.name.to_owned(),
                Some(DefaultValue::Int(n)) => format!("{} = {n}", argument.name),
                Some(DefaultValue::Float(x)) => format!("{} = {x:?}", argument.name),
                Some(DefaultValue::Bool(b)) => format!("{} = {b}", argument.name),
                Some(DefaultValue::Word(word) | DefaultValue::Same(word)) => format!("{} = {word}", argument.name),
                Some(DefaultValue::Nothing) => format!("{} = all", argument.name),
            })
            .collect();
        format!("{}({})", self.keyword, list.join(", "))
    }
}

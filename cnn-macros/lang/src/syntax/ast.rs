//! The syntax tree: plain data, one type per rule of the grammar (docs/language.md).
//!
//! Equality of two trees ignores where they were written, so `parse(print(tree)) == tree` can be stated.

mod expressions;
mod items;
mod steps;

pub use expressions::*;
pub use items::*;
pub use steps::*;

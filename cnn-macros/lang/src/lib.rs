//! The language of `network!` as an ordinary library: text or tokens in, graphs with every size known out.
//!
//! ```text
//! tokens ─▶ syntax (tree) ─▶ elaborate (blocks, loops, arithmetic gone) ─▶ graph (operations, sizes, names, costs)
//! ```

mod compile;
pub mod diag;
mod nearest;
pub mod syntax;

pub mod elaborate;
pub mod graph;

pub use compile::{Program, compile, compile_str, elaborate as compile_file, imports, load};

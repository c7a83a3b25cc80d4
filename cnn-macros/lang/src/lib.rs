//! The language of `network!` as an ordinary library: text or tokens in, graphs with every size known out.
//!
//! ```text
//! tokens ─▶ syntax (tree) ─▶ elaborate (blocks, loops, arithmetic gone) ─▶ graph (operations, sizes, names, costs)
//! ```

mod compile;
pub mod diag;
mod imports;
mod nearest;
pub mod space;
pub mod syntax;
mod variant;

pub mod elaborate;
pub mod graph;

pub use compile::{Choosing, Program, compile, compile_str, elaborate as compile_file};
pub use imports::{compile_importing, imports};
pub use nearest::nearest;
pub use variant::{arguments, load, load_at};

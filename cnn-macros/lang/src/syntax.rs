//! From text to tree and back.

pub mod ast;

mod parse;
mod print;

pub use parse::{MAX_DEPTH, parse, parse_str};
pub use print::{expression, print, steps};

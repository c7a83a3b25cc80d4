//! Text and tokens to tree, and back.

pub mod ast;

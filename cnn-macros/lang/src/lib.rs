//! The language of `network!` as an ordinary library.

pub mod diag;
pub mod graph;
pub mod syntax;

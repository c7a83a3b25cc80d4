//! The language of `network!` as an ordinary library.

pub mod diag;
mod nearest;
pub mod syntax;

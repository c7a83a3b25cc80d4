//! From the tree back to source: the one canonical way to write it. `parse(print(file)) == file`.

mod chain;
mod doc;
mod expr;
mod item;
mod tokens;

use super::ast::{Chain, Expr, File};
use doc::{concat, hard};

/// The source of `file`, with a line end after the last definition.
pub fn print(file: &File) -> String {
    let mut parts = Vec::new();
    for item in &file.items {
        if !parts.is_empty() {
            parts.extend([hard(), hard()]);
        }
        parts.push(item::item(item));
    }
    let mut text = concat(parts).render();
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// An expression on one line.
pub fn expression(value: &Expr) -> String {
    expr::expr(value)
}

/// Steps on one line.
pub fn steps(steps: &Chain) -> String {
    let text = chain::chain(steps).render();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

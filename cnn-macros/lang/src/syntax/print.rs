//! From the tree back to source: the one canonical way to write it. `parse(print(file)) == file`.

mod chain;
mod doc;
mod expr;
mod item;
mod tokens;

use super::ast::File;
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

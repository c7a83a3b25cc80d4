//! Where the modules of a definition live: `custom crate::Attention` of one crate, imported by another.
//!
//! The source that a definition carries names its own crate, `::blocks::Attention`; back in that crate it is `crate::` again.

use cnn_lang::diag::Span;
use cnn_lang::elaborate::custom_paths;
use cnn_lang::syntax::ast::{Ident, Item, Path};

/// The crate being compiled, as others name it. Nobody imports from a binary, whose definitions stay at home.
fn this_crate() -> Option<String> {
    if std::env::var_os("CARGO_BIN_NAME").is_some() {
        return None;
    }
    std::env::var("CARGO_CRATE_NAME").ok()
}

/// Paths as another crate must write them.
pub fn leave(item: &mut Item) {
    let Some(name) = this_crate() else { return };
    custom_paths(item, &mut |path| {
        if path.segments[0].name == "crate" {
            path.segments[0].name = name.clone();
            path.segments.insert(0, Ident { name: String::new(), span: Span::call_site() });
        }
    });
}

/// Paths as this crate must write them.
pub fn arrive(items: &mut [Item]) {
    let Some(name) = this_crate() else { return };
    let comes_home = |path: &Path| matches!(path.segments.as_slice(), [root, home, _, ..] if root.name.is_empty() && home.name == name);
    for item in items {
        custom_paths(item, &mut |path| {
            if comes_home(path) {
                path.segments.remove(0);
                path.segments[0].name = "crate".to_owned();
            }
        });
    }
}

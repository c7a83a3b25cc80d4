//! Rust tokens that are passed through, with few spaces: `#[derive(Debug, Clone)]`.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

pub(super) fn tokens(stream: &TokenStream) -> String {
    let mut text = String::new();
    let mut before: Option<TokenTree> = None;
    for tree in stream.clone() {
        if before.as_ref().is_some_and(|before| apart(before, &tree)) {
            text.push(' ');
        }
        match &tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                text += &format!("{open}{}{close}", tokens(&group.stream()));
            }
            tree => text += &tree.to_string(),
        }
        before = Some(tree);
    }
    text
}

/// Whether two neighbours would read as one token, or look better apart.
fn apart(before: &TokenTree, tree: &TokenTree) -> bool {
    let is = |tree: &TokenTree, char| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == char);
    match (before, tree) {
        (TokenTree::Punct(first), TokenTree::Punct(_)) => first.spacing() == Spacing::Alone,
        (TokenTree::Punct(first), _) if first.spacing() == Spacing::Joint => false,
        (TokenTree::Punct(_), _) => is(before, ',') || is(before, '='),
        (TokenTree::Group(_), TokenTree::Ident(_) | TokenTree::Literal(_)) => true,
        (TokenTree::Ident(_) | TokenTree::Literal(_), TokenTree::Ident(_) | TokenTree::Literal(_)) => true,
        (TokenTree::Ident(_) | TokenTree::Literal(_), tree) => {
            is(tree, '=') || is(tree, '#') || is(tree, '\'') || is(tree, '.')
        }
        _ => false,
    }
}

//! Token trees before they are parsed: hostile depth is cut off here, because the token buffer is built recursively.

use proc_macro2::{Group, TokenStream, TokenTree};

use super::MAX_DEPTH;
use crate::diag::Span;

/// Deeper than the parser goes, so that its own message comes first.
const CUT: usize = MAX_DEPTH + 50;

/// The last token, closing brackets included.
pub(super) fn last_span(tokens: &TokenStream) -> Span {
    match tokens.clone().into_iter().last() {
        Some(TokenTree::Group(group)) => group.span_close().into(),
        Some(tree) => tree.span().into(),
        None => Span::call_site(),
    }
}

/// Empties groups that lie too deep and tells where the first of them is.
pub(super) fn limit(tokens: TokenStream) -> (TokenStream, Option<Span>) {
    match too_deep(&tokens) {
        None => (tokens, None),
        // Only now, because a rebuilt group has one span for both of its brackets.
        Some(span) => (cut(tokens, 0), Some(span)),
    }
}

fn too_deep(tokens: &TokenStream) -> Option<Span> {
    let mut open = vec![tokens.clone().into_iter()];
    while let Some(innermost) = open.last_mut() {
        match innermost.next() {
            Some(TokenTree::Group(group)) if open.len() > CUT => {
                return Some(group.span_open().into());
            }
            Some(TokenTree::Group(group)) => open.push(group.stream().into_iter()),
            Some(_) => {}
            None => drop(open.pop()),
        }
    }
    None
}

fn cut(tokens: TokenStream, depth: usize) -> TokenStream {
    let shallow = |tree| match tree {
        TokenTree::Group(group) => {
            let inner = if depth < CUT { cut(group.stream(), depth + 1) } else { TokenStream::new() };
            let mut copy = Group::new(group.delimiter(), inner);
            copy.set_span(group.span());
            TokenTree::Group(copy)
        }
        tree => tree,
    };
    tokens.into_iter().map(shallow).collect()
}

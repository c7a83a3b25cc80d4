//! Looking at the next tokens without taking them. Invisible groups, which `macro_rules!` puts around what it
//! captured, are looked through.

use proc_macro2::{Delimiter, Spacing, TokenTree};
use syn::buffer::Cursor;

use crate::diag::Span;

const OPERATORS: [&str; 31] = [
    "..=", "->", "=>", "==", "!=", "<=", ">=", "&&", "||", "::", "..", "+", "-", "*", "/", "%", "<", ">", "=", "!",
    ":", ";", ",", ".", "@", "?", "#", "$", "&", "|", "^",
];

/// The longest operator that comes next.
pub(super) fn operator(cursor: Cursor<'_>) -> Option<(&'static str, Span, Cursor<'_>)> {
    let mut text = String::new();
    let mut after = Vec::new();
    let mut next = cursor;
    while let Some((punct, rest)) = next.punct() {
        text.push(punct.as_char());
        after.push((Span::from(punct.span()), rest));
        next = rest;
        if punct.spacing() == Spacing::Alone || after.len() == 3 {
            break;
        }
    }
    let operator = OPERATORS.into_iter().find(|&operator| text.starts_with(operator))?;
    let (last, rest) = after[operator.len() - 1];
    Some((operator, after[0].0.to(last), rest))
}

pub(super) fn is(cursor: Cursor<'_>, text: &str) -> bool {
    operator(cursor).is_some_and(|(found, ..)| found == text)
}

/// The word that comes next, as written.
pub(super) fn word(cursor: Cursor<'_>) -> Option<String> {
    cursor.ident().map(|(ident, _)| ident.to_string())
}

pub(super) fn is_word(cursor: Cursor<'_>, text: &str) -> bool {
    cursor.ident().is_some_and(|(ident, _)| ident == text)
}

pub(super) fn is_group(cursor: Cursor<'_>, delimiter: Delimiter) -> bool {
    cursor.group(delimiter).is_some()
}

pub(super) fn is_string(cursor: Cursor<'_>) -> bool {
    cursor.literal().is_some_and(|(literal, _)| {
        let text = literal.to_string();
        text.starts_with('"') || text.starts_with("r\"") || text.starts_with("r#")
    })
}

pub(super) fn is_number(cursor: Cursor<'_>) -> bool {
    cursor.literal().is_some_and(|(literal, _)| literal.to_string().starts_with(|c: char| c.is_ascii_digit()))
}

/// `NAME :`, where anything may stand as the name: what is reserved is refused later, with a message.
pub(super) fn is_label(cursor: Cursor<'_>) -> bool {
    cursor.ident().is_some_and(|(_, rest)| is(rest, ":"))
}

/// What can begin a step after a word, so that the word is not itself a step.
pub(super) fn begins_step(cursor: Cursor<'_>) -> bool {
    cursor.ident().is_some() || is_string(cursor) || is_group(cursor, Delimiter::Brace)
}

/// The next token as a message names it.
pub(super) fn found(cursor: Cursor<'_>) -> Option<(Span, String)> {
    if let Some((operator, span, _)) = operator(cursor) {
        return Some((span, format!("`{operator}`")));
    }
    let (mut tree, _) = cursor.token_tree()?;
    while let TokenTree::Group(group) = &tree {
        let open = match group.delimiter() {
            Delimiter::Parenthesis => "`(`",
            Delimiter::Brace => "`{`",
            Delimiter::Bracket => "`[`",
            Delimiter::None => match group.stream().into_iter().next() {
                Some(inner) => {
                    tree = inner;
                    continue;
                }
                None => "nothing",
            },
        };
        return Some((group.span_open().into(), open.to_owned()));
    }
    let text = tree.to_string();
    let short: String = text.chars().take(24).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    Some((tree.span().into(), format!("`{short}{dots}`")))
}

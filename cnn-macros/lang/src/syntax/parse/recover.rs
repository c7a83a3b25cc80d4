//! Where definitions, sections and chains end, so that reading can go on after a mistake.

use proc_macro2::{Delimiter, TokenTree};
use syn::buffer::Cursor;
use syn::parse::ParseStream;

use super::token::{is, is_group, is_label, is_number, is_word, operator, word};
use crate::syntax::ast::SectionKind;

const SECTIONS: [SectionKind; 3] = [SectionKind::Stem, SectionKind::Body, SectionKind::Head];

/// The section whose keyword comes next. Before a `:` the word is a label, before a `(` a call.
pub(super) fn section_kind(cursor: Cursor<'_>) -> Option<SectionKind> {
    let (_, rest) = cursor.ident()?;
    if is(rest, ":") || is_group(rest, Delimiter::Parenthesis) {
        return None;
    }
    SECTIONS.into_iter().find(|kind| is_word(cursor, kind.keyword()))
}

pub(super) fn is_section(cursor: Cursor<'_>) -> bool {
    section_kind(cursor).is_some()
}

/// `where` before the limits.
pub(super) fn is_where(cursor: Cursor<'_>) -> bool {
    is_word(cursor, "where") && !is_label(cursor)
}

/// A definition begins here, even if what stands before it is broken.
fn surely_begins_item(cursor: Cursor<'_>) -> bool {
    let Some((ident, rest)) = cursor.ident() else {
        return is(cursor, "#");
    };
    let named_group = || {
        let (_, rest) = rest.ident()?;
        Some(is_group(rest, Delimiter::Parenthesis) || is_group(rest, Delimiter::Brace))
    };
    (ident == "pub" || ident == "use") && !is(rest, ":") || ident == "block" && named_group().unwrap_or(false)
}

/// A definition begins here, where no step can: `NAME =`, `NAME: 3x…`, `NAME: […`, `NAME(…):`.
pub(super) fn begins_item(cursor: Cursor<'_>) -> bool {
    if surely_begins_item(cursor) {
        return true;
    }
    let Some((_, rest)) = cursor.ident() else {
        return false;
    };
    let after_colon = || operator(rest).map(|(.., rest)| rest);
    let size = |rest| is_number(rest) || is_group(rest, Delimiter::Bracket);
    is(rest, "=")
        || is(rest, ":") && after_colon().is_some_and(size)
        || rest.group(Delimiter::Parenthesis).is_some_and(|(.., rest)| is(rest, ":"))
}

/// No further chain of a network comes.
pub(super) fn ends_sections(input: ParseStream<'_>) -> bool {
    input.is_empty() || is_where(input.cursor()) || begins_item(input.cursor())
}

fn skip(input: ParseStream<'_>) -> Option<TokenTree> {
    input.parse().ok()
}

fn is_semicolon(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ';')
}

/// Inside brackets, where only `;` separates.
pub(super) fn skip_past_semicolon(input: ParseStream<'_>) {
    while !input.is_empty() && !skip(input).is_none_or(|tree| is_semicolon(&tree)) {}
}

/// After the next `;`, or before what cannot belong to this chain, header or limit any more.
pub(super) fn skip_chain(input: ParseStream<'_>) {
    skip_until(input, is_semicolon);
}

/// The same, and also after the next `,`. Tells whether a comma was found.
pub(super) fn skip_limit(input: ParseStream<'_>) -> bool {
    let comma = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',');
    skip_until(input, |tree| comma(tree) || is_semicolon(tree)).is_some_and(|last| comma(&last))
}

fn skip_until(input: ParseStream<'_>, last: impl Fn(&TokenTree) -> bool) -> Option<TokenTree> {
    // After these a section's keyword would be a name.
    let mut named = false;
    while !input.is_empty() {
        let cursor = input.cursor();
        let section = is_section(cursor) && !named;
        if section || is_where(cursor) || surely_begins_item(cursor) {
            return None;
        }
        named = ["tap", "from"].contains(&word(cursor).as_deref().unwrap_or_default());
        let tree = skip(input)?;
        if last(&tree) {
            return Some(tree);
        }
    }
    None
}

/// After a definition that could not be read: to the next one.
pub(super) fn skip_item(input: ParseStream<'_>) {
    let mut ended = false;
    while !input.is_empty() {
        if surely_begins_item(input.cursor()) || ended && begins_item(input.cursor()) {
            return;
        }
        let tree = skip(input);
        ended = match tree {
            Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
            Some(tree) => is_semicolon(&tree),
            None => return,
        };
    }
}

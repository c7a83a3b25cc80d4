//! From tokens to the tree: one function per rule of the grammar (docs/language.md).
//!
//! Rules never look back: each decides by the next one to three tokens. A rule that cannot go on reports why and
//! returns [`Lost`](parser::Lost); the nearest list around it (items, chains, branches, limits) skips to its next entry.

mod parser;
mod recover;
mod token;

mod item;
mod section;

mod chain;
mod choose;
mod join;
mod label;

mod args;
mod expr;
mod nesting;
mod number;

use std::str::FromStr;

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser as _};

use super::ast::File;
use crate::diag::{Diagnostic, Diagnostics};
use parser::Parser;

/// How deep brackets, operators and `else if` may nest: so that every phase may recurse in the 2 MiB of a thread,
/// unoptimised.
pub const MAX_DEPTH: usize = 128;

/// All definitions in `tokens`. Mistakes go to `errors`; what could be read is in the tree nevertheless.
pub fn parse(tokens: TokenStream, errors: &mut Diagnostics) -> File {
    let end = nesting::last_span(&tokens);
    let (tokens, cut) = nesting::limit(tokens);
    let mut file = File::default();
    let rule = |input: ParseStream| {
        let mut parser = Parser::new(errors, end);
        file.items = parser.items(input);
        if let Some(span) = cut {
            parser.too_deep(span);
        }
        file.lost = parser.gone;
        Ok(())
    };
    // What syn could report here (tokens left over) the rules have reported.
    let _ = rule.parse2(tokens);
    file
}

/// The same from text, as in a file or a checkpoint.
pub fn parse_str(source: &str, errors: &mut Diagnostics) -> File {
    match TokenStream::from_str(source) {
        Ok(tokens) => parse(tokens, errors),
        Err(error) => {
            errors.push(
                Diagnostic::new(error.span(), "these characters form no token")
                    .help("look for an unclosed bracket or quote"),
            );
            File::default()
        }
    }
}

/// Whether `text` can be written as a name, without quotes.
pub(super) fn is_name(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let others = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    first && others && text != "_" && !parser::RESERVED.contains(&text)
}

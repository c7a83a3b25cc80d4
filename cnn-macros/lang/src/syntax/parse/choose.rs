//! `choose { chain; chain; }`: the steps that a member of a space takes one of.

use proc_macro2::Delimiter;
use syn::parse::ParseStream;

use super::parser::{Lost, Parsed, Parser};
use super::recover::skip_past_semicolon;
use crate::diag::Diagnostic;
use crate::syntax::ast::Choose;

/// An option's number is 16 bits wide, and nobody writes more.
pub(super) const MOST_OPTIONS: usize = 1000;

impl Parser<'_> {
    /// A mistake costs its option, not the others.
    pub(super) fn choose(&mut self, input: ParseStream<'_>) -> Parsed<Choose> {
        let keyword = self.keyword(input);
        let rule = |this: &mut Self, content: ParseStream<'_>| {
            let mut options = Vec::new();
            if content.is_empty() {
                this.expected_help(content, "an option", "the option that changes nothing is `identity`");
            }
            while !content.is_empty() {
                match this.option(content) {
                    Ok(option) => options.push(option),
                    Err(Lost) => skip_past_semicolon(content),
                }
            }
            Ok(options)
        };
        let options = self.inside(input, Delimiter::Brace, rule)?.0;
        if options.len() > MOST_OPTIONS {
            let message = format!("choose takes from 1 to {MOST_OPTIONS} options, {} given", options.len());
            return Err(self.error(Diagnostic::new(keyword, message)));
        }
        Ok(Choose { keyword, options })
    }

    fn option(&mut self, input: ParseStream<'_>) -> Parsed<crate::syntax::ast::Chain> {
        let chain = self.chain(input, "")?;
        if input.is_empty() || self.take(input, ";").is_some() {
            return Ok(chain);
        }
        Err(self.chain_end(input, "`;`"))
    }
}

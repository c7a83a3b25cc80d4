//! What every rule uses: reporting, brackets, names.

use proc_macro2::Delimiter;
use syn::ext::IdentExt;
use syn::parse::discouraged::AnyDelimiter;
use syn::parse::{ParseBuffer, ParseStream};

use super::MAX_DEPTH;
use super::token::{found, operator, word};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::syntax::ast::{Ident, LostItem, Use};

/// What was to be read is not there, and has been reported.
#[derive(Debug)]
pub(super) struct Lost;

pub(super) type Parsed<T> = Result<T, Lost>;

/// Words that cannot be names, because rules begin or go on with them.
pub(super) const RESERVED: [&str; 7] = ["in", "if", "for", "let", "else", "true", "false"];

pub(super) struct Parser<'e> {
    errors: &'e mut Diagnostics,
    /// Something was reported since the current definition began.
    pub(super) lost: bool,
    /// Definitions of which too little could be read.
    pub(super) gone: Vec<LostItem>,
    /// Names of the imports that could not be read last.
    pub(super) unread: Vec<Use>,
    depth: usize,
    told_too_deep: bool,
    /// Where input ends: the last token, then the closing bracket of each group around.
    ends: Vec<(Span, &'static str)>,
}

impl<'e> Parser<'e> {
    pub(super) fn new(errors: &'e mut Diagnostics, end: Span) -> Self {
        Parser {
            errors,
            lost: false,
            gone: Vec::new(),
            unread: Vec::new(),
            depth: 0,
            told_too_deep: false,
            ends: vec![(end, "the end")],
        }
    }

    pub(super) fn error(&mut self, diagnostic: Diagnostic) -> Lost {
        self.lost = true;
        self.errors.push(diagnostic);
        Lost
    }

    /// The next token and how to name it.
    pub(super) fn found(&self, input: ParseStream<'_>) -> (Span, String) {
        let end = self.ends.last().map_or((Span::call_site(), "the end"), |&end| end);
        found(input.cursor()).unwrap_or_else(|| (end.0, end.1.to_owned()))
    }

    /// `expected <what>, found <next token>`.
    pub(super) fn expected(&mut self, input: ParseStream<'_>, what: &str) -> Lost {
        let (span, found) = self.found(input);
        self.error(Diagnostic::new(span, format!("expected {what}, found {found}")))
    }

    pub(super) fn expected_help(&mut self, input: ParseStream<'_>, what: &str, help: &str) -> Lost {
        let (span, found) = self.found(input);
        self.error(Diagnostic::new(span, format!("expected {what}, found {found}")).help(help))
    }

    /// Takes the operator `text`, if it comes next.
    pub(super) fn take(&mut self, input: ParseStream<'_>, text: &str) -> Option<Span> {
        let step = input.step(|cursor| match operator(*cursor) {
            Some((found, span, rest)) if found == text => Ok((span, rest)),
            _ => Err(cursor.error("")),
        });
        step.ok()
    }

    pub(super) fn expect(&mut self, input: ParseStream<'_>, text: &str, what: &str) -> Parsed<Span> {
        self.take(input, text).ok_or_else(|| self.expected(input, what))
    }

    /// Takes the keyword `text`, if it comes next.
    pub(super) fn take_word(&mut self, input: ParseStream<'_>, text: &str) -> Option<Span> {
        if word(input.cursor())? != text {
            return None;
        }
        self.any_word(input).map(|word| word.span)
    }

    /// Takes the next word, reserved or not; raw identifiers lose their `r#`.
    pub(super) fn any_word(&mut self, input: ParseStream<'_>) -> Option<Ident> {
        let ident = proc_macro2::Ident::parse_any(input).ok()?;
        let name = ident.to_string();
        let name = name.strip_prefix("r#").map_or(name.clone(), str::to_owned);
        Some(Ident { name, span: ident.span().into() })
    }

    /// A name that the user may choose; `what` it names is for the message.
    pub(super) fn name(&mut self, input: ParseStream<'_>, what: &str) -> Parsed<Ident> {
        let Some(found) = word(input.cursor()) else {
            return Err(self.expected(input, what));
        };
        let span: Span = input.cursor().span().into();
        let plain = found.strip_prefix("r#").unwrap_or(&found);
        if RESERVED.contains(&plain) || plain == "_" {
            let message = format!("expected {what}, found the reserved word `{plain}`");
            return Err(self.error(Diagnostic::new(span, message)));
        }
        self.any_word(input).ok_or(Lost)
    }

    /// Runs `rule` inside the bracket that comes next and checks that it reads everything there.
    pub(super) fn inside<T>(
        &mut self,
        input: ParseStream<'_>,
        delimiter: Delimiter,
        rule: impl FnOnce(&mut Self, ParseStream<'_>) -> Parsed<T>,
    ) -> Parsed<(T, Span)> {
        let (open, close) = brackets(delimiter);
        let Ok((content, span)) = enter(input, delimiter) else {
            return Err(self.expected(input, open));
        };
        let first: Span = span.open().into();
        self.deeper(first, |this| {
            this.ends.push((span.close().into(), close));
            let value = rule(this, &content);
            let value = match value {
                Ok(_) if !content.is_empty() => Err(this.expected(&content, close)),
                value => value,
            };
            this.ends.pop();
            Ok((value?, first.to(span.close().into())))
        })
    }

    /// Runs `rule` on the code in a label, which ends with a brace that is no token.
    pub(super) fn in_label<T>(&mut self, place: Span, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.ends.push((place, "`}`"));
        let value = rule(self);
        self.ends.pop();
        value
    }

    /// Runs `rule` one level further down.
    pub(super) fn deeper<T>(&mut self, span: Span, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.check_depth(span, 1)?;
        self.depth += 1;
        let value = rule(self);
        self.depth -= 1;
        value
    }

    /// That a tree of this height still fits at this depth.
    pub(super) fn check_depth(&mut self, span: Span, height: usize) -> Parsed<()> {
        if self.depth + height > MAX_DEPTH { Err(self.too_deep(span)) } else { Ok(()) }
    }

    /// Reported once: whoever nests too deep does so in many places.
    pub(super) fn too_deep(&mut self, span: Span) -> Lost {
        self.lost = true;
        if !std::mem::replace(&mut self.told_too_deep, true) {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            self.error(Diagnostic::new(span, message).help("move the inner part to a block or a `let`"));
        }
        Lost
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("`(`", "`)`"),
        Delimiter::Brace => ("`{`", "`}`"),
        Delimiter::Bracket => ("`[`", "`]`"),
        Delimiter::None => ("an expression", "the end of the expression"),
    }
}

fn enter(
    input: ParseStream<'_>,
    delimiter: Delimiter,
) -> syn::Result<(ParseBuffer<'_>, proc_macro2::extra::DelimSpan)> {
    let content;
    let span = match delimiter {
        Delimiter::Parenthesis => syn::parenthesized!(content in input).span,
        Delimiter::Brace => syn::braced!(content in input).span,
        Delimiter::Bracket => syn::bracketed!(content in input).span,
        Delimiter::None => {
            let (_, span, inner) = input.parse_any_delimiter()?;
            content = inner;
            span
        }
    };
    Ok((content, span))
}

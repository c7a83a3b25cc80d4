//! Labels: `conv1:` or `"block{i}-{j}":`.

use std::str::FromStr;

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser as _};

use super::nesting;
use super::parser::{Lost, Parsed, Parser, RESERVED};
use super::token::{is_label, is_string, word};
use crate::diag::{Diagnostic, Span};
use crate::syntax::ast::{Expr, Ident, Label, LabelPiece};

impl Parser<'_> {
    pub(super) fn label(&mut self, input: ParseStream<'_>) -> Parsed<Option<Label>> {
        let label = if is_string(input.cursor()) {
            self.text_label(input)?
        } else if is_label(input.cursor()) {
            let name = self.label_name(input)?;
            Label { pieces: vec![LabelPiece::Text(name.name)], span: name.span }
        } else {
            return Ok(None);
        };
        self.expect(input, ":", "`:` after the label")?;
        if is_label(input.cursor()) || is_string(input.cursor()) {
            let (span, _) = self.found(input);
            let message = "a step takes one label";
            return Err(self.error(Diagnostic::new(span, message).help("nest them: `outer: { inner: conv(64, 3) }`")));
        }
        Ok(Some(label))
    }

    /// A word as a label; reserved ones must be texts.
    fn label_name(&mut self, input: ParseStream<'_>) -> Parsed<Ident> {
        match word(input.cursor()).filter(|word| RESERVED.contains(&word.as_str())) {
            Some(word) => {
                let (span, _) = self.found(input);
                let message = format!("expected a label, found the reserved word `{word}`");
                Err(self.error(Diagnostic::new(span, message).help(format!("write it as a text: `\"{word}\": …`"))))
            }
            None => self.name(input, "a label"),
        }
    }

    fn text_label(&mut self, input: ParseStream<'_>) -> Parsed<Label> {
        let span: Span = input.cursor().span().into();
        let Ok(literal) = input.parse::<syn::LitStr>() else {
            return Err(self.expected(input, "a label"));
        };
        let refuse = |message: &str, help: &str| Diagnostic::new(span, message).help(help);
        if !literal.suffix().is_empty() {
            let message = format!("unknown suffix `{}` of a label", literal.suffix());
            return Err(self.error(Diagnostic::new(span, message)));
        }
        let mut pieces = Vec::new();
        for piece in split(&literal.value()) {
            match piece {
                Ok(Piece::Text(text)) if text.contains('.') => {
                    let help = "nest labels for a.b: `a: { b: conv(64, 3) }`";
                    return Err(self.error(refuse("a label is one level of a name and cannot hold `.`", help)));
                }
                Ok(Piece::Text(text)) => pieces.push(LabelPiece::Text(text)),
                Ok(Piece::Code(code)) => pieces.push(LabelPiece::Expr(self.interpolated(&code, span)?)),
                Err(brace) => {
                    let message = format!("unbalanced `{brace}` in a label");
                    let help = format!("for the brace itself write `{brace}{brace}`");
                    return Err(self.error(refuse(&message, &help)));
                }
            }
        }
        if pieces.is_empty() {
            return Err(self.error(refuse("empty label", "steps without a label are numbered")));
        }
        Ok(Label { pieces, span })
    }

    /// The expression between braces. Its parts have no place of their own in the source: they bear the label's.
    fn interpolated(&mut self, code: &str, span: Span) -> Parsed<Expr> {
        let Ok(tokens) = TokenStream::from_str(code) else {
            let message = format!("`{{{code}}}` in a label is no expression");
            return Err(self.error(Diagnostic::new(span, message)));
        };
        let (tokens, cut) = nesting::limit(tokens);
        if cut.is_some() {
            return Err(self.too_deep(span));
        }
        let mut value = Err(Lost);
        let rule = |input: ParseStream<'_>| {
            value = self.whole_expr(input, span);
            Ok(())
        };
        let _ = rule.parse2(respan(tokens, span.first));
        value
    }
}

enum Piece {
    Text(String),
    Code(String),
}

/// Text and `{code}` in turn; the brace that has no partner is an error.
fn split(label: &str) -> Vec<Result<Piece, char>> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = label.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.peek() == Some(&c) => {
                chars.next();
                text.push(c);
            }
            '}' => pieces.push(Err('}')),
            '{' => {
                let (mut code, mut open) = (String::new(), 1);
                for c in chars.by_ref() {
                    match c {
                        '{' => open += 1,
                        '}' => open -= 1,
                        _ => {}
                    }
                    if open == 0 {
                        break;
                    }
                    code.push(c);
                }
                if !text.is_empty() {
                    pieces.push(Ok(Piece::Text(std::mem::take(&mut text))));
                }
                pieces.push(if open == 0 { Ok(Piece::Code(code)) } else { Err('{') });
            }
            c => text.push(c),
        }
    }
    if !text.is_empty() {
        pieces.push(Ok(Piece::Text(text)));
    }
    pieces
}

fn respan(tokens: TokenStream, span: proc_macro2::Span) -> TokenStream {
    let tokens = tokens.into_iter().map(|tree| match tree {
        TokenTree::Group(group) => {
            let mut copy = Group::new(group.delimiter(), respan(group.stream(), span));
            copy.set_span(span);
            TokenTree::Group(copy)
        }
        mut tree => {
            tree.set_span(span);
            tree
        }
    });
    tokens.collect()
}

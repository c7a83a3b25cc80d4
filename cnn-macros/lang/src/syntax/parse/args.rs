//! What stands in parentheses after a name, and patterns and paths.

use proc_macro2::Delimiter;
use syn::buffer::Cursor;
use syn::parse::ParseStream;

use super::parser::{Lost, Parsed, Parser};
use super::token::{is, is_group, is_word, word};
use crate::diag::Diagnostic;
use crate::syntax::ast::{Arg, Ident, Param, Path, Pattern};

impl Parser<'_> {
    /// `(64, 3, stride = 2)`, or nothing.
    pub(super) fn args(&mut self, input: ParseStream<'_>) -> Parsed<Vec<Arg>> {
        self.listed(input, |this, content, args: &mut Vec<Arg>| {
            let arg = this.arg(content)?;
            if let (Some(Arg { name: Some(before), .. }), None) = (args.last(), &arg.name) {
                let message = format!("an argument by position after `{} =`", before.name);
                let help = "arguments by position come first";
                this.error(Diagnostic::new(arg.value.span, message).help(help));
                return Err(Lost);
            }
            args.push(arg);
            Ok(())
        })
    }

    /// `(out, stride = 1)` of a definition, or nothing.
    pub(super) fn params(&mut self, input: ParseStream<'_>) -> Parsed<Vec<Param>> {
        self.listed(input, |this, content, params: &mut Vec<Param>| {
            params.push(this.param(content)?);
            Ok(())
        })
    }

    /// Entries with commas between them. After a mistake the rest of the list is dropped, and what follows is read.
    fn listed<T>(
        &mut self,
        input: ParseStream<'_>,
        entry: impl Fn(&mut Self, ParseStream<'_>, &mut Vec<T>) -> Parsed<()>,
    ) -> Parsed<Vec<T>> {
        if !is_group(input.cursor(), Delimiter::Parenthesis) {
            return Ok(Vec::new());
        }
        let rule = |this: &mut Self, content: ParseStream<'_>| {
            let mut list = Vec::new();
            while !content.is_empty() {
                let mut read = entry(this, content, &mut list);
                if read.is_ok() && this.take(content, ",").is_none() && !content.is_empty() {
                    read = Err(this.expected(content, "`,` or `)`"));
                }
                if read.is_err() {
                    skip_all(content);
                }
            }
            Ok(list)
        };
        self.inside(input, Delimiter::Parenthesis, rule).map(|(list, _)| list)
    }

    fn arg(&mut self, input: ParseStream<'_>) -> Parsed<Arg> {
        let mut name = None;
        if is_named(input.cursor()) {
            name = Some(self.name(input, "the name of an argument")?);
            self.take(input, "=");
        }
        Ok(Arg { name, value: self.expr(input)? })
    }

    fn param(&mut self, input: ParseStream<'_>) -> Parsed<Param> {
        let tensor =
            is_word(input.cursor(), "tensor") && input.cursor().ident().is_some_and(|(_, rest)| rest.ident().is_some());
        if tensor {
            self.any_word(input);
        }
        let name = self.name(input, "the name of a parameter")?;
        if tensor && is(input.cursor(), "=") {
            let message = format!("the tensor `{}` cannot have a default", name.name);
            let (span, _) = self.found(input);
            return Err(self.error(Diagnostic::new(span, message).help("pass it at every call")));
        }
        let default = match self.take(input, "=") {
            Some(_) => Some(self.expr(input)?),
            None => None,
        };
        Ok(Param { tensor, name, default })
    }

    /// `n`, `_` or `(a, b)`.
    pub(super) fn pattern(&mut self, input: ParseStream<'_>) -> Parsed<Pattern> {
        if is_word(input.cursor(), "_") {
            return self.any_word(input).map(Pattern::Name).ok_or(Lost);
        }
        if !is_group(input.cursor(), Delimiter::Parenthesis) {
            return self.name(input, "a name").map(Pattern::Name);
        }
        let rule = |this: &mut Self, content: ParseStream<'_>| {
            let mut parts = vec![this.pattern(content)?];
            while this.take(content, ",").is_some() && !content.is_empty() {
                parts.push(this.pattern(content)?);
            }
            if !content.is_empty() {
                return Err(this.expected(content, "`,` or `)`"));
            }
            Ok(parts)
        };
        let (mut parts, span) = self.inside(input, Delimiter::Parenthesis, rule)?;
        Ok(if parts.len() == 1 { parts.remove(0) } else { Pattern::Tuple(parts, span) })
    }

    /// `a::b`, `::a::b` or `$crate::a`.
    pub(super) fn path(&mut self, input: ParseStream<'_>) -> Parsed<Path> {
        let mut segments = Vec::new();
        if let Some(span) = self.take(input, "::") {
            segments.push(Ident { name: String::new(), span });
        } else if let Some(dollar) = self.take(input, "$") {
            // How a definition that was printed by a macro names its own crate.
            let krate = self.take_word(input, "crate");
            let span = dollar.to(krate.ok_or_else(|| self.expected(input, "`crate` after `$`"))?);
            segments.push(Ident { name: "$crate".to_owned(), span });
            self.expect(input, "::", "`::` after `$crate`")?;
        }
        loop {
            if is_group(input.cursor(), Delimiter::Brace) || is(input.cursor(), "*") {
                let help = "name one definition: `use a::b;`";
                return Err(self.expected_help(input, "a name in the path", help));
            }
            segments.push(self.name(input, "a path")?);
            if self.take(input, "::").is_none() {
                return Ok(Path { segments });
            }
        }
    }
}

fn is_named(cursor: Cursor<'_>) -> bool {
    word(cursor).is_some() && cursor.ident().is_some_and(|(_, rest)| is(rest, "="))
}

/// Takes what is left of a bracket.
pub(super) fn skip_all(input: ParseStream<'_>) {
    let _ = input.parse::<proc_macro2::TokenStream>();
}

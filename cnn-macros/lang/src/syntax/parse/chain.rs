//! Chains of steps, and what braces hold.

use proc_macro2::Delimiter;
use syn::parse::ParseStream;

use super::args::skip_all;
use super::join::join_kind;
use super::parser::{Lost, Parsed, Parser, RESERVED};
use super::recover::{is_section, skip_past_semicolon};
use super::token::{begins_step, is, is_group, is_word, word};
use crate::diag::Span;
use crate::syntax::ast::{Body, Call, Chain, Custom, Else, For, If, Let, Postfix, Primary, Step, TapRef};

/// How a rule reads what stands in the braces of an `if` or `for`.
pub(super) type Braces<T> = fn(&mut Parser<'_>, ParseStream<'_>) -> Parsed<T>;

impl Parser<'_> {
    /// `step -> step`; `after` says what the first step follows, for the message.
    pub(super) fn chain(&mut self, input: ParseStream<'_>, after: &str) -> Parsed<Chain> {
        let mut steps = vec![self.step(input, after)?];
        while self.take(input, "->").is_some() {
            steps.push(self.step(input, " after `->`")?);
        }
        Ok(Chain { steps })
    }

    /// What follows a chain is neither `->` nor its end.
    pub(super) fn chain_end(&mut self, input: ParseStream<'_>, end: &str) -> Lost {
        let cursor = input.cursor();
        let what = format!("`->` or {end}");
        if is(cursor, "::") {
            let help = "a step is one name: bring the definition here by `use path::name;`";
            self.expected_help(input, &what, help)
        } else if is(cursor, ";") && end == "`}`" {
            self.expected_help(input, &what, "braces hold one chain: join its steps by `->`, end it without `;`")
        } else if is(cursor, "=>") || is(cursor, ">") || is(cursor, ",") || begins_step(cursor) {
            self.expected_help(input, &what, "steps are joined by `->`")
        } else {
            self.expected(input, &what)
        }
    }

    /// `{ let …; chain }`. After a mistake in there the rest of the braces is dropped, and what follows is read.
    pub(super) fn body(&mut self, input: ParseStream<'_>) -> Parsed<Body> {
        let rule = |this: &mut Self, content: ParseStream<'_>| Ok(this.body_content(content));
        self.inside(input, Delimiter::Brace, rule).map(|(body, _)| body)
    }

    fn body_content(&mut self, content: ParseStream<'_>) -> Body {
        let mut body = Body { lets: Vec::new(), chain: Chain { steps: Vec::new() } };
        let mut lost = false;
        while is_word(content.cursor(), "let") {
            match self.let_rule(content) {
                Ok(binding) => body.lets.push(binding),
                Err(Lost) => {
                    lost = true;
                    skip_past_semicolon(content);
                }
            }
        }
        if content.is_empty() && lost {
            return body;
        }
        if content.is_empty() {
            let help = "every path holds a step at least; `identity` changes nothing, and an `else` may be left out";
            self.expected_help(content, "a step", help);
            return body;
        }
        let after = if body.lets.is_empty() { "" } else { " after `let`" };
        if let Ok(chain) = self.chain(content, after) {
            body.chain = chain;
            if !content.is_empty() {
                self.chain_end(content, "`}`");
            }
        }
        skip_all(content);
        body
    }

    fn let_rule(&mut self, input: ParseStream<'_>) -> Parsed<Let> {
        self.any_word(input);
        let pattern = self.pattern(input)?;
        self.expect(input, "=", "`=` after the name")?;
        let value = self.expr(input)?;
        self.expect(input, ";", "`;` after the value")?;
        Ok(Let { pattern, value })
    }

    fn step(&mut self, input: ParseStream<'_>, after: &str) -> Parsed<Step> {
        let label = self.label(input)?;
        let after = if label.is_some() { " after the label" } else { after };
        let primary = self.primary(input, after)?;
        Ok(Step { label, primary, postfix: self.postfixes(input)? })
    }

    /// `* 3`, `@ 64x56x56` and `@ ?`.
    fn postfixes(&mut self, input: ParseStream<'_>) -> Parsed<Vec<Postfix>> {
        let mut postfix = Vec::new();
        loop {
            if self.take(input, "*").is_some() {
                postfix.push(Postfix::Repeat(self.sum(input)?));
            } else if self.take(input, "@").is_some() {
                postfix.push(match self.take(input, "?") {
                    Some(mark) => Postfix::Ask(mark),
                    None => Postfix::Assert(self.operand(input)?),
                });
            } else {
                return Ok(postfix);
            }
        }
    }

    fn primary(&mut self, input: ParseStream<'_>, after: &str) -> Parsed<Primary> {
        let cursor = input.cursor();
        // The rules that nest come first and alone, for the sake of small stack frames.
        if is_group(cursor, Delimiter::Brace) {
            return self.body(input).map(Primary::Group);
        }
        let keyword = word(cursor).unwrap_or_default();
        let braced = cursor.ident().is_some_and(|(_, rest)| is_group(rest, Delimiter::Brace));
        match keyword.as_str() {
            "if" => self.if_rule(input, |this, input| this.body(input)).map(Primary::If),
            "for" => self.for_rule(input, |this, input| this.body(input)).map(Primary::For),
            "aux" if braced => {
                let keyword = self.keyword(input);
                self.body(input).map(|body| Primary::Aux(keyword, body))
            }
            "choose" if braced => self.choose(input).map(Primary::Choose),
            word => match join_kind(word).filter(|_| braced) {
                Some(kind) => self.join(input, kind).map(Primary::Join),
                None => self.flat_primary(input, &keyword, after),
            },
        }
    }

    /// The steps that hold no other steps.
    fn flat_primary(&mut self, input: ParseStream<'_>, keyword: &str, after: &str) -> Parsed<Primary> {
        let cursor = input.cursor();
        let Some((_, rest)) = cursor.ident() else {
            return Err(self.expected(input, &format!("a step{after}")));
        };
        // A block may bear a keyword's name too: its call has parentheses.
        let called = is_group(rest, Delimiter::Parenthesis);
        match keyword {
            "let" => {
                let help = "values are bound at the start of braces: `{ let n = 4; conv(n, 3) }`";
                Err(self.expected_help(input, &format!("a step{after}"), help))
            }
            "tap" if !called => self.tap(input, keyword).map(Primary::Tap),
            "from" if !called => self.tap(input, keyword).map(Primary::From),
            "custom" if !called => {
                let keyword = self.keyword(input);
                let path = self.path(input)?;
                Ok(Primary::Custom(Custom { keyword, path, args: self.args(input)? }))
            }
            word if RESERVED.contains(&word) || is_section(cursor) && begins_step(rest) => {
                Err(self.expected(input, &format!("a step{after}")))
            }
            _ => self.call(input).map(Primary::Call),
        }
    }

    /// Takes the keyword that was seen.
    pub(super) fn keyword(&mut self, input: ParseStream<'_>) -> Span {
        self.any_word(input).map_or(Span::call_site(), |word| word.span)
    }

    fn call(&mut self, input: ParseStream<'_>) -> Parsed<Call> {
        let name = self.name(input, "a step")?;
        let mut span = name.span;
        if let Some((_, parentheses, _)) = input.cursor().group(Delimiter::Parenthesis) {
            span = span.to(parentheses.close().into());
        }
        Ok(Call { name, args: self.args(input)?, span })
    }

    /// `s` or `s[i]`.
    fn tap(&mut self, input: ParseStream<'_>, keyword: &str) -> Parsed<TapRef> {
        let span = self.keyword(input);
        let name = self.name(input, &format!("the name of a tap after `{keyword}`"))?;
        let mut index = None;
        if is_group(input.cursor(), Delimiter::Bracket) {
            let rule = |this: &mut Self, content: ParseStream<'_>| this.expr(content);
            index = Some(self.inside(input, Delimiter::Bracket, rule)?.0);
        }
        Ok(TapRef { keyword: span, name, index })
    }

    pub(super) fn if_rule<T>(&mut self, input: ParseStream<'_>, braces: Braces<T>) -> Parsed<If<T>> {
        let keyword = self.keyword(input);
        let condition = self.expr(input)?;
        self.refuse_assignment(input)?;
        let then = braces(self, input)?;
        let mut otherwise = None;
        if self.take_word(input, "else").is_some() {
            otherwise = Some(Box::new(if is_word(input.cursor(), "if") {
                Else::If(self.deeper(keyword, |this| this.if_rule(input, braces))?)
            } else {
                Else::Body(braces(self, input)?)
            }));
        }
        Ok(If { keyword, condition, then, otherwise })
    }

    pub(super) fn for_rule<T>(&mut self, input: ParseStream<'_>, braces: Braces<T>) -> Parsed<For<T>> {
        let keyword = self.keyword(input);
        let pattern = self.pattern(input)?;
        if self.take_word(input, "in").is_none() {
            return Err(self.expected(input, "`in` after the name"));
        }
        Ok(For { keyword, pattern, list: self.expr(input)?, body: braces(self, input)? })
    }
}

//! The sections of a network and its limits.

use syn::parse::ParseStream;

use super::parser::{Lost, Parsed, Parser};
use super::recover::{ends_sections, is_section, is_where, section_kind, skip_chain, skip_limit};
use super::token::{begins_step, word};
use crate::diag::{Diagnostic, Span};
use crate::nearest::nearest;
use crate::syntax::ast::{Chain, Ident, Limit, Primary, Section, SectionKind};

impl Parser<'_> {
    /// `stem …; body …; head …;`.
    pub(super) fn sections(&mut self, input: ParseStream<'_>) -> Vec<Section> {
        let mut sections: Vec<Section> = Vec::new();
        while !ends_sections(input) {
            let Some(kind) = section_kind(input.cursor()) else {
                self.not_a_section(input);
                continue;
            };
            let keyword = self.keyword(input);
            let misplaced = self.misplaced(&sections, kind, keyword);
            let chains = self.chains(input, kind, keyword);
            if !misplaced {
                sections.push(Section { kind, keyword, chains });
            }
        }
        sections
    }

    fn misplaced(&mut self, before: &[Section], kind: SectionKind, keyword: Span) -> bool {
        let word = kind.keyword();
        if before.iter().any(|section| section.kind == kind) {
            let message = format!("section `{word}` is written twice");
            let help = format!("one `{word}` holds several chains: `{word} a; b;`");
            self.error(Diagnostic::new(keyword, message).help(help));
            return true;
        }
        let Some(last) = before.last().filter(|last| last.kind > kind) else {
            return false;
        };
        let last = last.kind.keyword();
        let message = format!("the order of sections is stem, body, head: `{word}` comes after `{last}`");
        self.error(Diagnostic::new(keyword, message).help(format!("move `{word}` before `{last}`")));
        true
    }

    /// Where a section should begin. Its chains are read for their own mistakes.
    fn not_a_section(&mut self, input: ParseStream<'_>) {
        let cursor = input.cursor();
        let misspelt = cursor.ident().filter(|&(_, rest)| begins_step(rest)).and_then(|_| word(cursor));
        if let Some(name) = misspelt {
            let span = self.keyword(input);
            self.unknown_section(span, &name, nearest(&name, ["stem", "body", "head"]));
        } else {
            self.expected(input, "a section (`stem`, `body` or `head`)");
            if word(cursor).is_none() {
                return skip_chain(input);
            }
        }
        self.chains_until_section(input, " in the section");
    }

    fn chains(&mut self, input: ParseStream<'_>, kind: SectionKind, keyword: Span) -> Vec<Chain> {
        let word = kind.keyword();
        if is_section(input.cursor()) || ends_sections(input) {
            let message = format!("section `{word}` is empty");
            self.error(Diagnostic::new(keyword, message).help("write its steps, or leave it out"));
            return Vec::new();
        }
        self.chains_until_section(input, &format!(" after `{word}`"))
    }

    fn chains_until_section(&mut self, input: ParseStream<'_>, after: &str) -> Vec<Chain> {
        let mut chains = Vec::new();
        while chains.is_empty() || !(is_section(input.cursor()) || ends_sections(input)) {
            let after = if chains.is_empty() { after } else { " after `;`" };
            match self.chain(input, after) {
                Ok(chain) => {
                    if self.take(input, ";").is_none() {
                        if self.misspelt_section(input, &chain).is_none() {
                            self.chain_end(input, "`;`");
                        }
                        skip_chain(input);
                    }
                    chains.push(chain);
                }
                Err(Lost) => {
                    skip_chain(input);
                    chains.push(Chain { steps: Vec::new() });
                }
            }
        }
        chains.retain(|chain| !chain.steps.is_empty());
        chains
    }

    /// `bdy layer1: …` reads as a step that lacks its arrow.
    fn misspelt_section(&mut self, input: ParseStream<'_>, chain: &Chain) -> Option<Lost> {
        let [step] = chain.steps.as_slice() else {
            return None;
        };
        let Primary::Call(call) = &step.primary else {
            return None;
        };
        let bare = step.label.is_none() && step.postfix.is_empty() && call.args.is_empty();
        if !bare || !begins_step(input.cursor()) {
            return None;
        }
        let section = nearest(&call.name.name, ["stem", "body", "head"])?;
        Some(self.unknown_section(call.name.span, &call.name.name, Some(section)))
    }

    fn unknown_section(&mut self, span: Span, name: &str, nearest: Option<&str>) -> Lost {
        let help = match nearest {
            Some(section) => format!("did you mean `{section}`?"),
            None => "sections are `stem`, `body` and `head`".to_owned(),
        };
        self.error(Diagnostic::new(span, format!("unknown section `{name}`")).help(help))
    }

    /// `where params <= 12M, macs <= 2G;`, or nothing.
    pub(super) fn limits(&mut self, input: ParseStream<'_>) -> Vec<Limit> {
        let mut limits = Vec::new();
        if !is_where(input.cursor()) {
            return limits;
        }
        self.keyword(input);
        loop {
            match self.limit(input) {
                Ok(limit) => limits.push(limit),
                Err(Lost) if skip_limit(input) => continue,
                Err(Lost) => return limits,
            }
            if self.take(input, ",").is_some() {
                continue;
            }
            if self.take(input, ";").is_none() {
                self.expected(input, "`,` or `;` after the limit");
                skip_chain(input);
            }
            return limits;
        }
    }

    fn limit(&mut self, input: ParseStream<'_>) -> Parsed<Limit> {
        let quantity: Ident = self.name(input, "a quantity such as `params` or `macs`")?;
        let op = self.comparison(input)?;
        Ok(Limit { quantity, op, bound: self.sum(input)? })
    }
}

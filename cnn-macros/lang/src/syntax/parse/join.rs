//! `add`, `concat` and `mul` with their branches.

use proc_macro2::Delimiter;
use syn::parse::ParseStream;

use super::parser::{Lost, Parsed, Parser};
use super::recover::skip_past_semicolon;
use super::token::{is, is_label, is_word};
use crate::syntax::ast::{Branch, Join, JoinKind};

pub(super) fn join_kind(word: &str) -> Option<JoinKind> {
    [JoinKind::Add, JoinKind::Concat, JoinKind::Mul].into_iter().find(|kind| kind.keyword() == word)
}

impl Parser<'_> {
    pub(super) fn join(&mut self, input: ParseStream<'_>, kind: JoinKind) -> Parsed<Join> {
        let keyword = self.keyword(input);
        Ok(Join { kind, keyword, branches: self.branches(input)? })
    }

    /// `{ branch; branch; }`. A mistake costs its branch, not the others.
    fn branches(&mut self, input: ParseStream<'_>) -> Parsed<Vec<Branch>> {
        let rule = |this: &mut Self, content: ParseStream<'_>| {
            let mut branches = Vec::new();
            if content.is_empty() {
                this.expected_help(content, "a branch", "the branch that changes nothing is `identity`");
            }
            while !content.is_empty() {
                match this.branch(content) {
                    Ok(branch) => branches.push(branch),
                    Err(Lost) => skip_past_semicolon(content),
                }
            }
            Ok(branches)
        };
        self.inside(input, Delimiter::Brace, rule).map(|(branches, _)| branches)
    }

    fn branch(&mut self, input: ParseStream<'_>) -> Parsed<Branch> {
        let keyword = ["if", "for"].into_iter().find(|word| is_word(input.cursor(), word));
        let keyword = keyword.filter(|_| !is_label(input.cursor()));
        let branch = match keyword {
            Some("if") => Branch::If(self.if_rule(input, |this, input| this.branches(input))?),
            Some(_) => Branch::For(self.for_rule(input, |this, input| this.branches(input))?),
            None => Branch::Chain(self.chain(input, "")?),
        };
        if input.is_empty() || self.take(input, ";").is_some() {
            return Ok(branch);
        }
        let cursor = input.cursor();
        match keyword {
            Some(word) if ["->", "*", "@"].iter().any(|op| is(cursor, op)) => {
                let help = format!("to go on after the steps of an `{word}` wrap it in braces: `{{ {word} … }} -> …`");
                let help = if word == "for" { help.replace("an `for`", "a `for`") } else { help };
                let what = format!("`;` after `{word}`, which makes branches here");
                Err(self.expected_help(input, &what, &help))
            }
            Some(_) => Err(self.expected(input, "`;` after the branch")),
            None => Err(self.chain_end(input, "`;`")),
        }
    }
}

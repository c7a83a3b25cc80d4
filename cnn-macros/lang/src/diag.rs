//! Errors: collected, never thrown, so that all independent mistakes are reported at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// From the first to the last token of something. All spans are equal: where a thing was written is not part of
/// what it is.
#[derive(Clone, Copy)]
pub struct Span {
    /// The first token.
    pub first: proc_macro2::Span,
    /// The last token.
    pub last: proc_macro2::Span,
}

impl Span {
    /// The whole macro call.
    pub fn call_site() -> Span {
        proc_macro2::Span::call_site().into()
    }

    /// From the start of `self` to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span { first: self.first, last: other.last }
    }
}

impl Span {
    /// The only property of a compiler's span that stable Rust lets one compare.
    fn key(self) -> String {
        format!("{:?} {:?}", self.first, self.last)
    }
}

impl From<proc_macro2::Span> for Span {
    fn from(span: proc_macro2::Span) -> Span {
        Span { first: span, last: span }
    }
}

impl PartialEq for Span {
    fn eq(&self, _: &Span) -> bool {
        true
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.first.start(), self.last.end());
        write!(f, "{}:{}-{}:{}", from.line, from.column, to.line, to.column)
    }
}

/// One mistake: the smallest token at fault, what is wrong with the numbers, and how to mend it.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// Where to point.
    pub span: Span,
    /// Lower case, no full stop, numbers included.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// How the place was reached: the calls of the block that holds it.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// A mistake without help.
    pub fn new(span: impl Into<Span>, message: impl Into<String>) -> Diagnostic {
        Diagnostic { span: span.into(), message: message.into(), help: None, notes: Vec::new() }
    }

    /// Adds how to mend it.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {help}")?;
        }
        for note in &self.notes {
            write!(f, "\nnote: {note}")?;
        }
        Ok(())
    }
}

/// The mistakes found so far.
#[derive(Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    words: BTreeMap<String, Known>,
}

/// A word at fault: its mistake, and the ways that led there.
#[derive(Debug)]
struct Known {
    index: usize,
    ways: BTreeSet<String>,
}

/// Ways to one mistake that are written out.
const WAYS_SHOWN: usize = 3;

impl Diagnostics {
    /// Adds a mistake.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Adds a mistake unless its word has one already: then only the way that led there is added.
    ///
    /// A block called twice is wrong once. `word` is the word at fault, which may be elsewhere than where it is shown.
    pub fn push_once(&mut self, diagnostic: Diagnostic, word: Span) {
        self.push_known(diagnostic, word.key());
    }

    /// Adds a mistake in a definition from elsewhere, shown where that one is used, unless that place has one already:
    /// what else is wrong there most likely follows from the same number.
    pub fn push_at_use(&mut self, diagnostic: Diagnostic) {
        let place = format!("use {}", diagnostic.span.key());
        if let Some(known) = self.words.get(&place)
            && self.list[known.index].message != diagnostic.message
        {
            return;
        }
        self.push_known(diagnostic, place);
    }

    /// Whether this word has a mistake already.
    pub fn knows(&self, word: Span) -> bool {
        self.words.contains_key(&word.key())
    }

    fn push_known(&mut self, mut diagnostic: Diagnostic, key: String) {
        let way = diagnostic.notes.first().cloned();
        let Some(known) = self.words.get_mut(&key) else {
            let known = Known { index: self.list.len(), ways: way.into_iter().collect() };
            self.words.insert(key, known);
            self.list.push(diagnostic);
            return;
        };
        let Some(way) = way.filter(|way| known.ways.insert(way.clone())) else { return };
        let first = &mut self.list[known.index];
        match known.ways.len() {
            1 => first.notes.append(&mut diagnostic.notes),
            n if n <= WAYS_SHOWN => first.notes.push(format!("also {way}")),
            n => {
                let more = n - WAYS_SHOWN;
                if more > 1 {
                    first.notes.pop();
                }
                first.notes.push(format!("also in {more} more call{}", if more == 1 { "" } else { "s" }));
            }
        }
    }

    /// How many mistakes there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, in the order in which they were found.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.list
    }
}

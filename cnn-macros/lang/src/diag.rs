//! Errors: collected, never thrown, so that all independent mistakes are reported at once.

use std::fmt;

/// From the first to the last token of something. All spans are equal: where a thing was written is not part of
/// what it is.
#[derive(Clone, Copy)]
pub struct Span {
    pub first: proc_macro2::Span,
    pub last: proc_macro2::Span,
}

impl Span {
    pub fn call_site() -> Span {
        proc_macro2::Span::call_site().into()
    }

    /// From the start of `self` to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span { first: self.first, last: other.last }
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
    pub span: Span,
    /// Lower case, no full stop, numbers included.
    pub message: String,
    pub help: Option<String>,
    /// How the place was reached: the calls of the block that holds it.
    pub notes: Vec<String>,
}

impl Diagnostic {
    pub fn new(span: impl Into<Span>, message: impl Into<String>) -> Diagnostic {
        Diagnostic { span: span.into(), message: message.into(), help: None, notes: Vec::new() }
    }

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
}

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.list
    }
}

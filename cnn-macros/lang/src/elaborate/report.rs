//! Where a mistake is shown, and how it was reached.

use super::{Elaborator, MOST_STEPS};
use crate::diag::{Diagnostic, Span};
use crate::graph::ScopeId;

/// Mistakes of one network, the repeated ones counted.
const MOST_MISTAKES: usize = 1000;

/// Calls around a mistake that are named: the innermost ones.
const CALLS_SHOWN: usize = 4;

impl Elaborator<'_, '_> {
    /// Reports a mistake on a token of the user's own making: one in an imported block is shown at the call that led
    /// there, one in an instance at what the instance changes.
    pub(super) fn report(&mut self, mut diagnostic: Diagnostic) {
        self.failed = true;
        // A loop of nothing but mistakes would say them all, however few of them are new.
        self.steps += MOST_STEPS / MOST_MISTAKES;
        self.stopped |= self.steps > MOST_STEPS;
        let innermost = diagnostic.span;
        let calls: Vec<&String> = self.frames.iter().rev().filter_map(|frame| frame.call.as_ref()).collect();
        diagnostic.notes.extend(calls.iter().take(CALLS_SHOWN).map(|call| format!("in {call}")));
        match calls.len().saturating_sub(CALLS_SHOWN) {
            0 => {}
            1 => diagnostic.notes.push(format!("in {}", calls[CALLS_SHOWN])),
            more => diagnostic.notes.push(format!("in {more} more calls")),
        }
        diagnostic.notes.extend(self.note.clone());
        match self.frames.iter().find_map(|frame| frame.shown_at) {
            // The definition is wrong by itself, which was said there.
            Some(_) if self.errors.knows(innermost) => {}
            Some(shown) => {
                diagnostic.span = shown;
                self.errors.push_at_use(diagnostic);
            }
            None => self.errors.push_once(diagnostic, innermost),
        }
    }

    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::new(span, message));
    }

    /// A limit of elaboration: said once, then everything stops.
    pub(super) fn stop(&mut self, diagnostic: Diagnostic) {
        if !self.stopped {
            self.report(diagnostic);
        }
        self.stopped = true;
    }

    /// The word that stands for an operation: where it comes from elsewhere, the call that brought it.
    pub(super) fn word_of(&self, span: Span) -> Span {
        let foreign = |frame: &&super::Frame<'_>| frame.shown_at.is_some();
        self.frames.iter().find(foreign).map_or(span, |frame| frame.call_span)
    }

    /// The scope of a label, with a clash of fields reported.
    pub(super) fn open(&mut self, parent: ScopeId, name: &str, span: Span) -> ScopeId {
        match self.scopes.open(parent, name) {
            Ok(scope) => scope,
            Err(clash) => {
                self.report(
                    Diagnostic::new(
                        span,
                        format!("the labels `{}` and `{name}` are one field `{}` in Rust", clash.other, clash.field),
                    )
                    .help("rename one of them"),
                );
                self.scopes.hidden(parent)
            }
        }
    }
}

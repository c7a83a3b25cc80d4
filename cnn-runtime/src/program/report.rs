//! Mistakes of a file as rustc shows its own.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use cnn_lang::diag::{Diagnostic, Span};

/// One mistake: header, place, the line with carets below, help and notes. Ends without a line break.
pub(super) fn report(path: &str, source: &str, diagnostic: &Diagnostic, styled: bool) -> String {
    let title = Level::ERROR.primary_title(diagnostic.message.as_str());
    let mut group = Group::with_title(title);
    if let Some(range) = place(source, diagnostic.span) {
        let carets = AnnotationKind::Primary.span(range);
        group = group.element(Snippet::source(source).path(path).annotation(carets));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// The bytes of a span; `None` if it stands nowhere in this text.
fn place(source: &str, span: Span) -> Option<Range<usize>> {
    let (first, last) = (span.first.byte_range(), span.last.byte_range());
    let rest = source.get(first.start..)?;
    if first.is_empty() {
        // Where characters form no token there is only a position.
        let width = rest.chars().next().map_or(0, char::len_utf8);
        return (!is_nowhere(span)).then_some(first.start..first.start + width);
    }
    let stands = |range: &Range<usize>, span: proc_macro2::Span| {
        source.get(range.clone()).is_some_and(|text| span.source_text().as_deref() == Some(text))
    };
    if !stands(&first, span.first) {
        return None;
    }
    let end = if stands(&last, span.last) { last.end.max(first.end) } else { first.end };
    Some(first.start..end)
}

/// Whether a span is the one that stands for the whole call, which no text has.
fn is_nowhere(span: Span) -> bool {
    span.first.file() == proc_macro2::Span::call_site().file()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cnn_lang::compile_str;

    fn shown(source: &str) -> String {
        report("a.cnn", source, &compile_str(source).errors[0], false)
    }

    #[test]
    fn characters_that_form_no_token_are_pointed_at() {
        assert!(
            shown("block a() {\n    \"abc }\n").contains("--> a.cnn:2:5\n"),
            "{}",
            shown("block a() {\n \"abc }\n")
        );
        assert!(shown("block a() {\n  relu\n").contains("--> a.cnn:1:11\n"), "{}", shown("block a() {\n  relu\n"));
        assert!(shown("relu )").contains("--> a.cnn:1:6\n"), "{}", shown("relu )"));
    }

    #[test]
    fn columns_count_characters_and_lines_may_end_in_two() {
        let text = shown("/* é× */ N: 1x4x4 -> 2;\r\n/* ß */ stem rely;\r\n");
        assert!(text.contains("--> a.cnn:2:14\n") && text.contains("^^^^"), "{text}");
    }

    #[test]
    fn what_stands_nowhere_is_told_without_a_place() {
        let text = report("a.cnn", "relu", &Diagnostic::new(Span::call_site(), "no place").help("none"), false);
        assert_eq!(text, "error: no place\n |\n = help: none");
    }
}

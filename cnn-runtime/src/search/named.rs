//! A name with figures, as in `tpe:startup=20,gamma=0.15`.

use std::str::FromStr;

use super::error::SearchError;

/// A name and its figures, which are taken out one by one.
pub(super) struct Named<'t> {
    what: &'static str,
    text: &'t str,
    pub(super) name: &'t str,
    figures: Vec<(&'t str, &'t str)>,
    /// Figures that were asked for.
    known: Vec<&'static str>,
}

impl<'t> Named<'t> {
    pub(super) fn parse(what: &'static str, text: &'t str) -> Result<Named<'t>, SearchError> {
        let (name, rest) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let pairs = rest.into_iter().flat_map(|rest| rest.split(','));
        let figures = pairs.map(|pair| pair.split_once('=')).collect::<Option<Vec<_>>>();
        let Some(figures) = figures else {
            let expected = "NAME or NAME:FIGURE=NUMBER,…".to_owned();
            return Err(SearchError::Text { what, expected, got: text.to_owned() });
        };
        Ok(Named { what, text, name, figures, known: Vec::new() })
    }

    /// The figure of a name, or the usual one.
    pub(super) fn take<T: FromStr>(&mut self, name: &'static str, usual: T) -> Result<T, SearchError> {
        self.known.push(name);
        let Some(at) = self.figures.iter().position(|(known, _)| *known == name) else { return Ok(usual) };
        let (_, value) = self.figures.remove(at);
        value.parse().map_err(|_| SearchError::Text {
            what: self.what,
            expected: format!("a number for {name}"),
            got: self.text.to_owned(),
        })
    }

    /// Refuses what nobody took.
    pub(super) fn end(self) -> Result<(), SearchError> {
        let Some((name, _)) = self.figures.first() else { return Ok(()) };
        let expected = match self.known.is_empty() {
            true => format!("no figures for {}", self.name),
            false => format!("figures {} (each once), not {name}", self.known.join(", ")),
        };
        Err(SearchError::Text { what: self.what, expected, got: self.text.to_owned() })
    }

    /// The error that there is no such name.
    pub(super) fn unknown(&self, names: &str) -> SearchError {
        SearchError::Text { what: self.what, expected: format!("one of {names}"), got: self.text.to_owned() }
    }
}

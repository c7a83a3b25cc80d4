//! How the tensors of a file are matched with those of a network, and what came of it.

use std::fmt;

use super::error::tree;
use super::{Mismatch, pattern};

/// How the tensors of a file are matched with those of a network that has tensors already.
///
/// ```
/// use cnn_runtime::weights::LoadOptions;
///
/// // A network with another head takes the rest from a file that was saved under `module.`.
/// let options = LoadOptions { strip: vec!["module".into()], skip: vec!["fc".into()], ..LoadOptions::default() };
/// # assert!(options.strict);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// Whether every tensor of the network has to be in the file, and no other. If not, what is missing stays as it is and what
    /// is unexpected is left out; the report lists both. (PyTorch's `strict`.)
    pub strict: bool,
    /// Scopes taken off the front of the file's names that begin with them, one after the other: `module`, `backbone`.
    pub strip: Vec<String>,
    /// What a part of a name between dots, or several (`norm.1`), is called in the network: `("classifier", "fc")`.
    pub rename: Vec<(String, String)>,
    /// A scope put in front of the file's names at last; none if it is empty.
    pub prefix: String,
    /// [Patterns](super::matches) of tensors that stay as they are, whatever the file holds: a head to be replaced.
    pub skip: Vec<String>,
    /// [Patterns](super::matches) of tensors that stay as they are where the file's have another shape. Others of another shape
    /// are refused.
    pub misshapen: Vec<String>,
}

impl Default for LoadOptions {
    /// Strict; the file's names are the network's.
    fn default() -> Self {
        LoadOptions {
            strict: true,
            strip: Vec::new(),
            rename: Vec::new(),
            prefix: String::new(),
            skip: Vec::new(),
            misshapen: Vec::new(),
        }
    }
}

impl LoadOptions {
    /// What the network calls a tensor of the file.
    pub(super) fn name(&self, held: &str) -> String {
        let mut name = held;
        for scope in &self.strip {
            let scope = scope.strip_suffix('.').unwrap_or(scope);
            name = name.strip_prefix(scope).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name);
        }
        let mut name = format!(".{name}.");
        for (from, to) in &self.rename {
            name = name.replace(&format!(".{from}."), &format!(".{to}."));
        }
        let prefix = self.prefix.strip_suffix('.').unwrap_or(&self.prefix);
        let name = &name[1..name.len() - 1];
        if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
    }

    /// The first pattern that names no tensor of either side.
    pub(super) fn idle(&self, names: &[&str]) -> Option<(&str, Option<String>)> {
        pattern::idle(&self.skip, names).or_else(|| pattern::idle(&self.misshapen, names))
    }
}

/// What was loaded, and what was not. Names are the network's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadReport {
    /// Tensors set from the file, in the network's order.
    pub loaded: Vec<String>,
    /// Tensors of the network that were to be skipped.
    pub skipped: Vec<String>,
    /// Tensors of the network that the file does not hold. Batch counters are not listed: PyTorch had none before 0.4.1.
    pub missing: Vec<String>,
    /// Tensors of the file that the network does not have.
    pub unexpected: Vec<String>,
    /// Tensors that stayed because the file's have another shape: a [`Mismatch::Shape`] each.
    pub misshapen: Vec<Mismatch>,
}

impl fmt::Display for LoadReport {
    /// One line; many names are put together by their scopes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.loaded.len();
        write!(f, "loaded {count} tensor{}", if count == 1 { "" } else { "s" })?;
        let misshapen = self.misshapen.iter().map(|mismatch| mismatch.name().to_owned()).collect();
        let rest = [
            ("skipped", &self.skipped),
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("misshapen", &misshapen),
        ];
        for (what, names) in rest {
            if !names.is_empty() {
                write!(f, "; {what} {}", tree(names.iter().map(String::as_str)))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

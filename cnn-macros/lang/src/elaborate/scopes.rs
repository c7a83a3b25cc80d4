//! Names of parameters: labels open scopes, unlabelled steps count.

use std::collections::BTreeMap;

use crate::graph::{Scope, ScopeId};

/// Where a step finds its name: labels and numbers differ only directly inside a section.
#[derive(Debug, Clone, Copy)]
pub struct Naming {
    /// Scope in which a label opens its own.
    pub labels: ScopeId,
    /// Scope whose counter numbers unlabelled steps.
    pub numbers: ScopeId,
}

impl Naming {
    pub fn within(scope: ScopeId) -> Naming {
        Naming { labels: scope, numbers: scope }
    }
}

#[derive(Default)]
struct Counters {
    next: usize,
    children: BTreeMap<String, ScopeId>,
    fields: BTreeMap<String, String>,
    holds_tensors: bool,
    tensors_below: bool,
}

/// The tree of scopes while it grows.
pub struct Scopes {
    scopes: Vec<Scope>,
    counters: Vec<Counters>,
}

/// Why a layer cannot have its tensors in a scope.
pub enum TensorClash {
    /// Another layer has its own there.
    Same,
    /// The layer of this path has its own further up.
    Above(String),
    /// Other layers have theirs further down.
    Below,
}

/// Two labels that would be one field of the struct.
pub struct FieldClash {
    pub field: String,
    pub other: String,
}

impl Scopes {
    pub fn new() -> Scopes {
        Scopes {
            scopes: vec![Scope { parent: ScopeId::ROOT, name: String::new() }],
            counters: vec![Counters::default()],
        }
    }

    /// The scope of this label, opened now or continued.
    pub fn open(&mut self, parent: ScopeId, name: &str) -> Result<ScopeId, FieldClash> {
        if let Some(&scope) = self.counters[parent.0].children.get(name) {
            return Ok(scope);
        }
        let id = ScopeId(self.scopes.len());
        self.scopes.push(Scope { parent, name: name.to_owned() });
        self.counters.push(Counters::default());
        let counters = &mut self.counters[parent.0];
        counters.children.insert(name.to_owned(), id);
        let field = field_name(name);
        match counters.fields.insert(field.clone(), name.to_owned()) {
            Some(other) => Err(FieldClash { field, other }),
            None => Ok(id),
        }
    }

    /// The next number.
    pub fn count(&mut self, parent: ScopeId) -> usize {
        let next = &mut self.counters[parent.0].next;
        *next += 1;
        *next - 1
    }

    /// A scope that no name leads to.
    pub fn hidden(&mut self, parent: ScopeId) -> ScopeId {
        self.scopes.push(Scope { parent, name: "?".to_owned() });
        self.counters.push(Counters::default());
        ScopeId(self.scopes.len() - 1)
    }

    /// Marks a layer's own scope, in which and above which no other layer may have its tensors.
    pub fn place_tensors(&mut self, scope: ScopeId) -> Result<(), TensorClash> {
        let counters = &mut self.counters[scope.0];
        if counters.holds_tensors {
            return Err(TensorClash::Same);
        }
        if counters.tensors_below {
            return Err(TensorClash::Below);
        }
        counters.holds_tensors = true;
        let mut at = scope;
        while at != ScopeId::ROOT {
            at = self.scopes[at.0].parent;
            if self.counters[at.0].holds_tensors {
                return Err(TensorClash::Above(self.path(at)));
            }
            self.counters[at.0].tensors_below = true;
        }
        Ok(())
    }

    pub fn path(&self, scope: ScopeId) -> String {
        let mut names = Vec::new();
        let mut at = scope;
        while at != ScopeId::ROOT {
            names.push(self.scopes[at.0].name.as_str());
            at = self.scopes[at.0].parent;
        }
        names.reverse();
        names.join(".")
    }

    pub fn into_vec(self) -> Vec<Scope> {
        self.scopes
    }
}

/// The Rust field of a label or number: `block1-0` → `block1_0`, `0` → `_0`, `type` → `_type`.
pub fn field_name(label: &str) -> String {
    let plain: String = label.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    const KEYWORDS: &[&str] = &[
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
        "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
        "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "Self", "static", "struct",
        "super", "trait", "true", "try", "type", "typeof", "union", "unsafe", "unsized", "use", "virtual", "where",
        "while", "yield", "_", "",
    ];
    if plain.starts_with(|c: char| c.is_ascii_digit()) || KEYWORDS.contains(&plain.as_str()) {
        format!("_{plain}")
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_identifiers() {
        let cases = [
            ("block1-0", "block1_0"),
            ("0", "_0"),
            ("type", "_type"),
            ("conv1", "conv1"),
            ("größe", "gr__e"),
            ("_", "__"),
        ];
        for (label, field) in cases {
            assert_eq!(field_name(label), field);
        }
    }

    #[test]
    fn a_label_continues_with_its_counter() {
        let mut scopes = Scopes::new();
        let features = scopes.open(ScopeId::ROOT, "features").ok().unwrap();
        let first = scopes.count(features);
        let again = scopes.open(ScopeId::ROOT, "features").ok().unwrap();
        assert_eq!((features, first, scopes.count(again)), (again, 0, 1));
    }
}

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
}

/// The tree of scopes while it grows.
pub struct Scopes {
    scopes: Vec<Scope>,
    counters: Vec<Counters>,
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

    /// The scope of the next number.
    pub fn count(&mut self, parent: ScopeId) -> ScopeId {
        let number = self.counters[parent.0].next;
        self.counters[parent.0].next += 1;
        // A quoted label may have taken the number's name; then they share the scope, and two parameters of one name are found.
        self.open(parent, &number.to_string()).unwrap_or(parent)
    }

    /// Marks a layer's own scope; false if another layer has its tensors there or steps stand below it.
    pub fn place_tensors(&mut self, scope: ScopeId) -> bool {
        let counters = &mut self.counters[scope.0];
        let free = !counters.holds_tensors && counters.children.is_empty();
        counters.holds_tensors = true;
        free
    }

    /// Whether a layer has its tensors directly in this scope.
    pub fn holds_tensors(&self, scope: ScopeId) -> bool {
        self.counters[scope.0].holds_tensors
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
        let second = scopes.count(again);
        assert_eq!([scopes.path(first), scopes.path(second)], ["features.0", "features.1"]);
    }
}

//! Where in a network something stands: the steps, passes and options around it. By its place a gene is known, and named.

use std::collections::HashMap;

use crate::graph::ScopeId;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlaceId(usize);

/// One way inwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Turn {
    /// Into the part of the tree with this address.
    Into(usize),
    /// Into a pass of a loop or a copy of a repeated step.
    Pass(usize),
    /// Into an option of a `choose`, or an arm of an `if`: no member takes two.
    Option(usize),
}

/// Where a step stands, and in which scope its label opens one.
#[derive(Debug, Clone, Copy)]
pub struct Here {
    pub place: PlaceId,
    pub scope: ScopeId,
}

struct Place {
    around: PlaceId,
    turn: Turn,
    depth: usize,
    /// Its part of the names of genes.
    name: Option<String>,
}

pub struct Places {
    places: Vec<Place>,
    known: HashMap<(PlaceId, Turn), PlaceId>,
    /// By scope and field.
    labels: HashMap<(ScopeId, String), Vec<Label>>,
    /// The label of each step that has one.
    texts: HashMap<PlaceId, String>,
    scopes: usize,
}

struct Label {
    text: String,
    place: PlaceId,
    scope: ScopeId,
}

/// Why a label cannot stand.
pub enum LabelClash {
    /// Another step of the same members bears it.
    Twice,
    /// Here it has another text in other members.
    Varies(String),
    /// Another label of the same members is the same field.
    Field(String),
}

impl Places {
    /// The network itself.
    pub const ROOT: PlaceId = PlaceId(0);

    pub fn new() -> Places {
        let root = Place { around: Places::ROOT, turn: Turn::Into(0), depth: 0, name: None };
        Places { places: vec![root], known: HashMap::new(), labels: HashMap::new(), texts: HashMap::new(), scopes: 1 }
    }

    pub fn inside(&mut self, around: PlaceId, turn: Turn) -> PlaceId {
        if let Some(&place) = self.known.get(&(around, turn)) {
            return place;
        }
        let place = PlaceId(self.places.len());
        let depth = self.places[around.0].depth + 1;
        let name = match turn {
            Turn::Pass(pass) => Some(pass.to_string()),
            Turn::Into(_) | Turn::Option(_) => None,
        };
        self.places.push(Place { around, turn, depth, name });
        self.known.insert((around, turn), place);
        place
    }

    /// Gives a place its part of the names of genes.
    pub fn call(&mut self, place: PlaceId, name: Option<String>) {
        let known = &mut self.places[place.0].name;
        *known = known.take().or(name);
    }

    /// Labels and numbers that lead to a place.
    pub fn name(&self, mut place: PlaceId) -> Vec<&str> {
        let mut names = Vec::new();
        while place != Places::ROOT {
            names.extend(self.places[place.0].name.as_deref());
            place = self.places[place.0].around;
        }
        names.reverse();
        names
    }

    /// Whether a step has been labelled.
    pub fn is_named(&self, place: PlaceId) -> bool {
        self.places[place.0].name.is_some()
    }

    /// Whether no member has both.
    fn exclude_each_other(&self, mut a: PlaceId, mut b: PlaceId) -> bool {
        let depth = |place: PlaceId| self.places[place.0].depth;
        let around = |place: PlaceId| self.places[place.0].around;
        while depth(a) > depth(b) {
            a = around(a);
        }
        while depth(b) > depth(a) {
            b = around(b);
        }
        if a == b {
            return false;
        }
        while around(a) != around(b) {
            (a, b) = (around(a), around(b));
        }
        matches!((self.places[a.0].turn, self.places[b.0].turn), (Turn::Option(_), Turn::Option(_)))
    }

    /// The scope of a label, or of a call without one.
    pub fn scope(&mut self, parent: ScopeId, label: Option<&str>, place: PlaceId) -> Result<ScopeId, LabelClash> {
        let Some(text) = label else {
            self.scopes += 1;
            return Ok(ScopeId(self.scopes - 1));
        };
        let same = self.texts.entry(place).or_insert_with(|| text.to_owned());
        if same != text {
            return Err(LabelClash::Varies(same.clone()));
        }
        let field = crate::elaborate::field_name(text);
        let known = self.labels.entry((parent, field)).or_default();
        if let Some(same) = known.iter().find(|label| label.place == place) {
            return Ok(same.scope);
        }
        let scope = ScopeId(self.scopes);
        self.scopes += 1;
        known.push(Label { text: text.to_owned(), place, scope });
        let key = (parent, crate::elaborate::field_name(text));
        let others = &self.labels[&key];
        for other in others.iter().filter(|other| other.place != place) {
            if !self.exclude_each_other(other.place, place) {
                let same = other.text == text;
                return Err(if same { LabelClash::Twice } else { LabelClash::Field(other.text.clone()) });
            }
        }
        Ok(scope)
    }
}

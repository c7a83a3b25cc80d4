//! Which struct and field holds what: the tree of scopes that hold tensors.

use std::collections::BTreeMap;

use cnn_lang::elaborate::field_name;
use cnn_lang::graph::{Graph, NodeId, Op, ScopeId};

use super::ops::layer_type;

/// A field of a struct.
pub enum Field {
    /// A layer or a struct of its own.
    One { name: String, scope: ScopeId },
    /// Equal block calls with consecutive numbers.
    Run { name: String, scopes: Vec<ScopeId> },
}

/// What a scope is in Rust.
#[derive(Clone, Copy)]
enum Place {
    /// No tensors in it or below it.
    Empty,
    /// The layer of this node.
    Layer(NodeId),
    /// A struct, by its index.
    Struct(usize),
}

/// A struct to emit.
pub struct Struct {
    pub name: String,
    pub fields: Vec<Field>,
    /// The block call whose function it carries.
    pub call: Option<usize>,
}

/// The graph's scopes as structs and fields.
pub struct Tree<'g> {
    pub graph: &'g Graph,
    pub structs: Vec<Struct>,
    places: Vec<Place>,
    /// How a scope is reached from the one around it: `.conv1`, `._1[3]`.
    segments: Vec<String>,
    /// For each call whether it is a function: it has tensors, its scope is its own, and no auxiliary output leaves it.
    functions: Vec<bool>,
    /// For each scope its runs of equal block calls: field and members.
    runs: Vec<Vec<(String, Vec<ScopeId>)>>,
    children: Vec<Vec<ScopeId>>,
    call_of: BTreeMap<ScopeId, usize>,
    /// For each node the last that reads it; outputs are read at the very end.
    last_reader: Vec<usize>,
    by_key: BTreeMap<String, usize>,
    taken: BTreeMap<String, usize>,
}

impl<'g> Tree<'g> {
    /// `name`: the network's, in front of the names of helper structs.
    pub fn new(graph: &'g Graph) -> Tree<'g> {
        let scopes = graph.scopes.len();
        let mut tree = Tree {
            graph,
            structs: Vec::new(),
            places: vec![Place::Empty; scopes],
            segments: vec![String::new(); scopes],
            functions: Vec::new(),
            runs: vec![Vec::new(); scopes],
            children: vec![Vec::new(); scopes],
            call_of: BTreeMap::new(),
            last_reader: last_readers(graph),
            by_key: BTreeMap::new(),
            taken: BTreeMap::new(),
        };
        tree.find_layers();
        tree.find_functions();
        tree.place(ScopeId::ROOT);
        tree
    }

    /// Layers with tensors, and the scopes around them in the order of the graph's tensors.
    fn find_layers(&mut self) {
        let mut linked = vec![false; self.graph.scopes.len()];
        for index in self.graph.nodes_by_scope() {
            let node = &self.graph.nodes[index];
            let custom = matches!(node.op, Op::Custom { .. });
            if !custom && node.op.tensors(&self.graph.input_shapes(node)).is_empty() {
                continue;
            }
            self.places[node.scope.0] = Place::Layer(NodeId(index));
            let mut at = node.scope;
            while at != ScopeId::ROOT {
                let parent = self.graph.scopes[at.0].parent;
                if std::mem::replace(&mut linked[at.0], true) {
                    break;
                }
                self.children[parent.0].push(at);
                at = parent;
            }
        }
    }

    fn find_functions(&mut self) {
        let graph = self.graph;
        let mut calls_of: BTreeMap<ScopeId, Vec<usize>> = BTreeMap::new();
        for (index, call) in graph.calls.iter().enumerate() {
            calls_of.entry(call.scope).or_default().push(index);
        }
        let leaves =
            |call: &cnn_lang::graph::Call| graph.auxiliary.iter().any(|aux| call.nodes.contains(&aux.output.0));
        self.functions = graph
            .calls
            .iter()
            .map(|call| calls_of[&call.scope].len() == 1 && !self.children[call.scope.0].is_empty() && !leaves(call))
            .collect();
        // A label around a call may have been opened elsewhere too.
        for (index, node) in graph.nodes.iter().enumerate() {
            let mut at = node.scope;
            while at != ScopeId::ROOT {
                for &call in calls_of.get(&at).into_iter().flatten() {
                    self.functions[call] &= graph.calls[call].nodes.contains(&index);
                }
                at = graph.scopes[at.0].parent;
            }
        }
        self.call_of = (0..graph.calls.len())
            .filter(|&call| self.functions[call])
            .map(|call| (graph.calls[call].scope, call))
            .collect();
    }

    /// Finds the struct of a scope, its children first.
    fn place(&mut self, scope: ScopeId) {
        let children = self.children[scope.0].clone();
        for &child in &children {
            if !matches!(self.places[child.0], Place::Layer(_)) {
                self.place(child);
            }
        }
        let fields = self.fields(&children);
        let call = self.call_of.get(&scope).copied();
        let key = self.key(scope, &fields, call);
        let known = self.by_key.get(&key).copied();
        let index = known.unwrap_or_else(|| {
            let name = self.struct_name(scope, call);
            self.structs.push(Struct { name, fields: Vec::new(), call });
            self.by_key.insert(key, self.structs.len() - 1);
            self.structs.len() - 1
        });
        for field in &fields {
            match field {
                Field::One { name, scope: child } => self.segments[child.0] = format!(".{name}"),
                Field::Run { name, scopes } => {
                    for (index, child) in scopes.iter().enumerate() {
                        self.segments[child.0] = format!(".{name}[{index}]");
                    }
                    self.runs[scope.0].push((name.clone(), scopes.clone()));
                }
            }
        }
        if known.is_none() {
            self.structs[index].fields = fields;
        }
        self.places[scope.0] = Place::Struct(index);
    }

    fn fields(&self, children: &[ScopeId]) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for &scope in children {
            if let Some(Field::Run { scopes, .. }) = fields.last_mut()
                && self.continues(scopes[scopes.len() - 1], scope)
            {
                scopes.push(scope);
                continue;
            }
            if let Some(Field::One { scope: before, name }) = fields.last()
                && self.continues(*before, scope)
            {
                let run = Field::Run { name: name.clone(), scopes: vec![*before, scope] };
                fields.pop();
                fields.push(run);
                continue;
            }
            fields.push(Field::One { name: field_name(&self.graph.scopes[scope.0].name), scope });
        }
        fields
    }

    /// Whether two scopes are calls of one struct with consecutive numbers.
    fn continues(&self, before: ScopeId, scope: ScopeId) -> bool {
        let number = |scope: ScopeId| self.graph.scopes[scope.0].name.parse::<usize>().ok();
        let function = |scope: ScopeId| self.call_of.contains_key(&scope);
        function(before)
            && function(scope)
            && matches!((self.places[before.0], self.places[scope.0]), (Place::Struct(a), Place::Struct(b)) if a == b)
            && number(before).is_some_and(|n| Some(n + 1) == number(scope))
    }

    /// Equal keys, equal structs and functions.
    fn key(&self, scope: ScopeId, fields: &[Field], call: Option<usize>) -> String {
        let mut key = String::new();
        for field in fields {
            let (name, scope, count) = match field {
                Field::One { name, scope } => (name, *scope, 1),
                Field::Run { name, scopes } => (name, scopes[0], scopes.len()),
            };
            key.push_str(&format!("{name}:{}*{count};", self.type_of(scope)));
        }
        if let Some(call) = call {
            let call = &self.graph.calls[call];
            let begin = call.nodes.start;
            let name_of = |id: NodeId| match call.inputs.iter().position(|input| *input == id) {
                Some(position) if id.0 < begin => format!("in{position}"),
                _ => (id.0 - begin).to_string(),
            };
            let shapes: Vec<String> = call.inputs.iter().map(|id| self.graph.node(*id).shape.to_string()).collect();
            key.push_str(&format!("{}({})", call.block, shapes.join(",")));
            for node in &self.graph.nodes[call.nodes.clone()] {
                let inputs: Vec<String> = node.inputs.iter().map(|id| name_of(*id)).collect();
                let path = self.access(call.scope, node.scope).unwrap_or_default();
                key.push_str(&format!("{:?}{}[{}]{path};", node.op, node.shape, inputs.join(",")));
            }
            key.push_str(&name_of(call.output));
        } else if scope == ScopeId::ROOT {
            key.push_str("root");
        }
        key
    }

    fn struct_name(&mut self, scope: ScopeId, call: Option<usize>) -> String {
        let network = &self.graph.name;
        if scope == ScopeId::ROOT {
            return network.clone();
        }
        let own = match call {
            Some(call) => pascal(&self.graph.calls[call].block),
            None => pascal(&self.graph.path(scope)),
        };
        let count = self.taken.entry(own.clone()).or_default();
        *count += 1;
        let number = if *count == 1 { String::new() } else { format!("_{count}") };
        format!("__{network}_{own}{number}")
    }

    /// The Rust type of a scope.
    pub fn type_of(&self, scope: ScopeId) -> String {
        match self.places[scope.0] {
            Place::Layer(id) => {
                let node = self.graph.node(id);
                let input = self.graph.node(node.inputs[0]).shape;
                layer_type(&node.op, input).unwrap_or_else(|| "()".to_owned())
            }
            Place::Struct(index) => format!("{}<E, D>", self.structs[index].name),
            Place::Empty => "()".to_owned(),
        }
    }

    /// What a scope is, for its field's documentation.
    pub fn describe(&self, scope: ScopeId) -> String {
        match (self.places[scope.0], self.call_of.get(&scope)) {
            (Place::Layer(id), _) => {
                let node = self.graph.node(id);
                format!("`{}` → `{}`", node.op.describe(), node.shape)
            }
            (_, Some(&call)) => format!("`{}`", self.graph.calls[call].written),
            (Place::Struct(_) | Place::Empty, None) => format!("`{}`", self.graph.path(scope)),
        }
    }

    /// The path from a struct to a scope below it: `.layer1._0.conv1`.
    pub fn access(&self, base: ScopeId, scope: ScopeId) -> Option<String> {
        let mut segments = Vec::new();
        let mut at = scope;
        while at != base {
            if at == ScopeId::ROOT {
                return None;
            }
            segments.push(self.segments[at.0].as_str());
            at = self.graph.scopes[at.0].parent;
        }
        segments.reverse();
        Some(segments.concat())
    }

    /// The function call that begins at this node inside the function of `around`, the outermost.
    pub fn function_at(&self, node: usize, around: Option<usize>) -> Option<usize> {
        let first = around.map_or(0, |call| call + 1);
        let calls = &self.graph.calls;
        let begin = first + calls[first..].partition_point(|call| call.nodes.start < node);
        (begin..calls.len())
            .take_while(|&index| calls[index].nodes.start == node)
            .find(|&index| self.functions[index] && !calls[index].nodes.is_empty())
    }

    /// Whether nothing behind node `end` reads this tensor.
    pub fn is_done_at(&self, id: NodeId, end: usize) -> bool {
        self.last_reader[id.0] < end
    }

    /// The run that holds this scope: the path of its field from `base`, and the scopes.
    pub fn run_of(&self, base: ScopeId, scope: ScopeId) -> Option<(String, &[ScopeId])> {
        let parent = self.graph.scopes[scope.0].parent;
        let (name, scopes) = self.runs[parent.0].iter().find(|(_, scopes)| scopes.contains(&scope))?;
        Some((format!("{}.{name}", self.access(base, parent)?), scopes))
    }
}

fn last_readers(graph: &Graph) -> Vec<usize> {
    let mut last = vec![0; graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        for input in &node.inputs {
            last[input.0] = index;
        }
    }
    for output in graph.auxiliary.iter().map(|aux| aux.output).chain([graph.output]) {
        last[output.0] = usize::MAX;
    }
    last
}

/// `dense_layer` → `DenseLayer`, `layer1.0` → `Layer1_0`.
fn pascal(name: &str) -> String {
    let mut out = String::new();
    let mut upper = true;
    for c in name.chars() {
        if c == '_' || c == '-' {
            upper = true;
        } else if c == '.' {
            out.push('_');
            upper = true;
        } else if !c.is_ascii_alphanumeric() {
            out.push('_');
        } else if upper {
            out.extend(c.to_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

//! A range of operations as its scope divides it: single ones, and groups that a label or a call of a block opened.

use std::collections::HashMap;
use std::ops::Range;

use cnn_lang::graph::{Graph, Op, ScopeId};

/// What stands in a scope.
#[derive(Debug, Clone)]
pub enum Part {
    Node(usize),
    Group(Group),
}

/// Neighbouring operations in one scope.
#[derive(Debug, Clone)]
pub struct Group {
    pub scope: ScopeId,
    pub nodes: Range<usize>,
    /// The block, where a call opened the scope.
    pub block: Option<String>,
}

/// The calls of a graph by the scopes they opened.
pub struct Calls<'g> {
    graph: &'g Graph,
    by_scope: HashMap<ScopeId, Vec<usize>>,
}

impl<'g> Calls<'g> {
    pub fn new(graph: &'g Graph) -> Calls<'g> {
        let mut by_scope: HashMap<ScopeId, Vec<usize>> = HashMap::new();
        for (index, call) in graph.calls.iter().enumerate() {
            by_scope.entry(call.scope).or_default().push(index);
        }
        Calls { graph, by_scope }
    }

    fn block(&self, scope: ScopeId, nodes: &Range<usize>) -> Option<String> {
        let calls = self.by_scope.get(&scope)?.iter().map(|&index| &self.graph.calls[index]);
        let mut around = calls.filter(|call| call.nodes.start <= nodes.start && nodes.end <= call.nodes.end);
        around.next().map(|call| call.block.clone())
    }

    /// The parts of a scope among `nodes`.
    pub fn parts(&self, nodes: Range<usize>, scope: ScopeId) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for index in nodes {
            let Some(child) = self.child(index, scope) else {
                parts.push(Part::Node(index));
                continue;
            };
            match parts.last_mut() {
                Some(Part::Group(group)) if group.scope == child => group.nodes.end = index + 1,
                _ => parts.push(Part::Group(Group { scope: child, nodes: index..index + 1, block: None })),
            }
        }
        for part in &mut parts {
            if let Part::Group(group) = part {
                group.block = self.block(group.scope, &group.nodes);
            }
        }
        parts
    }

    /// The scope below `scope` in which a node stands; a layer's own scope is no group.
    fn child(&self, index: usize, scope: ScopeId) -> Option<ScopeId> {
        let node = &self.graph.nodes[index];
        let joins = matches!(node.op, Op::Add | Op::Concat | Op::Mul);
        if node.scope == scope || node.scope == ScopeId::ROOT {
            return None;
        }
        let parent = |at: ScopeId| self.graph.scopes[at.0].parent;
        if !joins && parent(node.scope) == scope {
            return None;
        }
        let mut at = node.scope;
        while parent(at) != scope {
            if at == ScopeId::ROOT {
                return None;
            }
            at = parent(at);
        }
        Some(at)
    }
}

//! Bodies of forward functions: a typed call for each step, as a person would write it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use cnn_lang::graph::{NodeId, Op, ScopeId};

use super::fields::Tree;
use super::ops::{self, Mode, tensor_type};

/// A function being written.
pub struct Writer<'t, 'g> {
    tree: &'t Tree<'g>,
    mode: Mode,
    /// Whether auxiliary outputs are computed.
    auxiliary: bool,
    /// The scope whose struct `self` is.
    base: ScopeId,
    /// The call whose function this is; `None`: the network's.
    function: Option<usize>,
    /// The reference by which a tensor is read: `x0`, `&x3`.
    names: BTreeMap<NodeId, String>,
    count: usize,
    /// Statements so far.
    pub text: String,
}

impl<'t, 'g> Writer<'t, 'g> {
    pub fn new(tree: &'t Tree<'g>, mode: Mode, function: Option<usize>, auxiliary: bool) -> Writer<'t, 'g> {
        let base = function.map_or(ScopeId::ROOT, |call| tree.graph.calls[call].scope);
        Writer { tree, mode, auxiliary, base, function, names: BTreeMap::new(), count: 0, text: String::new() }
    }

    /// Names an argument of the function, a reference.
    pub fn argument(&mut self, id: NodeId) -> String {
        let name = format!("x{}", self.count);
        self.count += 1;
        self.names.entry(id).or_insert_with(|| name.clone());
        name
    }

    /// The tensor as an owned value.
    pub fn owned(&self, id: NodeId) -> String {
        let reference = &self.names[&id];
        format!("::core::clone::Clone::clone({reference})")
    }

    /// Writes the statements of these nodes.
    pub fn statements(&mut self, nodes: Range<usize>) {
        let mut index = nodes.start;
        while index < nodes.end {
            let skipped = self.tree.graph.nodes[index].auxiliary && !self.auxiliary;
            match self.tree.function_at(index, self.function) {
                Some(call) if skipped => index = self.tree.graph.calls[call].nodes.end,
                Some(call) => index = self.call(call, nodes.end),
                None => {
                    if !skipped {
                        self.node(NodeId(index));
                    }
                    index += 1;
                }
            }
        }
    }

    fn node(&mut self, id: NodeId) {
        let node = self.tree.graph.node(id);
        if matches!(node.op, Op::Input) {
            return;
        }
        if ops::passes_through(&node.op, self.mode) {
            let name = self.names[&node.inputs[0]].clone();
            self.names.insert(id, name);
            return;
        }
        let layer = format!("self{}", self.tree.access(self.base, node.scope).unwrap_or_default());
        let inputs: Vec<&str> = node.inputs.iter().map(|input| self.names[input].as_str()).collect();
        let call = ops::call(&node.op, &self.tree.graph.input_shapes(node), node.shape, &layer, &inputs, self.mode);
        let name = self.fresh(id);
        let _ = write!(self.text, "let {name}: {} = {call}; ", tensor_type(node.shape));
    }

    fn fresh(&mut self, id: NodeId) -> String {
        let name = format!("x{}", self.count);
        self.count += 1;
        self.names.insert(id, format!("&{name}"));
        name
    }

    /// Writes a call of a block's function, or a loop over a run of them; returns the node behind it.
    fn call(&mut self, call: usize, end: usize) -> usize {
        let graph = self.tree.graph;
        let (method, by, tape) = match self.mode {
            Mode::Inference => ("forward", "&", ""),
            Mode::Training => ("forward_mut", "&mut ", ", tape"),
        };
        let chain = self.chained(call, end);
        let first = &graph.calls[call];
        let last = &graph.calls[chain[chain.len() - 1]];
        let shape = tensor_type(graph.node(last.output).shape);
        let run = self.tree.run_of(self.base, first.scope);
        if let Some((field, scopes)) = run
            && chain.len() > 1
        {
            let begin = scopes.iter().position(|scope| *scope == first.scope).unwrap_or(0);
            let part =
                if chain.len() == scopes.len() { String::new() } else { format!("[{begin}..{}]", begin + chain.len()) };
            let start = self.owned(first.inputs[0]);
            let name = self.fresh(last.output);
            let _ = write!(
                self.text,
                "let mut {name}: {shape} = {start}; \
                 for block in {by}self{field}{part} {{ {name} = block.{method}(&{name}{tape})?; }} "
            );
            return last.nodes.end;
        }
        let path = self.tree.access(self.base, first.scope).unwrap_or_default();
        let inputs: Vec<String> = first.inputs.iter().map(|id| self.names[id].clone()).collect();
        let name = self.fresh(first.output);
        let inputs = inputs.join(", ");
        let _ = write!(self.text, "let {name}: {shape} = self{path}.{method}({inputs}{tape})?; ");
        first.nodes.end
    }

    /// The calls of one run that follow one another, each reading what the one before it made.
    fn chained(&self, call: usize, end: usize) -> Vec<usize> {
        let graph = self.tree.graph;
        let mut chain = vec![call];
        let Some((_, scopes)) = self.tree.run_of(self.base, graph.calls[call].scope) else { return chain };
        let mut at = call;
        loop {
            let before = &graph.calls[at];
            if before.nodes.end >= end {
                return chain;
            }
            let Some(next) = self.tree.function_at(before.nodes.end, self.function) else { return chain };
            let after = &graph.calls[next];
            let position = |scope: ScopeId| scopes.iter().position(|known| *known == scope);
            let follows =
                position(before.scope).map(|n| n + 1) == position(after.scope) && position(after.scope).is_some();
            // What the loop makes on its way is seen by nobody else.
            let alone = after.inputs == [before.output] && self.tree.is_done_at(before.output, after.nodes.end);
            if !follows || !alone || before.inputs.len() != 1 {
                return chain;
            }
            chain.push(next);
            at = next;
        }
    }
}

/// The two functions of a block's struct.
pub fn block_functions(tree: &Tree<'_>, call: usize) -> String {
    let one = |mode: Mode| {
        let graph = tree.graph;
        let call_data = &graph.calls[call];
        let mut writer = Writer::new(tree, mode, Some(call), true);
        let arguments: String = call_data
            .inputs
            .iter()
            .map(|id| format!(", {}: &{}", writer.argument(*id), tensor_type(graph.node(*id).shape)))
            .collect();
        writer.statements(call_data.nodes.clone());
        let output = tensor_type(graph.node(call_data.output).shape);
        let result = writer.owned(call_data.output);
        let text = &writer.text;
        match mode {
            Mode::Inference => format!(
                "pub fn forward<B: cnn_runtime::Dim>(&self{arguments}) -> ::core::result::Result<{output}, D::Err> {{ \
                 let tape = &mut cnn_runtime::NoneTape; {text} ::core::result::Result::Ok({result}) }} "
            ),
            Mode::Training => format!(
                "pub fn forward_mut<B: cnn_runtime::Dim>(&mut self{arguments}, tape: &mut cnn_runtime::OwnedTape<E, D>) \
                 -> ::core::result::Result<{output}, D::Err> {{ {text} ::core::result::Result::Ok({result}) }} "
            ),
        }
    };
    format!("{}{}", one(Mode::Inference), one(Mode::Training))
}

//! `where params <= 12M, macs <= 2G`.

use super::Elaborator;
use super::space::grouped_float;
use crate::diag::Diagnostic;
use crate::graph::{Costs, Graph, Node, grouped};
use crate::nearest::did_you_mean;
use crate::syntax::ast::{BinaryOp, Limit};

const QUANTITIES: [&str; 5] = ["params", "buffers", "macs", "aux_macs", "activations"];

impl Elaborator<'_, '_> {
    /// Checks the limits of a finished graph; without one, what can be said without it.
    pub(super) fn limits(&mut self, limits: &[Limit], graph: Option<&Graph>) {
        for limit in limits {
            self.limit(limit, graph);
        }
    }

    fn limit(&mut self, limit: &Limit, graph: Option<&Graph>) {
        if !self.is_quantity(limit) {
            return;
        }
        let Some(bound) = self.limit_number(&limit.bound) else { return };
        let Some(graph) = graph else { return };
        let name = limit.quantity.name.as_str();
        let found = quantity(&graph.costs(), name);
        if !holds(limit.op, found, bound) {
            let message =
                format!("{name} = {}, which is not {} {}", grouped(found), limit.op.symbol(), grouped_float(bound));
            let top = biggest(graph, name);
            let help = if top.is_empty() {
                "change the network or the limit".to_owned()
            } else {
                format!("the most come from {top}")
            };
            self.report(Diagnostic::new(limit.bound.span, message).help(help));
        }
    }
}

impl Elaborator<'_, '_> {
    /// Whether a limit speaks of something that there is.
    pub(super) fn is_quantity(&mut self, limit: &Limit) -> bool {
        let name = limit.quantity.name.as_str();
        let known = QUANTITIES.contains(&name);
        if !known {
            let help = did_you_mean(name, QUANTITIES).unwrap_or_else(|| format!("there are {}", QUANTITIES.join(", ")));
            self.report(Diagnostic::new(limit.quantity.span, format!("no quantity `{name}`")).help(help));
        }
        known
    }
}

/// One of the quantities by its name.
pub(crate) fn quantity(costs: &Costs, name: &str) -> u64 {
    match name {
        "params" => costs.params,
        "buffers" => costs.buffers,
        "macs" => costs.macs,
        "aux_macs" => costs.aux_macs,
        _ => costs.activations,
    }
}

/// Whether a quantity is within a limit.
pub(crate) fn holds(op: BinaryOp, found: u64, bound: f64) -> bool {
    let value = found as f64;
    match op {
        BinaryOp::Le => value <= bound,
        BinaryOp::Lt => value < bound,
        BinaryOp::Ge => value >= bound,
        BinaryOp::Gt => value > bound,
        _ => value == bound,
    }
}

/// The three layers that take most of a quantity.
fn biggest(graph: &Graph, quantity: &str) -> String {
    let of = |node: &Node| match quantity {
        "params" => graph.node_params(node),
        "macs" if !node.auxiliary => graph.node_macs(node),
        "aux_macs" if node.auxiliary => graph.node_macs(node),
        "activations" if !node.auxiliary => graph.node_activation(node),
        _ => 0,
    };
    let mut parts: Vec<(u64, String)> = graph
        .nodes
        .iter()
        .map(|node| (of(node), format!("{} {}", graph.path(node.scope), node.op.keyword())))
        .filter(|(amount, _)| *amount > 0)
        .collect();
    parts.sort_by_key(|(amount, _)| std::cmp::Reverse(*amount));
    let list: Vec<String> =
        parts.iter().take(3).map(|(amount, name)| format!("{} ({})", name.trim(), grouped(*amount))).collect();
    list.join(", ")
}

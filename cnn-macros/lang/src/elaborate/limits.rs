//! `where params <= 12M, macs <= 2G`.

use super::{Elaborator, Value};
use crate::diag::Diagnostic;
use crate::graph::{Graph, Node, grouped};
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
        let costs = graph.map(Graph::costs).unwrap_or_default();
        let name = limit.quantity.name.as_str();
        let found = match name {
            "params" => costs.params,
            "buffers" => costs.buffers,
            "macs" => costs.macs,
            "aux_macs" => costs.aux_macs,
            "activations" => costs.activations,
            _ => {
                let help =
                    did_you_mean(name, QUANTITIES).unwrap_or_else(|| format!("there are {}", QUANTITIES.join(", ")));
                self.report(Diagnostic::new(limit.quantity.span, format!("no quantity `{name}`")).help(help));
                return;
            }
        };
        let bound = match self.eval_at(&limit.bound, Err("a limit")) {
            Value::Unknown => return,
            Value::Int(bound) => bound as f64,
            Value::Float(bound) => bound,
            other => {
                self.error(limit.bound.span, format!("a limit is a number, this is {} ({other})", other.kind()));
                return;
            }
        };
        let Some(graph) = graph else { return };
        let value = found as f64;
        let holds = match limit.op {
            BinaryOp::Le => value <= bound,
            BinaryOp::Lt => value < bound,
            BinaryOp::Ge => value >= bound,
            BinaryOp::Gt => value > bound,
            _ => value == bound,
        };
        if !holds {
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

fn grouped_float(x: f64) -> String {
    if x >= 0.0 && x.fract() == 0.0 && x < 1e18 { grouped(x as u64) } else { x.to_string() }
}

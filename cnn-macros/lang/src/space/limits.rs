//! `where params <= 5M, macs <= 300M`: limits that no member breaks that a space gives.

use std::collections::HashMap;
use std::fmt;

use super::Space;
use super::diagram::{Diagram, END, sum};
use crate::elaborate::limits::{holds, quantity};
use crate::elaborate::space::{Bound, grouped_float};
use crate::graph::{Costs, grouped};
use crate::syntax::ast::BinaryOp;

/// `params <= 5M`.
#[derive(Debug, Clone, PartialEq)]
pub struct HardLimit {
    /// `params`, `buffers`, `macs`, `aux_macs` or `activations`.
    pub quantity: String,
    /// A comparison.
    pub op: BinaryOp,
    /// With what.
    pub bound: f64,
}

impl From<&Bound> for HardLimit {
    fn from(bound: &Bound) -> HardLimit {
        HardLimit { quantity: bound.quantity.clone(), op: bound.op, bound: bound.value }
    }
}

impl fmt::Display for HardLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.quantity, self.op.symbol(), grouped_float(self.bound))
    }
}

impl HardLimit {
    /// Whether costs are within the limit.
    pub fn permits(&self, costs: &Costs) -> bool {
        holds(self.op, quantity(costs, &self.quantity), self.bound)
    }

    /// Whether costs between these may be within the limit, and whether all of them are.
    fn between(&self, [least, most]: &[Costs; 2]) -> (bool, bool) {
        let (least, most) = (quantity(least, &self.quantity), quantity(most, &self.quantity));
        let ends = [holds(self.op, least, self.bound), holds(self.op, most, self.bound)];
        match self.op {
            BinaryOp::Lt | BinaryOp::Le => (ends[0], ends[1]),
            BinaryOp::Gt | BinaryOp::Ge => (ends[1], ends[0]),
            _ => ((least as f64) <= self.bound && self.bound <= most as f64, ends[0] && ends[1]),
        }
    }
}

/// Whether costs between these may be within all limits, and whether all of them are.
pub(super) fn between(limits: &[HardLimit], range: &[Costs; 2]) -> (bool, bool) {
    limits.iter().map(|limit| limit.between(range)).fold((true, true), |all, one| (all.0 && one.0, all.1 && one.1))
}

impl Space {
    /// Whether costs are within all limits.
    pub fn permits(&self, costs: &Costs) -> bool {
        self.limits.iter().all(|limit| limit.permits(costs))
    }

    /// What can come of so much spent when an edge to `target` has been taken.
    pub(super) fn reach(&self, spent: Costs, target: u32) -> [Costs; 2] {
        if target == END { [spent; 2] } else { self.ranges[target as usize].map(|more| sum(spent, more)) }
    }
}

/// What is spent of each limited quantity on the way to a vertex.
type Spent = Vec<u64>;

/// The members within the limits, counted for each vertex and what can have been spent on the way to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Reachable {
    /// Only where some but not all members below are within.
    counts: HashMap<(u32, Spent), u128>,
    pub all: u128,
}

/// What is counted at most, vertices with all sums that can arrive there.
pub(super) const MOST_SUMS: usize = 400_000;

/// What the sums are of.
pub(super) fn spent(limits: &[HardLimit], costs: &Costs) -> Spent {
    limits.iter().map(|limit| quantity(costs, &limit.quantity)).collect()
}

impl Space {
    /// Counts by dynamic programming over the sums that can be reached; `None` if these are too many.
    pub(super) fn reachable(&self) -> Option<Reachable> {
        let diagram: &Diagram = &self.diagram;
        self.counts.all()?;
        let mut open: Vec<(u32, Costs)> = Vec::new();
        let mut found: HashMap<(u32, Spent), u128> = HashMap::new();
        let start = diagram.start;
        if self.settled(start.costs, start.target).is_none() {
            open.push((start.target, self.only_limited(start.costs)));
        }
        // Forward: which sums arrive where. A vertex is entered once for each of them.
        let mut order: Vec<(u32, Costs)> = Vec::new();
        while let Some((vertex, costs)) = open.pop() {
            if found.contains_key(&(vertex, spent(&self.limits, &costs))) {
                continue;
            }
            if found.len() >= MOST_SUMS {
                return None;
            }
            found.insert((vertex, spent(&self.limits, &costs)), 0);
            order.push((vertex, costs));
            for edge in diagram.edges(vertex) {
                let costs = self.only_limited(sum(costs, edge.costs));
                if self.settled(costs, edge.target).is_none() {
                    open.push((edge.target, costs));
                }
            }
        }
        // Backward: later vertices first.
        order.sort_by_key(|(vertex, _)| std::cmp::Reverse(*vertex));
        for (vertex, costs) in order {
            let below = diagram.edges(vertex).iter().map(|edge| {
                let costs = self.only_limited(sum(costs, edge.costs));
                self.settled(costs, edge.target).unwrap_or_else(|| found[&(edge.target, spent(&self.limits, &costs))])
            });
            let count = below.sum();
            found.insert((vertex, spent(&self.limits, &costs)), count);
        }
        let mut reachable = Reachable { counts: found, all: 0 };
        reachable.all = self.within(&reachable, start.costs, start.target);
        Some(reachable)
    }

    /// How many members are within the limits when so much has been spent on the way to `target`.
    pub(super) fn within(&self, reachable: &Reachable, costs: Costs, target: u32) -> u128 {
        self.settled(costs, target)
            .unwrap_or_else(|| reachable.counts.get(&(target, spent(&self.limits, &costs))).copied().unwrap_or(0))
    }

    /// The count, where no or all members below are within the limits.
    fn settled(&self, costs: Costs, target: u32) -> Option<u128> {
        match between(&self.limits, &self.reach(costs, target)) {
            (false, _) => Some(0),
            (_, true) => self.counts.exact(target),
            (true, false) => (target == END).then_some(0),
        }
    }

    fn only_limited(&self, costs: Costs) -> Costs {
        let keep =
            |name: &str, value: u64| if self.limits.iter().any(|limit| limit.quantity == name) { value } else { 0 };
        Costs {
            params: keep("params", costs.params),
            buffers: keep("buffers", costs.buffers),
            macs: keep("macs", costs.macs),
            aux_macs: keep("aux_macs", costs.aux_macs),
            activations: keep("activations", costs.activations),
        }
    }
}

/// Why nothing is within a limit, if the least or the most of its quantity says so.
pub(super) fn out_of_range(limit: &HardLimit, range: &[Costs; 2]) -> Option<String> {
    if limit.between(range).0 {
        return None;
    }
    let [least, most] = range.map(|costs| grouped(quantity(&costs, &limit.quantity)));
    Some(format!("no member has {limit}: {} goes from {least} to {most}", limit.quantity))
}

//! Where states part: evaluation of expressions that hold a `choose`, and `choose` as a step.

use std::cell::Cell;

use super::places::{PlaceId, Turn};
use super::state::{State, States};
use super::{Explorer, Found, MOST_GENES, MOST_STATES, Run, multiply, too_many_states};
use crate::diag::{Diagnostic, Span};
use crate::elaborate::choices::{Ask, Choices, address};
use crate::elaborate::eval::{MOST_WORK, Surroundings, eval};
use crate::elaborate::mentions::children;
use crate::elaborate::value::Value;
use crate::syntax::ast::{Expr, ExprKind, Pattern};
use crate::syntax::expression;

/// Evaluates in one state.
pub struct Eval<'s, 'a> {
    pub state: &'s State<'a>,
    choices: &'s Choices,
    work: &'s Cell<usize>,
    failed: Cell<bool>,
}

impl Eval<'_, '_> {
    /// The value, unknown if it is wrong or a `choose` in it is to be asked for.
    pub fn value(&self, expr: &Expr) -> Value {
        let around = Surroundings {
            variables: &self.state.here().variables,
            arriving: Ok(Some(self.state.tensor.shape)),
            work: self.work,
            choices: self.choices,
        };
        let value = eval(expr, &around, &mut |_| self.failed.set(true));
        self.failed.set(self.failed.get() || self.work.get() > MOST_WORK);
        value
    }

    /// The value, if it is known.
    pub fn known(&self, expr: &Expr) -> Option<Value> {
        Some(self.value(expr)).filter(|value| !value.is_unknown())
    }

    /// Notes that something is wrong.
    pub fn report(&self, _: Diagnostic) {
        self.failed.set(true);
    }
}

impl<'a> Explorer<'a> {
    /// What `of` makes of each state, which parts at every `choose` that `of` evaluates. `None` from `of`: a member is wrong.
    pub(super) fn decide<T>(
        &mut self,
        states: States<'a>,
        place: PlaceId,
        of: impl Fn(&Eval<'_, 'a>) -> Option<T>,
    ) -> Run<Vec<(State<'a>, T)>> {
        let mut decided = Vec::with_capacity(states.len());
        for state in states {
            let mut open = vec![(state, Vec::new())];
            while let Some((state, answers)) = open.pop() {
                let choices = Choices::Ask(Ask::new(answers.clone()));
                self.work.set(0);
                let eval = Eval { state: &state, choices: &choices, work: &self.work, failed: Cell::new(false) };
                let made = of(&eval);
                let failed = eval.failed.get();
                let Choices::Ask(ask) = &choices else { unreachable!("made above") };
                match (ask.asked(), made) {
                    (Some((at, expr)), _) => {
                        let ExprKind::Choose(options) = &expr.kind else { unreachable!("only a choose asks") };
                        let gene = self.gene(place, at, expr.span, || options.iter().map(expression).collect())?;
                        let parted = self.part(state, gene, options.len(), expr.span)?;
                        let answered = parted.into_iter().enumerate().map(|(option, state)| {
                            let mut answers = answers.clone();
                            answers.push(option as u16);
                            (state, answers)
                        });
                        open.extend(answered.rev());
                    }
                    (None, Some(made)) if !failed => decided.push((state, made)),
                    (None, _) => return Err(self.wrong(&state)),
                }
            }
        }
        Ok(decided)
    }

    /// One state for each option of a gene.
    pub(super) fn part(&mut self, mut state: State<'a>, gene: usize, options: usize, at: Span) -> Run<States<'a>> {
        if self.diagram.edge_count() + options > MOST_STATES {
            return Err(self.space(too_many_states(at).help(self.multiplied())));
        }
        state.settle();
        let ways = self.diagram.vertex(gene, options, &state.pending);
        state.pending.clear();
        let with = |pending| State { pending: vec![pending], ..state.clone() };
        Ok(ways.into_iter().map(with).collect())
    }

    /// The genes that are decided in the most states.
    fn multiplied(&self) -> String {
        let mut states = vec![0_usize; self.genes.len()];
        self.diagram.vertices.iter().for_each(|vertex| states[vertex.gene as usize] += 1);
        let mut most: Vec<usize> = (0..states.len()).collect();
        most.sort_by_key(|&gene| std::cmp::Reverse(states[gene]));
        let named = |&gene: &usize| format!("`{}` (in {} states)", self.genes[gene].name, states[gene]);
        let list: Vec<String> = most.iter().take(6).map(named).collect();
        multiply(&list)
    }

    /// The gene that is a `choose` at a place.
    pub(super) fn gene(
        &mut self,
        place: PlaceId,
        at: usize,
        span: Span,
        options: impl FnOnce() -> Vec<String>,
    ) -> Run<usize> {
        if let Some(&gene) = self.gene_ids.get(&(place, at)) {
            return Ok(gene);
        }
        if self.genes.len() >= MOST_GENES {
            let diagnostic = Diagnostic::new(span, format!("a space has at most {MOST_GENES} genes"));
            let help =
                "each pass of a loop and each call has genes of its own: `let` outside of them makes one for all";
            return Err(self.space(diagnostic.help(help)));
        }
        let mut parts = self.places.name(place);
        match self.hints.get(&at) {
            Some(hint) => parts.push(hint),
            None if self.places.is_named(place) => {}
            None => parts.push("choice"),
        }
        let plain = parts.join(".");
        let again = self.gene_names.entry(plain.clone()).or_insert(0);
        *again += 1;
        let name = if *again == 1 { plain } else { format!("{plain}#{again}") };
        self.genes.push(Found { name, options: options() });
        self.gene_ids.insert((place, at), self.genes.len() - 1);
        Ok(self.genes.len() - 1)
    }

    /// What every `choose` in a value is called that gets a name.
    pub(super) fn hint(&mut self, pattern: &Pattern, value: &Expr) {
        match (pattern, &value.kind) {
            (Pattern::Tuple(parts, _), ExprKind::Tuple(values) | ExprKind::List(values))
                if parts.len() == values.len() =>
            {
                parts.iter().zip(values).for_each(|(part, value)| self.hint(part, value));
            }
            (Pattern::Name(name), _) => self.hint_name(&name.name, value),
            (Pattern::Tuple(parts, _), _) => {
                if let Some(Pattern::Name(name)) = parts.first() {
                    self.hint_name(&name.name, value);
                }
            }
        }
    }

    pub(super) fn hint_name(&mut self, name: &str, value: &Expr) {
        if let ExprKind::Choose(_) = value.kind {
            self.hints.entry(address(value)).or_insert_with(|| name.to_owned());
        }
        children(value, &mut |child| self.hint_name(name, child));
    }

    /// The states of each value, in the order in which the values are met.
    pub(super) fn grouped<T: PartialEq>(decided: Vec<(State<'a>, T)>) -> Vec<(T, States<'a>)> {
        let mut groups: Vec<(T, States<'a>)> = Vec::new();
        for (state, value) in decided {
            match groups.iter_mut().find(|(known, _)| *known == value) {
                Some((_, states)) => states.push(state),
                None => groups.push((value, vec![state])),
            }
        }
        groups
    }

    /// Into a part of the tree.
    pub(super) fn into<T>(&mut self, place: PlaceId, at: &T) -> PlaceId {
        self.places.inside(place, Turn::Into(address(at)))
    }
}

//! Chains and their steps, for all states at once: as [`crate::elaborate::steps`], which says what is wrong.

use super::places::{Here, LabelClash, PlaceId, Turn};
use super::state::{State, States, Tensor};
use super::{DEEPEST, Explorer, Run};
use crate::diag::Diagnostic;
use crate::elaborate::arguments::ints;
use crate::elaborate::choices::address;
use crate::elaborate::headers::shape_of;
use crate::elaborate::mentions::{Part, Rest, arriving, chooses};
use crate::elaborate::steps::primary_span;
use crate::elaborate::value::Value;
use crate::elaborate::{MOST_NODES, MOST_STEPS};
use crate::graph::{Op, Role, ScopeId, layer};
use crate::space::diagram::sum;
use crate::syntax::ast::{Body, Chain, Choose, Expr, Label, LabelPiece, Pattern, Postfix, Primary, Step};
use crate::syntax::steps;

impl<'a> Explorer<'a> {
    pub(super) fn chain(
        &mut self,
        chain: &'a Chain,
        mut states: States<'a>,
        rest: &Rest<'_, 'a>,
        here: Here,
    ) -> Run<States<'a>> {
        for index in 0..chain.steps.len() {
            states = self.step(&chain.steps[index..], states, rest, here)?;
        }
        Ok(states)
    }

    /// The first of some steps.
    fn step(&mut self, list: &'a [Step], mut states: States<'a>, rest: &Rest<'_, 'a>, here: Here) -> Run<States<'a>> {
        let step = &list[0];
        let span = primary_span(&step.primary);
        self.visit(&states, span)?;
        for state in &mut states {
            state.steps += 1;
            if state.steps > MOST_STEPS {
                let message = format!("members of this space take more than {MOST_STEPS} steps");
                return Err(self.space(Diagnostic::new(span, message).help("a loop or repeat runs too often")));
            }
        }
        if self.depth >= DEEPEST {
            return Err(self.deep(&states[0], span));
        }
        let room = self.room();
        let parts = self.mentions.step_chooses(step, room, self.definitions);
        if parts {
            states = self.forget(states, &rest.after(Part::Steps(list)));
        }
        let later = rest.after(Part::Steps(&list[1..]));
        self.depth += 1;
        let place = self.into(here.place, step);
        let (name, scope);
        (states, name, scope) = self.label(step, states, Here { place, ..here })?;
        self.places.call(place, name.or_else(|| called(step)));
        states = self.postfixed(step, &step.postfix, scope, states, &later, Here { place, ..here })?;
        self.depth -= 1;
        let plain = matches!(&step.primary, Primary::Call(call) if layer(&call.name.name).is_some());
        Ok(if parts || !plain { self.forget(states, &later) } else { states })
    }

    /// The text of a label, which is the same in all members, and the scope that it opens.
    fn label(
        &mut self,
        step: &'a Step,
        states: States<'a>,
        here: Here,
    ) -> Run<(States<'a>, Option<String>, Option<ScopeId>)> {
        let Some(label) = &step.label else { return Ok((states, None, None)) };
        let Here { place, scope: parent } = here;
        let texts = match label.pieces.as_slice() {
            [LabelPiece::Text(text)] => vec![(text.clone(), states)],
            pieces => Self::grouped(self.decide(states, place, |eval| {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        LabelPiece::Text(piece) => text.push_str(piece),
                        LabelPiece::Expr(expr) => match eval.known(expr)? {
                            value @ (Value::Int(_) | Value::Float(_) | Value::Bool(_)) => {
                                text.push_str(&value.to_string());
                            }
                            _ => return None,
                        },
                    }
                }
                Some(text)
            })?),
        };
        let mut all = Vec::new();
        let mut opened = None;
        for (text, states) in texts {
            if text.contains('.') || text.is_empty() {
                return Err(self.wrong(&states[0]));
            }
            let scope = self.open(label, &text, parent, place)?;
            opened.get_or_insert((text, scope));
            all.extend(states);
        }
        let (text, scope) = opened.unzip();
        Ok((all, text, scope))
    }

    fn open(&mut self, label: &Label, text: &str, parent: ScopeId, place: PlaceId) -> Run<ScopeId> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("the label `{text}` is a number, by which steps without a label are named");
            return Err(self.space(Diagnostic::new(label.span, message).help("in a space a label is a word")));
        }
        self.places.scope(parent, Some(text), place).map_err(|clash| {
            let diagnostic = match clash {
                LabelClash::Twice => Diagnostic::new(label.span, format!("the label `{text}` is given to two steps"))
                    .help("in a space a label stands once, or in different options of one `choose`"),
                LabelClash::Varies(other) => Diagnostic::new(
                    label.span,
                    format!("the label here is `{text}` in some members, `{other}` in others"),
                )
                .help("in a space a label does not depend on a choice"),
                LabelClash::Field(other) => {
                    Diagnostic::new(label.span, format!("the labels `{other}` and `{text}` are one field in Rust"))
                        .help("rename one of them")
                }
            };
            self.space(diagnostic)
        })
    }

    /// The step with the postfixes so far; the last one is the outermost.
    fn postfixed(
        &mut self,
        step: &'a Step,
        postfix: &'a [Postfix],
        label: Option<ScopeId>,
        states: States<'a>,
        rest: &Rest<'_, 'a>,
        here: Here,
    ) -> Run<States<'a>> {
        match postfix.split_last() {
            None => self.primary(&step.primary, label, states, rest, here),
            Some((Postfix::Repeat(count), inner)) => {
                let here = Here { scope: label.unwrap_or(here.scope), ..here };
                self.hint_name("repeats", count);
                let again = rest.after(Part::Again(&step.primary, inner));
                let counts = self.decide(states, here.place, |eval| match eval.known(count)? {
                    Value::Int(n) if (0..=MOST_NODES as i64).contains(&n) => Some(n as usize),
                    _ => None,
                })?;
                let mut all = Vec::new();
                for (count, mut states) in Self::grouped(counts) {
                    for copy in 0..count {
                        let place = self.places.inside(here.place, Turn::Pass(copy));
                        let later = if copy + 1 < count { &again } else { rest };
                        states = self.postfixed(step, inner, None, states, later, Here { place, ..here })?;
                        states = self.forget(states, later);
                    }
                    all.extend(states);
                }
                Ok(all)
            }
            Some((Postfix::Assert(size), inner)) => {
                if let (Primary::Custom(custom), []) = (&step.primary, inner) {
                    return self.custom(custom, Some(size), states, here);
                }
                let checked = self.levels[self.levels.len() - 1].checked;
                if !checked {
                    return self.postfixed(step, inner, label, states, rest, here);
                }
                self.sized(size, states, rest, here, |this, states, rest| {
                    this.postfixed(step, inner, label, states, rest, here)
                })
            }
            Some((Postfix::Ask(_), inner)) => {
                let states = self.postfixed(step, inner, label, states, rest, here)?;
                Err(self.wrong(&states[0]))
            }
        }
    }

    /// `@ size`; `in.*` in it is the tensor that arrived at the step.
    fn sized(
        &mut self,
        size: &'a Expr,
        mut states: States<'a>,
        rest: &Rest<'_, 'a>,
        here: Here,
        step: impl FnOnce(&mut Self, States<'a>, &Rest<'_, 'a>) -> Run<States<'a>>,
    ) -> Run<States<'a>> {
        let kept = arriving(size);
        if kept {
            states.iter_mut().for_each(|state| state.held.push(state.tensor));
        }
        let mut states = step(self, states, &rest.after(Part::Expr(size)))?;
        let swap = |state: &mut State<'a>| {
            if let Some(before) = state.held.last_mut() {
                std::mem::swap(before, &mut state.tensor);
            }
        };
        if kept {
            states.iter_mut().for_each(swap);
        }
        let expected = self.decide(states, here.place, |eval| shape_of(&eval.known(size)?))?;
        let mut all = Vec::with_capacity(expected.len());
        for (mut state, expected) in expected {
            if kept {
                swap(&mut state);
                state.held.pop();
            }
            if state.tensor.shape != expected {
                return Err(self.wrong(&state));
            }
            all.push(state);
        }
        Ok(all)
    }

    fn primary(
        &mut self,
        primary: &'a Primary,
        label: Option<ScopeId>,
        states: States<'a>,
        rest: &Rest<'_, 'a>,
        here: Here,
    ) -> Run<States<'a>> {
        let inside = Here { scope: label.unwrap_or(here.scope), ..here };
        match primary {
            Primary::Call(call) => self.call(call, label, states, rest, here),
            Primary::Group(body) => self.body(body, states, rest, inside),
            Primary::Join(join) => self.join(join, states, rest, inside),
            Primary::If(one) => self.arms(one, states, inside, &mut |this, body, states, here| match body {
                Some(body) => this.body(body, states, rest, here),
                None => Ok(states),
            }),
            Primary::For(one) => {
                self.passes(one, states, rest, inside, Part::Body(&one.body), &mut |this, states, rest, here| {
                    this.body(&one.body, states, rest, here)
                })
            }
            Primary::Tap(tap) => self.tap(tap, states, here),
            Primary::From(tap) => self.from(tap, states, here),
            Primary::Aux(_, body) => {
                if self.in_auxiliary {
                    return Err(self.wrong(&states[0]));
                }
                let mut states = states;
                states.iter_mut().for_each(|state| state.held.push(state.tensor));
                self.in_auxiliary = true;
                let states = self.body(body, states, rest, inside);
                self.in_auxiliary = false;
                let back = |mut state: State<'a>| {
                    state.tensor = state.held.pop().unwrap_or(state.tensor);
                    state
                };
                states.map(|states| states.into_iter().map(back).collect())
            }
            Primary::Custom(custom) => self.custom(custom, None, states, here),
            Primary::Choose(choose) => self.choose(choose, states, rest, inside),
        }
    }

    fn choose(&mut self, choose: &'a Choose, states: States<'a>, rest: &Rest<'_, 'a>, here: Here) -> Run<States<'a>> {
        let gene =
            self.gene(here.place, address(choose), choose.keyword, || choose.options.iter().map(steps).collect())?;
        let mut options: Vec<States<'a>> = vec![Vec::new(); choose.options.len()];
        for state in states {
            let parted = self.part(state, gene, choose.options.len(), choose.keyword)?;
            options.iter_mut().zip(parted).for_each(|(states, state)| states.push(state));
        }
        let mut all = Vec::new();
        for (index, (option, states)) in choose.options.iter().zip(options).enumerate() {
            let place = self.places.inside(here.place, Turn::Option(index));
            all.extend(self.chain(option, states, rest, Here { place, ..here })?);
        }
        Ok(all)
    }

    /// Braces: what their `let`s name ends with them.
    pub(super) fn body(
        &mut self,
        body: &'a Body,
        states: States<'a>,
        rest: &Rest<'_, 'a>,
        here: Here,
    ) -> Run<States<'a>> {
        let outer = states[0].here().variables.len();
        let states = self.lets(body, states, rest, here)?;
        let mut states = self.chain(&body.chain, states, rest, here)?;
        states.iter_mut().for_each(|state| state.here_mut().variables.truncate(outer));
        Ok(states)
    }

    pub(super) fn lets(
        &mut self,
        body: &'a Body,
        mut states: States<'a>,
        rest: &Rest<'_, 'a>,
        here: Here,
    ) -> Run<States<'a>> {
        for (index, one) in body.lets.iter().enumerate() {
            self.hint(&one.pattern, &one.value);
            let values = self.decide(states, here.place, |eval| eval.known(&one.value))?;
            states = Vec::with_capacity(values.len());
            for (mut state, value) in values {
                if !bind_pattern(&mut state, &one.pattern, value) {
                    return Err(self.wrong(&state));
                }
                states.push(state);
            }
            if chooses(&one.value) {
                states = self.forget(states, &rest.after(Part::Lets(&body.lets[index + 1..], &body.chain)));
            }
        }
        Ok(states)
    }

    /// Adds an operation on `inputs` to a state; false if it does not fit.
    pub(super) fn operation(&self, state: &mut State<'a>, op: &Op, inputs: &[crate::graph::Shape]) -> bool {
        let Ok(shape) = op.output(inputs) else { return false };
        let mut costs = crate::space::diagram::NOTHING;
        for tensor in op.tensors(inputs) {
            match tensor.role {
                Role::Parameter => costs.params += tensor.elements(),
                Role::Buffer | Role::Counter => costs.buffers += tensor.elements(),
            }
        }
        let macs = op.macs(inputs, shape);
        if self.in_auxiliary {
            costs.aux_macs = macs;
        } else {
            costs.macs = macs;
            costs.activations = shape.elements() as u64 * 4;
        }
        state.added = sum(state.added, costs);
        state.tensor = Tensor { shape, auxiliary: self.in_auxiliary };
        true
    }
}

/// A block's call is named as the block.
fn called(step: &Step) -> Option<String> {
    match &step.primary {
        Primary::Call(call) => Some(call.name.name.clone()),
        Primary::Group(_)
        | Primary::Join(_)
        | Primary::If(_)
        | Primary::For(_)
        | Primary::Tap(_)
        | Primary::From(_)
        | Primary::Aux(..)
        | Primary::Custom(_)
        | Primary::Choose(_) => None,
    }
}

/// Makes names known; false if the value does not fit the pattern, or a name is known already.
pub(super) fn bind_pattern<'a>(state: &mut State<'a>, pattern: &'a Pattern, value: Value) -> bool {
    match (pattern, value) {
        (Pattern::Name(name), _) if name.name == "_" => true,
        (Pattern::Name(name), value) => state.bind(&name.name, value),
        (Pattern::Tuple(parts, _), Value::List(values) | Value::Tuple(values)) if parts.len() == values.len() => {
            parts.iter().zip(values).all(|(part, value)| bind_pattern(state, part, value))
        }
        (Pattern::Tuple(..), _) => false,
    }
}

/// A size that is stated.
pub(super) fn stated(value: &Value) -> Option<crate::graph::Shape> {
    ints(value).and_then(|_| shape_of(value))
}

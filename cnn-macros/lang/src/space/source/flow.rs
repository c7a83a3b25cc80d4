//! Chains, branches, conditions and loops without choices.

use super::{Writer, values};
use crate::diag::Span;
use crate::elaborate::Value;
use crate::elaborate::choices::Event;
use crate::syntax::ast::{
    Body, Branch, Call, Chain, Choose, Custom, Else, Expr, ExprKind, For, Ident, If, Join, Label, LabelPiece, Let,
    Pattern, Postfix, Primary, Step, TapRef,
};

/// What is left of a step; `None`: nothing.
type Left = Option<(Primary, Vec<Postfix>)>;

impl<'a> Writer<'a> {
    pub(super) fn chain(&mut self, chain: &'a Chain) -> Chain {
        let mut steps = Vec::new();
        for step in &chain.steps {
            self.step(step, &mut steps);
        }
        if steps.is_empty() {
            steps.push(nothing());
        }
        Chain { steps }
    }

    fn step(&mut self, step: &'a Step, steps: &mut Vec<Step>) {
        let begun = self.begin(step);
        if !self.mentions.step_chooses(step, self.room, self.definitions) {
            if begun {
                self.end();
            }
            steps.push(self.kept_step(step));
            return;
        }
        let label = step.label.as_ref().map(|label| self.label(label));
        let left = self.postfixed(step, &step.postfix);
        if begun {
            self.end();
        }
        match left {
            None => {}
            // Bare braces add nothing.
            Some((Primary::Group(body), postfix)) if label.is_none() && postfix.is_empty() && body.lets.is_empty() => {
                steps.extend(body.chain.steps);
            }
            Some((primary, postfix)) => steps.push(Step { label, primary, postfix }),
        }
    }

    fn label(&mut self, label: &Label) -> Label {
        let piece = |piece: &LabelPiece| match piece {
            LabelPiece::Text(text) => LabelPiece::Text(text.clone()),
            LabelPiece::Expr(value) => LabelPiece::Expr(self.expr(value)),
        };
        Label { pieces: label.pieces.iter().map(piece).collect(), span: label.span }
    }

    fn postfixed(&mut self, step: &'a Step, postfix: &'a [Postfix]) -> Left {
        let (last, inner) = match postfix.split_last() {
            None => return Some((self.primary(&step.primary)?, Vec::new())),
            Some(split) => split,
        };
        match last {
            Postfix::Repeat(count) => {
                let written = self.expr(count);
                let copies = self.next(count, |event| match event {
                    Event::Copies(copies) => Some(*copies),
                    _ => None,
                });
                let mut written_copies: Vec<Left> = Vec::new();
                for _ in 0..copies.unwrap_or(0) {
                    written_copies.push(self.postfixed(step, inner));
                }
                let first = written_copies.first()?.clone();
                if written_copies.iter().all(|copy| *copy == first) {
                    let (primary, mut postfix) = first?;
                    postfix.push(Postfix::Repeat(written));
                    return Some((primary, postfix));
                }
                let steps = written_copies.into_iter().flatten();
                let steps = steps.map(|(primary, postfix)| Step { label: None, primary, postfix }).collect();
                Some((Primary::Group(braces(Chain { steps })), Vec::new()))
            }
            Postfix::Assert(size) => {
                let mut left = self.postfixed(step, inner);
                let size = self.expr(size);
                if let Some((_, postfix)) = &mut left {
                    postfix.push(Postfix::Assert(size));
                }
                left
            }
            Postfix::Ask(span) => {
                let mut left = self.postfixed(step, inner);
                if let Some((_, postfix)) = &mut left {
                    postfix.push(Postfix::Ask(*span));
                }
                left
            }
        }
    }

    fn primary(&mut self, primary: &'a Primary) -> Option<Primary> {
        Some(match primary {
            Primary::Call(call) => Primary::Call(self.call(call)),
            Primary::Group(body) => Primary::Group(self.body(body)),
            Primary::Join(Join { kind, keyword, branches }) => {
                Primary::Join(Join { kind: *kind, keyword: *keyword, branches: self.branches(branches) })
            }
            Primary::If(one) => Primary::Group(self.arm(one, &mut |this, body: &'a Body| this.body(body))?),
            Primary::For(one) => self.steps_of_loop(one)?,
            Primary::Tap(tap) => Primary::Tap(self.tap(tap)),
            Primary::From(tap) => Primary::From(self.tap(tap)),
            Primary::Aux(keyword, body) => Primary::Aux(*keyword, self.body(body)),
            Primary::Custom(Custom { keyword, path, args }) => {
                let args =
                    args.iter().map(|arg| crate::syntax::ast::Arg { value: self.expr(&arg.value), ..arg.clone() });
                Primary::Custom(Custom { args: args.collect(), keyword: *keyword, path: path.clone() })
            }
            Primary::Choose(choose) => self.chosen(choose),
        })
    }

    fn chosen(&mut self, choose: &'a Choose) -> Primary {
        let option = self.next(choose, |event| match event {
            Event::Option(option) => Some(usize::from(*option)),
            _ => None,
        });
        let option = &choose.options[option.unwrap_or(0).min(choose.options.len() - 1)];
        Primary::Group(braces(self.chain(option)))
    }

    fn tap(&mut self, tap: &TapRef) -> TapRef {
        TapRef { index: tap.index.as_ref().map(|index| self.expr(index)), ..tap.clone() }
    }

    pub(super) fn body(&mut self, body: &'a Body) -> Body {
        let bound = |one: &Let| Let { pattern: one.pattern.clone(), value: self.expr(&one.value) };
        let lets = body.lets.iter().map(bound).collect();
        Body { lets, chain: self.chain(&body.chain) }
    }

    /// What the arm that was taken holds.
    fn arm<T, V>(&mut self, one: &'a If<T>, body: &mut dyn FnMut(&mut Self, &'a T) -> V) -> Option<V> {
        self.expr(&one.condition);
        let holds = self.next(one, |event| match event {
            Event::Arm(holds) => Some(*holds),
            _ => None,
        });
        match (holds?, one.otherwise.as_deref()) {
            (true, _) => Some(body(self, &one.then)),
            (false, Some(Else::If(next))) => self.arm(next, body),
            (false, Some(Else::Body(last))) => Some(body(self, last)),
            (false, None) => None,
        }
    }

    /// The list as it is written, and what it held.
    fn list<T>(&mut self, one: &For<T>) -> (Expr, Vec<Value>) {
        let written = self.expr(&one.list);
        let values = self.next(one, |event| match event {
            Event::Passes(values) => Some(values.clone()),
            _ => None,
        });
        (written, values.unwrap_or_default())
    }

    fn steps_of_loop(&mut self, one: &'a For<Body>) -> Option<Primary> {
        let (list, values) = self.list(one);
        let bodies: Vec<Body> = values.iter().map(|_| self.body(&one.body)).collect();
        let first = bodies.first()?.clone();
        if bodies.iter().all(|body| *body == first) {
            return Some(Primary::For(For { keyword: one.keyword, pattern: one.pattern.clone(), list, body: first }));
        }
        let pass = |(body, value): (Body, &Value)| {
            let mut lets = body.lets;
            if !matches!(&one.pattern, Pattern::Name(name) if name.name == "_") {
                lets.insert(0, Let { pattern: one.pattern.clone(), value: values::expr(value) });
            }
            plain(Primary::Group(Body { lets, chain: body.chain }))
        };
        let steps = bodies.into_iter().zip(&values).map(pass).collect();
        Some(Primary::Group(braces(Chain { steps })))
    }

    fn branches(&mut self, list: &'a [Branch]) -> Vec<Branch> {
        let mut all = Vec::new();
        for branch in list {
            let begun = self.begin(branch);
            let room = self.room;
            if self.mentions.branch_chooses(branch, room, self.definitions) {
                match branch {
                    Branch::Chain(chain) => {
                        let chain = self.chain(chain);
                        all.push(Branch::Chain(as_branch(chain)));
                    }
                    Branch::If(one) => {
                        let inner = self.arm(one, &mut |this, list: &'a Vec<Branch>| this.branches(list));
                        all.extend(inner.into_iter().flatten());
                    }
                    Branch::For(one) => self.branches_of_loop(one, &mut all),
                }
            } else {
                all.push(self.kept_branch(branch));
            }
            if begun {
                self.end();
            }
        }
        all
    }

    fn branches_of_loop(&mut self, one: &'a For<Vec<Branch>>, all: &mut Vec<Branch>) {
        let (list, values) = self.list(one);
        let passes: Vec<Vec<Branch>> = values.iter().map(|_| self.branches(&one.body)).collect();
        let Some(first) = passes.first().cloned() else { return };
        let repeated = |list, body| Branch::For(For { keyword: one.keyword, pattern: one.pattern.clone(), list, body });
        if passes.iter().all(|pass| *pass == first) {
            all.push(repeated(list, first));
            return;
        }
        for (value, body) in values.iter().zip(passes) {
            // A loop over one value: a `let` for several branches.
            let list = Expr { kind: ExprKind::List(vec![values::expr(value)]), span: one.list.span };
            all.push(repeated(list, body));
        }
    }

    pub(super) fn call_with(&mut self, call: &Call, order: &[Option<usize>]) -> Call {
        let mut args = call.args.clone();
        for index in order.iter().flatten() {
            args[*index].value = self.expr(&call.args[*index].value);
        }
        Call { args, ..call.clone() }
    }
}

/// Steps of a branch: an `if` or `for` alone would make branches there.
fn as_branch(chain: Chain) -> Chain {
    let generates = chain
        .steps
        .first()
        .is_some_and(|step| step.label.is_none() && matches!(step.primary, Primary::If(_) | Primary::For(_)));
    if generates { Chain { steps: vec![plain(Primary::Group(braces(chain)))] } } else { chain }
}

fn braces(chain: Chain) -> Body {
    Body { lets: Vec::new(), chain }
}

fn plain(primary: Primary) -> Step {
    Step { label: None, primary, postfix: Vec::new() }
}

/// A step that counts as none.
fn nothing() -> Step {
    let span = Span::call_site();
    let name = Ident { name: "identity".to_owned(), span };
    let identity = plain(Primary::Call(Call { name, args: Vec::new(), span }));
    let condition = Expr { kind: ExprKind::Bool(false), span };
    let then = braces(Chain { steps: vec![identity] });
    plain(Primary::If(If { keyword: span, condition, then, otherwise: None }))
}

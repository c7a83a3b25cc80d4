//! Which names of values and taps a part of the tree mentions, and whether it holds a `choose`.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::definitions::{Definition, Definitions, RoomId};
use crate::graph::layer;
use crate::syntax::ast::{Body, Branch, Chain, Else, Expr, ExprKind, If, LabelPiece, Let, Postfix, Primary, Step};

/// What comes later in the network or block.
#[derive(Clone, Copy)]
pub enum Part<'p, 'a> {
    Steps(&'a [Step]),
    /// The step again, with some of its postfixes.
    Again(&'a Primary, &'a [Postfix]),
    Body(&'a Body),
    Lets(&'a [Let], &'a Chain),
    Branches(&'a [Branch]),
    Chains(&'p [&'a Chain]),
    Expr(&'a Expr),
}

/// All that comes later, the next first.
#[derive(Clone, Copy)]
pub struct Rest<'p, 'a> {
    part: Option<Part<'p, 'a>>,
    then: Option<&'p Rest<'p, 'a>>,
}

impl<'p, 'a> Rest<'p, 'a> {
    /// The end of the network or block.
    pub const END: Rest<'static, 'static> = Rest { part: None, then: None };

    pub fn after<'q>(&'q self, part: Part<'q, 'a>) -> Rest<'q, 'a>
    where
        'p: 'q,
    {
        Rest { part: Some(part), then: Some(self) }
    }
}

type Names<'a> = HashSet<&'a str>;

/// What was found, so that no part is looked through twice.
pub struct Mentions<'a> {
    names: HashMap<(usize, usize, u8), Rc<Names<'a>>>,
    chooses: HashMap<(usize, usize), bool>,
}

impl<'a> Mentions<'a> {
    pub fn new() -> Mentions<'a> {
        Mentions { names: HashMap::new(), chooses: HashMap::new() }
    }

    /// Whether a name is mentioned later, for each of these.
    pub fn later(&mut self, names: &[&'a str], rest: &Rest<'_, 'a>) -> Vec<bool> {
        let mut found = vec![false; names.len()];
        let mut next = Some(rest);
        while let Some(at) = next {
            if let Some(part) = at.part {
                let mentioned = self.part(part);
                for (name, found) in names.iter().zip(&mut found) {
                    *found |= mentioned.contains(name);
                }
            }
            next = at.then;
        }
        found
    }

    fn part(&mut self, part: Part<'_, 'a>) -> Rc<Names<'a>> {
        let key = match part {
            Part::Steps(steps) => (steps.as_ptr().addr(), steps.len(), 0),
            Part::Again(primary, postfix) => (std::ptr::from_ref(primary).addr(), postfix.len(), 1),
            Part::Body(body) => (std::ptr::from_ref(body).addr(), 0, 2),
            Part::Lets(lets, chain) => (std::ptr::from_ref(chain).addr(), lets.len(), 3),
            Part::Branches(list) => (list.as_ptr().addr(), list.len(), 4),
            Part::Chains(list) => (list.as_ptr().addr(), list.len(), 5),
            Part::Expr(one) => (std::ptr::from_ref(one).addr(), 0, 6),
        };
        let found = self.names.entry(key).or_insert_with(|| {
            let mut names = HashSet::new();
            let tell = &mut |name| {
                names.insert(name);
            };
            match part {
                Part::Steps(steps) => steps.iter().for_each(|one| step(one, tell)),
                Part::Again(one, postfix) => {
                    primary(one, tell);
                    postfixes(postfix, tell);
                }
                Part::Body(one) => body(one, tell),
                Part::Lets(lets, one) => {
                    lets.iter().for_each(|one| expr(&one.value, tell));
                    chain(one, tell);
                }
                Part::Branches(list) => branches(list, tell),
                Part::Chains(list) => list.iter().for_each(|one| chain(one, tell)),
                Part::Expr(one) => expr(one, tell),
            }
            Rc::new(names)
        });
        Rc::clone(found)
    }
}

type Tell<'t, 'a> = &'t mut dyn FnMut(&'a str);

fn step<'a>(step: &'a Step, tell: Tell<'_, 'a>) {
    for piece in step.label.iter().flat_map(|label| &label.pieces) {
        if let LabelPiece::Expr(one) = piece {
            expr(one, tell);
        }
    }
    primary(&step.primary, tell);
    postfixes(&step.postfix, tell);
}

fn postfixes<'a>(list: &'a [Postfix], tell: Tell<'_, 'a>) {
    for postfix in list {
        match postfix {
            Postfix::Repeat(one) | Postfix::Assert(one) => expr(one, tell),
            Postfix::Ask(_) => {}
        }
    }
}

fn primary<'a>(primary: &'a Primary, tell: Tell<'_, 'a>) {
    match primary {
        Primary::Call(call) => call.args.iter().for_each(|arg| expr(&arg.value, tell)),
        Primary::Custom(custom) => custom.args.iter().for_each(|arg| expr(&arg.value, tell)),
        Primary::Group(one) | Primary::Aux(_, one) => body(one, tell),
        Primary::Join(join) => branches(&join.branches, tell),
        Primary::If(one) => arms(one, tell, &body),
        Primary::For(one) => {
            expr(&one.list, tell);
            body(&one.body, tell);
        }
        // Setting a tap is no mention, but its index is.
        Primary::Tap(tap) => tap.index.iter().for_each(|index| expr(index, tell)),
        Primary::From(tap) => {
            tell(&tap.name.name);
            tap.index.iter().for_each(|index| expr(index, tell));
        }
        Primary::Choose(choose) => choose.options.iter().for_each(|option| chain(option, tell)),
    }
}

fn body<'a>(body: &'a Body, tell: Tell<'_, 'a>) {
    body.lets.iter().for_each(|one| expr(&one.value, tell));
    chain(&body.chain, tell);
}

fn chain<'a>(chain: &'a Chain, tell: Tell<'_, 'a>) {
    chain.steps.iter().for_each(|one| step(one, tell));
}

fn branches<'a>(list: &'a [Branch], tell: Tell<'_, 'a>) {
    for branch in list {
        match branch {
            Branch::Chain(one) => chain(one, tell),
            Branch::If(one) => arms(one, tell, &|list: &'a Vec<Branch>, tell: Tell<'_, 'a>| branches(list, tell)),
            Branch::For(one) => {
                expr(&one.list, tell);
                branches(&one.body, tell);
            }
        }
    }
}

fn arms<'a, T>(one: &'a If<T>, tell: Tell<'_, 'a>, visit: &dyn Fn(&'a T, Tell<'_, 'a>)) {
    expr(&one.condition, tell);
    visit(&one.then, tell);
    match one.otherwise.as_deref() {
        Some(Else::If(next)) => arms(next, tell, visit),
        Some(Else::Body(last)) => visit(last, tell),
        None => {}
    }
}

fn expr<'a>(value: &'a Expr, tell: Tell<'_, 'a>) {
    if let ExprKind::Name(name) = &value.kind {
        tell(&name.name);
    }
    children(value, &mut |child| expr(child, tell));
}

/// The values that a value is made of.
pub fn children<'a>(value: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match &value.kind {
        ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Bool(_)
        | ExprKind::Size(_)
        | ExprKind::Name(_)
        | ExprKind::In(_) => {}
        ExprKind::List(values) | ExprKind::Tuple(values) | ExprKind::Choose(values) => values.iter().for_each(visit),
        ExprKind::Call { args, .. } => args.iter().for_each(visit),
        ExprKind::Range { start: a, end: b, .. } | ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) => {
            visit(a);
            visit(b);
        }
        ExprKind::Unary(_, one) => visit(one),
        ExprKind::If { condition, then, otherwise } => {
            [condition, then, otherwise].into_iter().for_each(|one| visit(one))
        }
    }
}

/// Whether a value holds a `choose`.
pub fn chooses(value: &Expr) -> bool {
    let mut found = matches!(value.kind, ExprKind::Choose(_));
    children(value, &mut |child| found = found || chooses(child));
    found
}

/// Whether a value speaks of the tensor that arrives.
pub fn arriving(value: &Expr) -> bool {
    let mut found = matches!(value.kind, ExprKind::In(_));
    children(value, &mut |child| found = found || arriving(child));
    found
}

/// Whether steps hold a `choose`, or call a block that does.
impl<'a> Mentions<'a> {
    pub fn step_chooses(&mut self, step: &'a Step, room: RoomId, definitions: &Definitions<'a>) -> bool {
        let key = (std::ptr::from_ref(step).addr(), room.0);
        if let Some(&known) = self.chooses.get(&key) {
            return known;
        }
        // Of a block that calls itself the worst is taken for granted.
        self.chooses.insert(key, true);
        let pieces = step.label.iter().flat_map(|label| &label.pieces);
        let labelled = pieces.into_iter().any(|piece| matches!(piece, LabelPiece::Expr(one) if chooses(one)));
        let counted = step.postfix.iter().any(|postfix| match postfix {
            Postfix::Repeat(one) | Postfix::Assert(one) => chooses(one),
            Postfix::Ask(_) => false,
        });
        let found = labelled || counted || self.primary_chooses(&step.primary, room, definitions);
        self.chooses.insert(key, found);
        found
    }

    fn primary_chooses(&mut self, primary: &'a Primary, room: RoomId, definitions: &Definitions<'a>) -> bool {
        match primary {
            Primary::Choose(_) => true,
            Primary::Call(call) => {
                call.args.iter().any(|arg| chooses(&arg.value))
                    || layer(&call.name.name).is_none()
                        && match definitions.get(room, &call.name.name) {
                            Some(Definition::Block(block, room)) => {
                                block.params.iter().filter_map(|param| param.default.as_ref()).any(chooses)
                                    || self.body_chooses(&block.body, room, definitions)
                            }
                            _ => false,
                        }
            }
            Primary::Custom(custom) => custom.args.iter().any(|arg| chooses(&arg.value)),
            Primary::Group(one) | Primary::Aux(_, one) => self.body_chooses(one, room, definitions),
            Primary::Join(join) => join.branches.iter().any(|one| self.branch_chooses(one, room, definitions)),
            Primary::If(one) => self.if_chooses(one, &mut |this, body| this.body_chooses(body, room, definitions)),
            Primary::For(one) => chooses(&one.list) || self.body_chooses(&one.body, room, definitions),
            Primary::Tap(tap) | Primary::From(tap) => tap.index.as_ref().is_some_and(chooses),
        }
    }

    pub fn body_chooses(&mut self, body: &'a Body, room: RoomId, definitions: &Definitions<'a>) -> bool {
        body.lets.iter().any(|one| chooses(&one.value)) || self.chain_chooses(&body.chain, room, definitions)
    }

    pub fn chain_chooses(&mut self, chain: &'a Chain, room: RoomId, definitions: &Definitions<'a>) -> bool {
        chain.steps.iter().any(|step| self.step_chooses(step, room, definitions))
    }

    pub fn branch_chooses(&mut self, branch: &'a Branch, room: RoomId, definitions: &Definitions<'a>) -> bool {
        let list = |this: &mut Self, list: &'a Vec<Branch>| {
            list.iter().any(|branch| this.branch_chooses(branch, room, definitions))
        };
        match branch {
            Branch::Chain(one) => self.chain_chooses(one, room, definitions),
            Branch::If(one) => self.if_chooses(one, &mut { list }),
            Branch::For(one) => chooses(&one.list) || list(self, &one.body),
        }
    }

    fn if_chooses<T>(&mut self, one: &'a If<T>, body: &mut dyn FnMut(&mut Self, &'a T) -> bool) -> bool {
        chooses(&one.condition)
            || body(self, &one.then)
            || match one.otherwise.as_deref() {
                Some(Else::If(next)) => self.if_chooses(next, body),
                Some(Else::Body(last)) => body(self, last),
                None => false,
            }
    }
}

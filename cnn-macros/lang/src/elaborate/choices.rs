//! What a `choose` comes to: nothing in a network, in a space the option of the member being looked at.

use std::cell::{Cell, RefCell};

use super::value::Value;
use crate::syntax::ast::Expr;

/// Who decides where a `choose` stands.
pub enum Choices {
    /// Nobody: it does not belong there, for this reason.
    None(&'static str),
    /// One member: the options of its genes in the order in which they are met, then the first of each.
    Follow(Follow),
    /// All members: what has been decided so far in this expression; the next `choose` is asked.
    Ask(Ask),
}

/// One member being elaborated.
#[derive(Default)]
pub struct Follow {
    options: Vec<u16>,
    next: Cell<usize>,
    /// What was met, in order, for who writes the member as source: see [`Event`].
    log: RefCell<Vec<(usize, Event)>>,
    /// How many options each gene that was met has.
    counts: RefCell<Vec<usize>>,
}

/// What a part of the tree, known by its address, came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A step or branch begins.
    Begin,
    /// It ends.
    End,
    /// The option of a `choose`.
    Option(u16),
    /// Whether a condition held.
    Arm(bool),
    /// What a loop went over.
    Passes(Vec<Value>),
    /// How often a step was repeated.
    Copies(i64),
}

impl Choices {
    /// Tells who follows one member what a part of the tree came to.
    pub fn log<T>(&self, at: &T, event: impl FnOnce() -> Event) {
        if let Choices::Follow(member) = self {
            member.log(at, event);
        }
    }
}

impl Follow {
    /// The member with these options.
    pub fn of(options: Vec<u16>) -> Follow {
        Follow { options, ..Follow::default() }
    }

    pub fn log<T>(&self, at: &T, event: impl FnOnce() -> Event) {
        self.log.borrow_mut().push((address(at), event()));
    }

    /// The option of a `choose`, `None` if it has fewer.
    pub fn choose<T>(&self, at: &T, count: usize) -> Option<usize> {
        let option = self.options.get(self.next.get()).copied().unwrap_or(0);
        self.next.set(self.next.get() + 1);
        self.counts.borrow_mut().push(count);
        self.log(at, || Event::Option(option));
        (usize::from(option) < count).then_some(usize::from(option))
    }

    /// What was met, and how many options each gene has.
    pub fn into_log(self) -> (Vec<(usize, Event)>, Vec<usize>) {
        (self.log.into_inner(), self.counts.into_inner())
    }
}

/// What one state of many has decided in an expression.
#[derive(Default)]
pub struct Ask {
    answers: Vec<u16>,
    next: Cell<usize>,
    asked: RefCell<Option<(usize, Expr)>>,
}

impl Ask {
    pub fn new(answers: Vec<u16>) -> Ask {
        Ask { answers, ..Ask::default() }
    }

    /// The option, or `None`: it is to be asked for, and what follows has no value.
    pub fn choose(&self, at: &Expr) -> Option<usize> {
        if self.asked.borrow().is_some() {
            return None;
        }
        let next = self.next.replace(self.next.get() + 1);
        if next >= self.answers.len() {
            *self.asked.borrow_mut() = Some((address(at), at.clone()));
        }
        self.answers.get(next).map(|option| usize::from(*option))
    }

    /// The `choose` that had no answer yet, with its address.
    pub fn asked(&self) -> Option<(usize, Expr)> {
        self.asked.borrow().clone()
    }
}

/// By which a part of the tree is known while the tree lives.
pub fn address<T>(at: &T) -> usize {
    std::ptr::from_ref(at).addr()
}

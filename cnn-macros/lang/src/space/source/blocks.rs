//! Blocks of a member: one for each way in which its choices were made.

use std::collections::HashMap;

use super::Writer;
use crate::elaborate::arguments::matched;
use crate::elaborate::choices::address;
use crate::elaborate::definitions::{Definition, RoomId};
use crate::elaborate::mentions::chooses;
use crate::graph::{LAYERS, layer};
use crate::syntax::ast::{
    Block, Body, Branch, Call, Chain, Choose, Else, For, Header, Ident, If, Item, Join, Param, Primary, Step,
    Visibility,
};

/// The blocks so far, in an order in which they can be read.
pub(super) struct Blocks<'a> {
    /// By the address of the definition: what was made of it.
    made: HashMap<usize, Vec<usize>>,
    /// Kept as they are: being written, or written.
    kept: HashMap<usize, String>,
    written: Vec<Block>,
    names: Vec<String>,
    _tree: std::marker::PhantomData<&'a ()>,
}

impl Blocks<'_> {
    pub fn new(network: &str) -> Self {
        Blocks {
            made: HashMap::new(),
            kept: HashMap::new(),
            written: Vec::new(),
            names: vec![network.to_owned()],
            _tree: std::marker::PhantomData,
        }
    }

    pub fn into_items(self) -> Vec<Item> {
        self.written.into_iter().map(Item::Block).collect()
    }

    /// The name, with a number if there is one of it.
    fn free(&mut self, name: &str) -> String {
        let taken =
            |name: &str| self.names.iter().any(|known| known == name) || LAYERS.iter().any(|l| l.keyword == name);
        let mut free = name.to_owned();
        let mut number = 1;
        while taken(&free) {
            number += 1;
            free = format!("{name}_{number}");
        }
        self.names.push(free.clone());
        free
    }
}

fn header(block: &Block) -> Header {
    Header { docs: block.header.docs.clone(), attributes: Vec::new(), visibility: Visibility::Private }
}

impl<'a> Writer<'a> {
    fn called(&self, name: &str) -> Option<(&'a Block, RoomId)> {
        match self.definitions.get(self.room, name) {
            Some(Definition::Block(block, room)) if layer(name).is_none() => Some((block, room)),
            _ => None,
        }
    }

    /// A call that holds a choice, in its arguments or in its block.
    pub(super) fn call(&mut self, call: &'a Call) -> Call {
        let names: Vec<&str> = match (layer(&call.name.name), self.called(&call.name.name)) {
            (Some(layer), _) => layer.arguments.iter().map(|argument| argument.name).collect(),
            (None, Some((block, _))) => block.params.iter().map(|param| param.name.name.as_str()).collect(),
            (None, None) => Vec::new(),
        };
        let (order, _) = matched(&call.name.name, &names, &call.args, call.span);
        let mut written = self.call_with(call, &order);
        if let Some((block, room)) = self.called(&call.name.name) {
            written.name.name = self.block(block, room, &order);
        }
        written
    }

    /// The name of a block as this call makes its choices.
    fn block(&mut self, block: &'a Block, room: RoomId, given: &[Option<usize>]) -> String {
        let defaults = block.params.iter().filter_map(|param| param.default.as_ref());
        if !defaults.into_iter().any(chooses) && !self.mentions.body_chooses(&block.body, room, self.definitions) {
            return self.kept_block(block, room);
        }
        let outer = std::mem::replace(&mut self.room, room);
        let mut params = block.params.clone();
        for ((param, original), given) in params.iter_mut().zip(&block.params).zip(given) {
            // A default that this call does not take has no options: they are those of another call.
            if given.is_none() {
                param.default = original.default.as_ref().map(|default| self.expr(default));
            } else if original.default.as_ref().is_some_and(chooses) {
                param.default = None;
            }
        }
        let body = self.body(&block.body);
        self.room = outer;
        // Parameters without a default stand anywhere, arguments by position keep their places.
        let same = |known: &&usize| {
            let known = &self.blocks.written[**known];
            known.params == params && known.body == body
        };
        let of_block = self.blocks.made.entry(address(block)).or_default();
        if let Some(&known) = of_block.iter().find(same) {
            return self.blocks.written[known].name.name.clone();
        }
        of_block.push(self.blocks.written.len());
        let name = Ident { name: self.blocks.free(&block.name.name), span: block.name.span };
        let written = Block { header: header(block), name, params, body, incomplete: false };
        self.blocks.written.push(written.clone());
        written.name.name
    }

    /// The name of a block that is kept as it is written, but for the names of what it calls.
    fn kept_block(&mut self, block: &'a Block, room: RoomId) -> String {
        if let Some(name) = self.blocks.kept.get(&address(block)) {
            return name.clone();
        }
        let name = self.blocks.free(&block.name.name);
        self.blocks.kept.insert(address(block), name.clone());
        let outer = std::mem::replace(&mut self.room, room);
        let body = self.kept_body(&block.body);
        self.room = outer;
        let ident = Ident { name: name.clone(), span: block.name.span };
        let params: Vec<Param> = block.params.clone();
        self.blocks.written.push(Block { header: header(block), name: ident, params, body, incomplete: false });
        name
    }

    fn kept_body(&mut self, body: &'a Body) -> Body {
        Body { lets: body.lets.clone(), chain: self.kept_chain(&body.chain) }
    }

    fn kept_chain(&mut self, chain: &'a Chain) -> Chain {
        Chain { steps: chain.steps.iter().map(|step| self.kept_step(step)).collect() }
    }

    /// A step without a choice: only what it calls may bear another name.
    pub(super) fn kept_step(&mut self, step: &'a Step) -> Step {
        let primary = match &step.primary {
            Primary::Call(call) => {
                let mut call = call.clone();
                if let Some((block, room)) = self.called(&call.name.name) {
                    call.name.name = self.kept_block(block, room);
                }
                Primary::Call(call)
            }
            Primary::Group(body) => Primary::Group(self.kept_body(body)),
            Primary::Aux(keyword, body) => Primary::Aux(*keyword, self.kept_body(body)),
            Primary::Join(Join { kind, keyword, branches }) => {
                let branches = branches.iter().map(|branch| self.kept_branch(branch)).collect();
                Primary::Join(Join { kind: *kind, keyword: *keyword, branches })
            }
            Primary::If(one) => Primary::If(self.kept_if(one, &mut |this, body: &'a Body| this.kept_body(body))),
            Primary::For(one) => {
                let body = self.kept_body(&one.body);
                Primary::For(For { keyword: one.keyword, pattern: one.pattern.clone(), list: one.list.clone(), body })
            }
            Primary::Choose(Choose { keyword, options }) => {
                let options = options.iter().map(|option| self.kept_chain(option)).collect();
                Primary::Choose(Choose { keyword: *keyword, options })
            }
            plain @ (Primary::Tap(_) | Primary::From(_) | Primary::Custom(_)) => plain.clone(),
        };
        Step { label: step.label.clone(), primary, postfix: step.postfix.clone() }
    }

    pub(super) fn kept_branch(&mut self, branch: &'a Branch) -> Branch {
        let list = |this: &mut Self, list: &'a Vec<Branch>| -> Vec<Branch> {
            list.iter().map(|branch| this.kept_branch(branch)).collect()
        };
        match branch {
            Branch::Chain(chain) => Branch::Chain(self.kept_chain(chain)),
            Branch::If(one) => Branch::If(self.kept_if(one, &mut { list })),
            Branch::For(one) => {
                let body = list(self, &one.body);
                Branch::For(For { keyword: one.keyword, pattern: one.pattern.clone(), list: one.list.clone(), body })
            }
        }
    }

    fn kept_if<T>(&mut self, one: &'a If<T>, body: &mut dyn FnMut(&mut Self, &'a T) -> T) -> If<T> {
        let then = body(self, &one.then);
        let otherwise = one.otherwise.as_deref().map(|otherwise| {
            Box::new(match otherwise {
                Else::If(next) => Else::If(self.kept_if(next, body)),
                Else::Body(last) => Else::Body(body(self, last)),
            })
        });
        If { keyword: one.keyword, condition: one.condition.clone(), then, otherwise }
    }
}

//! Which definitions an item calls.

use crate::diag::Span;
use crate::syntax::ast::{Body, Branch, Chain, Else, For, If, Item, Path, Primary};

/// Tells the name of every call (layers among them), or the path of an instance, and where it stands.
pub fn item(item: &Item, found: &mut dyn FnMut(&str, Span)) {
    match item {
        Item::Use(_) => {}
        Item::Block(block) => body(&block.body, found),
        Item::Network(network) => {
            network.sections.iter().flat_map(|section| &section.chains).for_each(|c| chain(c, found));
        }
        Item::Instance(instance) => found(&instance.of.to_string(), instance.of.span()),
    }
}

fn body(body: &Body, found: &mut dyn FnMut(&str, Span)) {
    chain(&body.chain, found);
}

fn chain(chain: &Chain, found: &mut dyn FnMut(&str, Span)) {
    for step in &chain.steps {
        match &step.primary {
            Primary::Call(call) => found(&call.name.name, call.name.span),
            Primary::Group(inner) | Primary::Aux(_, inner) => body(inner, found),
            Primary::Join(join) => branches(&join.branches, found),
            Primary::If(one) => arms(one, found, &|b, found| body(b, found)),
            Primary::For(For { body: inner, .. }) => body(inner, found),
            Primary::Choose(choose) => choose.options.iter().for_each(|option| self::chain(option, found)),
            Primary::Tap(_) | Primary::From(_) | Primary::Custom(_) => {}
        }
    }
}

fn branches(list: &Vec<Branch>, found: &mut dyn FnMut(&str, Span)) {
    for branch in list {
        match branch {
            Branch::Chain(one) => chain(one, found),
            Branch::If(one) => arms(one, found, &|b, found| branches(b, found)),
            Branch::For(one) => branches(&one.body, found),
        }
    }
}

/// Visits what one arm of an `if` holds.
type Visit<'v, T> = &'v dyn Fn(&T, &mut dyn FnMut(&str, Span));

fn arms<T>(one: &If<T>, found: &mut dyn FnMut(&str, Span), visit: Visit<'_, T>) {
    visit(&one.then, found);
    match one.otherwise.as_deref() {
        Some(Else::If(next)) => arms(next, found, visit),
        Some(Else::Body(last)) => visit(last, found),
        None => {}
    }
}

/// Rewrites the path of every custom module in an item, in what it carries too.
pub fn custom_paths(item: &mut Item, rewrite: &mut dyn FnMut(&mut Path)) {
    match item {
        Item::Use(import) => import.carried.iter_mut().flatten().for_each(|item| custom_paths(item, rewrite)),
        Item::Block(block) => chain_paths(&mut block.body.chain, rewrite),
        Item::Network(network) => {
            network.sections.iter_mut().flat_map(|section| &mut section.chains).for_each(|c| chain_paths(c, rewrite));
        }
        Item::Instance(_) => {}
    }
}

fn chain_paths(chain: &mut Chain, rewrite: &mut dyn FnMut(&mut Path)) {
    for step in &mut chain.steps {
        match &mut step.primary {
            Primary::Custom(custom) => rewrite(&mut custom.path),
            Primary::Group(inner) | Primary::Aux(_, inner) => chain_paths(&mut inner.chain, rewrite),
            Primary::Join(join) => branch_paths(&mut join.branches, rewrite),
            Primary::If(one) => arm_paths(one, rewrite, &|body, rewrite| chain_paths(&mut body.chain, rewrite)),
            Primary::For(one) => chain_paths(&mut one.body.chain, rewrite),
            Primary::Choose(choose) => choose.options.iter_mut().for_each(|option| chain_paths(option, rewrite)),
            Primary::Call(_) | Primary::Tap(_) | Primary::From(_) => {}
        }
    }
}

fn branch_paths(list: &mut [Branch], rewrite: &mut dyn FnMut(&mut Path)) {
    for branch in list {
        match branch {
            Branch::Chain(one) => chain_paths(one, rewrite),
            Branch::If(one) => arm_paths(one, rewrite, &|list, rewrite| branch_paths(list, rewrite)),
            Branch::For(one) => branch_paths(&mut one.body, rewrite),
        }
    }
}

/// Visits what one arm of an `if` holds, to change it.
type Change<'v, T> = &'v dyn Fn(&mut T, &mut dyn FnMut(&mut Path));

fn arm_paths<T>(one: &mut If<T>, rewrite: &mut dyn FnMut(&mut Path), change: Change<'_, T>) {
    change(&mut one.then, rewrite);
    match one.otherwise.as_deref_mut() {
        Some(Else::If(next)) => arm_paths(next, rewrite, change),
        Some(Else::Body(last)) => change(last, rewrite),
        None => {}
    }
}

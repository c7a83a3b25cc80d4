//! Which definitions an item calls.

use crate::diag::Span;
use crate::syntax::ast::{Body, Branch, Chain, Else, For, If, Item, Primary};

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

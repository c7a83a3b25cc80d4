//! Chains: on one line if they fit, else filled, each new line beginning with its arrow.

use super::doc::{Doc, concat, group, hard, nest, space, text};
use super::expr::{args, expr, operand, pattern, sum};
use super::item::path;
use crate::syntax::ast::{Body, Branch, Chain, Else, If, Label, LabelPiece, Let, Postfix, Primary, Step, TapRef};
use crate::syntax::parse::is_name;

pub(super) fn chain(chain: &Chain) -> Doc {
    let mut parts = Vec::new();
    for one in &chain.steps {
        if !parts.is_empty() {
            parts.push(group(concat(vec![space(), text("-> ")])));
        }
        parts.push(step(one));
    }
    concat(parts)
}

fn step(step: &Step) -> Doc {
    let mut parts: Vec<Doc> = step.label.iter().map(|one| text(format!("{}: ", label(one)))).collect();
    parts.push(primary(&step.primary));
    let mut repeated = false;
    for postfix in &step.postfix {
        let again = std::mem::replace(&mut repeated, matches!(postfix, Postfix::Repeat(_)));
        parts.push(text(match postfix {
            // `a * 2 * 3` is one product.
            Postfix::Repeat(count) if again => format!(" * {}", operand(count)),
            Postfix::Repeat(count) => format!(" * {}", sum(count)),
            Postfix::Assert(size) => format!(" @ {}", operand(size)),
            Postfix::Ask(_) => " @ ?".to_owned(),
        }));
    }
    concat(parts)
}

fn label(label: &Label) -> String {
    if let [LabelPiece::Text(name)] = label.pieces.as_slice()
        && is_name(name)
    {
        return name.clone();
    }
    let pieces = label.pieces.iter().map(|piece| match piece {
        LabelPiece::Text(text) => text.replace('{', "{{").replace('}', "}}"),
        LabelPiece::Expr(value) => format!("{{{}}}", expr(value)),
    });
    format!("{:?}", pieces.collect::<String>())
}

fn primary(primary: &Primary) -> Doc {
    match primary {
        Primary::Call(call) => text(format!("{}{}", call.name.name, args(&call.args))),
        Primary::Group(inner) => group(body(inner)),
        Primary::Join(join) => {
            let keyword = text(format!("{} ", join.kind.keyword()));
            group(concat(vec![keyword, branches(&join.branches)]))
        }
        Primary::If(choice) => group(if_rule(choice, &body)),
        Primary::For(repeat) => {
            let head = format!("for {} in {} ", pattern(&repeat.pattern), expr(&repeat.list));
            group(concat(vec![text(head), body(&repeat.body)]))
        }
        Primary::Tap(tap) => text(format!("tap {}", tap_ref(tap))),
        Primary::From(tap) => text(format!("from {}", tap_ref(tap))),
        Primary::Aux(_, inner) => group(concat(vec![text("aux "), body(inner)])),
        Primary::Choose(choose) => {
            let mut parts = Vec::new();
            for option in &choose.options {
                parts.extend([space(), chain(option), text(";")]);
            }
            group(concat(vec![text("choose "), braces(parts)]))
        }
        Primary::Custom(custom) => text(format!("custom {}{}", path(&custom.path), args(&custom.args))),
    }
}

fn tap_ref(tap: &TapRef) -> String {
    match &tap.index {
        Some(index) => format!("{}[{}]", tap.name.name, expr(index)),
        None => tap.name.name.clone(),
    }
}

fn if_rule<T>(choice: &If<T>, braces: &impl Fn(&T) -> Doc) -> Doc {
    let mut parts = vec![text(format!("if {} ", expr(&choice.condition))), braces(&choice.then)];
    if let Some(otherwise) = &choice.otherwise {
        parts.push(text(" else "));
        parts.push(match &**otherwise {
            Else::If(next) => if_rule(next, braces),
            Else::Body(body) => braces(body),
        });
    }
    concat(parts)
}

/// `{ … }`, to be broken or not with the group around.
pub(super) fn body(body: &Body) -> Doc {
    let mut parts = Vec::new();
    for Let { pattern: name, value } in &body.lets {
        parts.extend([space(), text(format!("let {} = {};", pattern(name), expr(value)))]);
    }
    parts.extend([space(), chain(&body.chain)]);
    braces(parts)
}

fn branches(branches: &[Branch]) -> Doc {
    let mut parts = Vec::new();
    for branch in branches {
        parts.push(space());
        parts.push(match branch {
            Branch::Chain(one) => chain(one),
            Branch::If(choice) => group(if_rule(choice, &|inner: &Vec<Branch>| self::branches(inner))),
            Branch::For(repeat) => {
                let head = format!("for {} in {} ", pattern(&repeat.pattern), expr(&repeat.list));
                group(concat(vec![text(head), self::branches(&repeat.body)]))
            }
        });
        parts.push(text(";"));
    }
    braces(parts)
}

fn braces(inner: Vec<Doc>) -> Doc {
    concat(vec![text("{"), nest(4, concat(inner)), space(), text("}")])
}

/// The chains of a section, under each other.
pub(super) fn chains(chains: &[Chain]) -> Doc {
    let mut parts = Vec::new();
    for one in chains {
        if !parts.is_empty() {
            parts.push(hard());
        }
        parts.extend([chain(one), text(";")]);
    }
    concat(parts)
}

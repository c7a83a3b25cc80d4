//! Definitions.

use super::chain::{body, chains};
use super::doc::{Doc, concat, group, hard, nest, space, text};
use super::expr::{args, bound, expr};
use super::tokens::tokens;
use crate::syntax::ast::{Block, Header, Instance, Item, Limit, Network, Param, Path, Use, Visibility};

pub(super) fn item(item: &Item) -> Doc {
    match item {
        Item::Use(import) => use_rule(import),
        Item::Block(block) => block_rule(block),
        Item::Network(net) => network(net),
        Item::Instance(of) => instance(of),
    }
}

fn use_rule(import: &Use) -> Doc {
    let mut head = format!("use {}", path(&import.path));
    if let Some(alias) = &import.alias {
        head += &format!(" as {}", alias.name);
    }
    let Some(carried) = &import.carried else {
        return text(head + ";");
    };
    let mut items = Vec::new();
    for one in carried {
        if !items.is_empty() {
            items.push(hard());
        }
        items.extend([hard(), item(one)]);
    }
    concat(vec![text(head + " {"), nest(4, concat(items)), hard(), text("}")])
}

fn block_rule(block: &Block) -> Doc {
    let name = format!("block {}{} ", block.name.name, params(&block.params));
    concat(vec![header(&block.header), text(name), group(body(&block.body))])
}

fn network(net: &Network) -> Doc {
    let (size, output) = (expr(&net.input), expr(&net.output));
    let signature = format!("{}{}: {size} -> {output};", net.name.name, params(&net.params));
    let mut parts = vec![header(&net.header), text(signature)];
    for section in &net.sections {
        let keyword = format!("{} ", section.kind.keyword());
        let indent = keyword.len();
        parts.extend([hard(), text(keyword), nest(indent, chains(&section.chains))]);
    }
    if !net.limits.is_empty() {
        parts.extend([hard(), limits(&net.limits), text(";")]);
    }
    concat(parts)
}

fn instance(of: &Instance) -> Doc {
    let mut head = format!("{} = {}{}", of.name.name, path(&of.of), args(&of.args));
    if let Some(size) = &of.input {
        head += &format!(": {}", expr(size));
    }
    let mut parts = vec![header(&of.header), text(head)];
    if !of.limits.is_empty() {
        parts.extend([text(" "), limits(&of.limits)]);
    }
    parts.push(text(";"));
    concat(parts)
}

fn limits(limits: &[Limit]) -> Doc {
    let mut parts = Vec::new();
    for limit in limits {
        if !parts.is_empty() {
            parts.extend([text(","), space()]);
        }
        let (quantity, op) = (&limit.quantity.name, limit.op.symbol());
        parts.push(text(format!("{quantity} {op} {}", bound(&limit.bound))));
    }
    concat(vec![text("where "), nest("where ".len(), group(concat(parts)))])
}

fn params(params: &[Param]) -> String {
    if params.is_empty() {
        return String::new();
    }
    let texts = params.iter().map(|param| {
        let tensor = if param.tensor { "tensor " } else { "" };
        let default = param.default.as_ref().map(|value| format!(" = {}", expr(value)));
        format!("{tensor}{}{}", param.name.name, default.unwrap_or_default())
    });
    format!("({})", texts.collect::<Vec<_>>().join(", "))
}

fn header(header: &Header) -> Doc {
    let mut parts = Vec::new();
    for line in &header.docs {
        // Four slashes are an ordinary comment, and no comment holds a carriage return.
        let plain = !line.starts_with('/') && !line.contains('\r');
        let line = if plain { format!("///{line}") } else { format!("#[doc = {line:?}]") };
        parts.extend([text(line), hard()]);
    }
    for attribute in &header.attributes {
        parts.extend([text(tokens(&attribute.0)), hard()]);
    }
    parts.push(text(match &header.visibility {
        Visibility::Private => String::new(),
        Visibility::Public => "pub ".to_owned(),
        Visibility::Restricted(place) => format!("pub({}) ", tokens(&place.0)),
    }));
    concat(parts)
}

pub(super) fn path(path: &Path) -> String {
    let names: Vec<_> = path.segments.iter().map(|segment| segment.name.as_str()).collect();
    names.join("::")
}

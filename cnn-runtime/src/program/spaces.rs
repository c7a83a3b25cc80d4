//! Spaces as `cnn list`, `cnn check` and `cnn show` tell of them.

use cnn_lang::graph::{Costs, Shape, grouped, readable};
use cnn_lang::space::{Sampling, Space, load_at};
use cnn_lang::{arguments, syntax};
use serde::Serialize;

use super::Output;
use super::definitions::{SPACES, compile};
use super::failure::Failure;
use super::network::{in_file, plain, read, split};
use super::text::{json, table};
use crate::zoo;

/// `AnyNet: 3x224x224 -> 1000, a space of 29,503,488 networks, …`.
pub(super) fn summary(space: &Space) -> String {
    let (input, output) = (space.input_shape(), space.output_shape());
    let [least, most] = space.range();
    let range = |of: fn(&Costs) -> u64| format!("{} to {}", readable(of(&least)), readable(of(&most)));
    let (params, macs) = (range(|costs| costs.params), range(|costs| costs.macs));
    let size = size(space);
    let name = space.name();
    format!("{name}: {input} -> {output}, a space of {size} networks, {params} parameters, {macs} multiply-adds")
}

/// The number of members, as long as it can be read.
fn size(space: &Space) -> String {
    match space.size().map(u64::try_from) {
        Some(Ok(size)) if size < 1_000_000_000_000 => grouped(size),
        _ => format!("2^{:.1}", space.log2_size()),
    }
}

/// The space that `net` names, if it names one: predefined, or in a file.
pub(super) fn find(net: &str, input: Option<Shape>) -> Result<Option<Space>, Failure> {
    let (place, given) = split(net);
    let given = given.unwrap_or_default();
    let args = arguments(given).map_err(|errors| Failure::diagnostic(&format!("arguments `{given}`"), &errors[0]))?;
    let at = |source: &str, name: Option<&str>| {
        load_at(source, name, &args, input).map(Some).map_err(|errors| Failure::diagnostic(net, &errors[0]))
    };
    let known = |(defined, space): &&(String, &zoo::spaces::Predefined)| {
        plain(defined) == plain(place) || plain(space.name) == plain(place)
    };
    if let Some((_, space)) = SPACES.iter().find(known) {
        return at(space.source, None);
    }
    // What is neither is said where a network is looked for.
    let Ok((file, wanted)) = in_file(place) else { return Ok(None) };
    let Ok(source) = read(std::path::Path::new(file)) else { return Ok(None) };
    let program = compile(&source);
    let names = || program.spaces.iter().map(|space| space.name.name.as_str());
    let found = match wanted {
        Some(wanted) => names().find(|name| plain(name) == plain(wanted)),
        None if program.networks.is_empty() => names().next_back(),
        None => None,
    };
    match found {
        Some(name) if program.errors.is_empty() => at(&syntax::print(&program.file), Some(name)),
        _ => Ok(None),
    }
}

/// The output of `cnn show SPACE --json`.
#[derive(Serialize)]
struct Shown<'s> {
    space: &'s str,
    input: Vec<usize>,
    output: Vec<usize>,
    /// As text: it may have more digits than numbers of JSON.
    size: Option<String>,
    log2_size: f64,
    within_limits: Option<String>,
    limits: Vec<String>,
    params: [u64; 2],
    macs: [u64; 2],
    activation_bytes: [u64; 2],
    genes: Vec<ShownGene<'s>>,
}

#[derive(Serialize)]
struct ShownGene<'s> {
    name: &'s str,
    options: &'s [String],
    /// Indices of a gene and its option under which it exists; empty: always.
    parents: &'s [(usize, u16)],
}

/// The genes of a space, and what its members cost.
pub(super) fn show(space: &Space, as_json: bool, otherwise: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    if otherwise {
        let message = format!("`{}` is a space of networks, which is shown as a table of its genes", space.name());
        return Err(Failure::mistake(message).help("leave out --svg, --dot and --vs"));
    }
    let range = space.range();
    let within = match space.sampling() {
        Sampling::Exact { within } => Some(within),
        Sampling::Free | Sampling::Rejection { .. } => None,
    };
    if as_json {
        let genes = space.genes().iter();
        let shown = Shown {
            space: space.name(),
            input: space.input_shape().dims(),
            output: space.output_shape().dims(),
            size: space.size().map(|size| size.to_string()),
            log2_size: space.log2_size(),
            within_limits: within.map(|within| within.to_string()),
            limits: space.limits().iter().map(ToString::to_string).collect(),
            params: range.map(|costs| costs.params),
            macs: range.map(|costs| costs.macs),
            activation_bytes: range.map(|costs| costs.activations),
            genes: genes
                .map(|gene| ShownGene { name: &gene.name, options: &gene.options, parents: &gene.parents })
                .collect(),
        };
        return json(output.out, &shown);
    }
    writeln!(output.out, "{}", summary(space))?;
    if !space.limits().is_empty() {
        let limits: Vec<String> = space.limits().iter().map(ToString::to_string).collect();
        let counted = within.map(|within| format!(": {within} of them")).unwrap_or_default();
        writeln!(output.out, "limited to {}{counted}", limits.join(" and "))?;
    }
    writeln!(output.out)?;
    let rows: Vec<[String; 3]> = space
        .genes()
        .iter()
        .map(|gene| {
            let exists = match gene.parents.first() {
                None => String::new(),
                Some((parent, _)) => {
                    let parent = &space.genes()[*parent];
                    let under = gene.parents.iter().map(|(_, option)| parent.options[usize::from(*option)].as_str());
                    format!("under {} = {}", parent.name, under.collect::<Vec<_>>().join(" | "))
                }
            };
            [gene.name.clone(), gene.options.join(" | "), exists]
        })
        .collect();
    Ok(write!(output.out, "{}", table(["gene", "options", "exists"], &rows, 3))?)
}

/// The predefined spaces.
pub(super) fn list(output: &mut Output<'_>) -> Result<(), Failure> {
    let mut rows: Vec<[String; 5]> = Vec::new();
    for predefined in zoo::spaces::ALL {
        let space = load_at(predefined.source, None, &[], None);
        let space = space.map_err(|errors| Failure::diagnostic(predefined.name, &errors[0]))?;
        let [least, most] = space.range();
        rows.push([
            predefined.name.to_owned(),
            predefined.paper.to_owned(),
            space.input_shape().to_string(),
            size(&space),
            format!("{} to {}", readable(least.params), readable(most.params)),
        ]);
    }
    Ok(write!(output.out, "{}", table(["space", "paper", "input", "members", "parameters"], &rows, 3))?)
}

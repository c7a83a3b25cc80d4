//! The whole front end, a line for each phase.

use proc_macro2::TokenStream;

use crate::diag::{Diagnostic, Diagnostics};
use crate::elaborate::{self, Definitions, Elaborated, RoomId};
use crate::graph::Graph;
use crate::syntax::ast::{File, Item, Path};
use crate::syntax::{parse, parse_str};

/// What a source comes to.
#[derive(Debug)]
pub struct Program {
    /// The tree.
    pub file: File,
    /// Every network and instance, in the order of the text.
    pub networks: Vec<Elaborated>,
    /// Every mistake; empty if all networks have a graph.
    pub errors: Vec<Diagnostic>,
}

/// Compiles tokens.
pub fn compile(tokens: TokenStream) -> Program {
    let mut errors = Diagnostics::default();
    let file = parse(tokens, &mut errors);
    elaborate(file, errors)
}

/// Compiles text.
pub fn compile_str(source: &str) -> Program {
    let mut errors = Diagnostics::default();
    let file = parse_str(source, &mut errors);
    elaborate(file, errors)
}

/// Compiles a tree whose imports have been brought here.
pub fn elaborate(file: File, mut errors: Diagnostics) -> Program {
    let definitions = Definitions::collect(&file, &mut errors);
    let mut networks: Vec<(usize, Elaborated)> = Vec::new();
    let items = || file.items.iter().enumerate();
    for (index, item) in items() {
        if let Item::Network(network) = item {
            networks.push((index, elaborate::network(network, &definitions, &mut errors)));
        }
    }
    // Behind all networks: what is wrong with a definition is said there, not at its instances.
    for (index, item) in items() {
        if let Item::Instance(instance) = item {
            networks.push((index, elaborate::instance(instance, &definitions, &mut errors)));
        }
    }
    // Blocks that nobody calls.
    for (_, item) in items() {
        if let Item::Block(block) = item
            && !block.incomplete
        {
            definitions.check_calls(block, &mut errors);
        }
    }
    networks.sort_by_key(|(index, _)| *index);
    let networks = networks.into_iter().map(|(_, network)| network).collect();
    let errors = errors.into_vec();
    Program { file, networks, errors }
}

/// The definitions that a source names but does not hold, each once.
pub fn imports(file: &File) -> Vec<Path> {
    let mut nothing = Diagnostics::default();
    let definitions = Definitions::collect(file, &mut nothing);
    let mut paths: Vec<Path> = Vec::new();
    for item in &file.items {
        let path = match item {
            Item::Use(import) if import.carried.is_none() => &import.path,
            Item::Instance(instance)
                if !instance.incomplete && definitions.resolve(RoomId::FILE, &instance.of).is_err() =>
            {
                &instance.of
            }
            _ => continue,
        };
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    paths
}

/// The graph of a network of a source that stands alone; the last one where no name is given.
pub fn load(source: &str, name: Option<&str>) -> Result<Graph, Vec<Diagnostic>> {
    let program = compile_str(source);
    if !program.errors.is_empty() {
        return Err(program.errors);
    }
    let known: Vec<String> = program.networks.iter().map(|network| network.name.name.clone()).collect();
    let wanted = |network: &Elaborated| name.is_none_or(|name| network.name.name == name);
    let found = program.networks.into_iter().rfind(wanted);
    match found {
        Some(Elaborated { graph: Some(graph), .. }) => Ok(graph),
        Some(network) => {
            let missing = imports(&program.file);
            let list: Vec<String> = missing.iter().map(Path::to_string).collect();
            Err(vec![
                Diagnostic::new(
                    network.name.span,
                    format!("{} needs {}, which the source does not hold", network.name.name, list.join(", ")),
                )
                .help("carry the definition: `use path::name { … }`"),
            ])
        }
        None => {
            let message = match (name, known.as_slice()) {
                (_, []) => "the source defines no network".to_owned(),
                (Some(name), known) => format!("no network `{name}` in the source, there are {}", known.join(", ")),
                (None, _) => unreachable!("any network is wanted"),
            };
            Err(vec![Diagnostic::new(proc_macro2::Span::call_site(), message)])
        }
    }
}

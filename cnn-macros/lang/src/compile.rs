//! The whole front end, a line for each phase.

use proc_macro2::TokenStream;

use crate::diag::{Diagnostic, Diagnostics};
use crate::elaborate::{self, Definitions, Elaborated};
use crate::syntax::ast::{File, Item};
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

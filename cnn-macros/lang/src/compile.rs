//! The whole front end, a line for each phase.

use proc_macro2::TokenStream;

use crate::diag::{Diagnostic, Diagnostics};
use crate::elaborate::{self, Definitions, Elaborated};
use crate::space::{Definition, define, holds_choice};
use crate::syntax::ast::{File, Item};
use crate::syntax::{parse, parse_str};

/// What a source comes to.
#[derive(Debug)]
pub struct Program {
    /// The tree.
    pub file: File,
    /// Every network and instance, in the order of the text.
    pub networks: Vec<Elaborated>,
    /// Every space, where they are asked for, in the order of the text.
    pub spaces: Vec<Definition>,
    /// Every mistake; empty if all networks have a graph.
    pub errors: Vec<Diagnostic>,
}

/// Compiles tokens.
pub fn compile(tokens: TokenStream) -> Program {
    let mut errors = Diagnostics::default();
    let file = parse(tokens, &mut errors);
    elaborate(file, errors, Choosing::Refused)
}

/// Compiles text.
pub fn compile_str(source: &str) -> Program {
    let mut errors = Diagnostics::default();
    let file = parse_str(source, &mut errors);
    elaborate(file, errors, Choosing::Refused)
}

/// What is done with a network that holds a `choose`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choosing {
    /// It is a mistake.
    Refused,
    /// It is a definition, and nothing is said about its sizes.
    Defined,
    /// It is a space, and its members are proven.
    Proven,
}

/// Compiles a tree whose imports have been brought here.
pub fn elaborate(file: File, mut errors: Diagnostics, choosing: Choosing) -> Program {
    let definitions = Definitions::collect(&file, &mut errors);
    let mut networks: Vec<(usize, Elaborated)> = Vec::new();
    let mut spaces: Vec<Definition> = Vec::new();
    let items = || file.items.iter().enumerate();
    let is_space: Vec<bool> = match choosing {
        Choosing::Refused => vec![false; file.items.len()],
        Choosing::Defined | Choosing::Proven => {
            file.items.iter().map(|item| holds_choice(item, &definitions)).collect()
        }
    };
    for (_, item) in items().filter(|(index, _)| is_space[*index] && choosing == Choosing::Proven) {
        spaces.extend(define(item, &file, &definitions, &mut errors));
    }
    for (index, item) in items().filter(|(index, _)| !is_space[*index]) {
        if let Item::Network(network) = item {
            networks.push((index, elaborate::network(network, &definitions, &mut errors)));
        }
    }
    // Behind all networks: what is wrong with a definition is said there, not at its instances.
    for (index, item) in items().filter(|(index, _)| !is_space[*index]) {
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
    Program { file, networks, spaces, errors }
}

//! A network with other arguments or at another input than its definition says.

use proc_macro2::{Delimiter, Group, Punct, Spacing, TokenStream, TokenTree};

use crate::compile::{Program, compile_str};
use crate::diag::{Diagnostic, Diagnostics};
use crate::elaborate::{self, Definitions, Elaborated};
use crate::graph::{Graph, Shape};
use crate::imports::imports;
use crate::syntax::ast::{Arg, Header, Instance, Item, Path};
use crate::syntax::parse;

/// The graph of a network of a source that stands alone; the last one where no name is given.
///
/// # Errors
/// The mistakes of the source, or that it has no such network.
pub fn load(source: &str, name: Option<&str>) -> Result<Graph, Vec<Diagnostic>> {
    load_at(source, name, &[], None)
}

/// The same with arguments in place of the network's defaults and an input in place of its own, as if an instance
/// `Name(args): input` stood in the source. Stated sizes (`@`) that follow from the defaults are not checked then.
///
/// # Errors
/// As [`load`]; and what the network cannot be built with, on the word of the definition that is at fault.
pub fn load_at(source: &str, name: Option<&str>, args: &[Arg], input: Option<Shape>) -> Result<Graph, Vec<Diagnostic>> {
    compile_str(source).variant(name, args, input)
}

impl Program {
    /// The network with this name; the last one where no name is given.
    ///
    /// # Errors
    /// That there is none, with the names that there are.
    pub fn network(&self, name: Option<&str>) -> Result<&Elaborated, Diagnostic> {
        let wanted = |network: &&Elaborated| name.is_none_or(|name| network.name.name == name);
        if let Some(network) = self.networks.iter().rfind(wanted) {
            return Ok(network);
        }
        let known: Vec<&str> = self.networks.iter().map(|network| network.name.name.as_str()).collect();
        let message = match name {
            Some(name) if !known.is_empty() => {
                format!("no network `{name}` in the source, there are {}", known.join(", "))
            }
            _ => "the source defines no network".to_owned(),
        };
        Err(Diagnostic::new(proc_macro2::Span::call_site(), message))
    }

    /// The graph of a network, the last one where no name is given, with `args` in place of its defaults and `input`
    /// in place of its own: see [`load_at`].
    ///
    /// # Errors
    /// The mistakes of the source, that it has no such network, or what the network cannot be built with.
    pub fn variant(&self, name: Option<&str>, args: &[Arg], input: Option<Shape>) -> Result<Graph, Vec<Diagnostic>> {
        if !self.errors.is_empty() {
            return Err(self.errors.clone());
        }
        let network = self.network(name).map_err(|diagnostic| vec![diagnostic])?;
        let Some(graph) = &network.graph else {
            let missing: Vec<String> = imports(&self.file).iter().map(Path::to_string).collect();
            let message = format!("{} needs {}, which the source does not hold", network.name.name, missing.join(", "));
            let help = "carry the definition: `use path::name { … }`";
            return Err(vec![Diagnostic::new(network.name.span, message).help(help)]);
        };
        if args.is_empty() && input.is_none() {
            return Ok(graph.clone());
        }
        let instance = Instance {
            header: Header::default(),
            name: network.name.clone(),
            of: Path { segments: vec![network.name.clone()] },
            args: args.to_vec(),
            input: None,
            limits: Vec::new(),
            incomplete: false,
        };
        let definitions = Definitions::collect(&self.file, &mut Diagnostics::default());
        let mut errors = Diagnostics::default();
        let built = elaborate::variant(&instance, input, &definitions, &mut errors).graph;
        built.filter(|_| errors.is_empty()).ok_or_else(|| errors.into_vec())
    }
}

/// Reads `classes = 10, units = [1, 1, 1, 1]`: the arguments of an instance.
///
/// # Errors
/// What is wrong with the text; spans point into it.
pub fn arguments(text: &str) -> Result<Vec<Arg>, Vec<Diagnostic>> {
    // Lexed by itself, so that no bracket in it can end the brackets around it.
    let lexed: Result<TokenStream, _> = text.parse();
    let tokens = lexed.map_err(|error| {
        let message = "these characters form no token";
        vec![Diagnostic::new(error.span(), message).help("look for an unclosed bracket or quote")]
    })?;
    let span = proc_macro2::Span::call_site();
    let name = || TokenTree::Ident(proc_macro2::Ident::new("Asked", span));
    let sign = |sign| TokenTree::Punct(Punct::new(sign, Spacing::Alone));
    let args = TokenTree::Group(Group::new(Delimiter::Parenthesis, tokens));
    let mut errors = Diagnostics::default();
    let file = parse(TokenStream::from_iter([name(), sign('='), name(), args, sign(';')]), &mut errors);
    match <[Item; 1]>::try_from(file.items) {
        Ok([Item::Instance(instance)]) if errors.is_empty() => Ok(instance.args),
        _ if errors.is_empty() => Err(vec![Diagnostic::new(span, "expected arguments, as in `classes = 10`")]),
        _ => Err(errors.into_vec()),
    }
}

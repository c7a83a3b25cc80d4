//! From graph to Rust.

mod export;
mod fallback;
mod fields;
mod forward;
mod module;
pub mod names;
mod ops;
mod space;
mod structs;
mod words;

use cnn_lang::diag::{Diagnostic, Diagnostics};
use cnn_lang::space::Spaces;
use cnn_lang::syntax::ast::File;
use cnn_lang::syntax::parse;
use cnn_lang::{Choosing, Program, compile_file, imports};
use names::settle;
use proc_macro2::{Group, Punct, Spacing, TokenStream, TokenTree};
use quote::quote;

use crate::input::Input;

/// `network!`: modules and definitions.
pub fn network(tokens: TokenStream) -> TokenStream {
    let input = Input::split(tokens);
    let (file, errors) = match read(&input, "network") {
        Ok(read) => read,
        Err(fetch) => return fetch,
    };
    let program = compile_file(file, errors, Choosing::Refused);
    let mut out = definitions(&program);
    let mut errors = compile_errors(&program.errors);
    let mut emitted = Vec::new();
    for network in &program.networks {
        // A name that is defined twice was reported.
        if emitted.contains(&&network.name.name) {
            continue;
        }
        emitted.push(&network.name.name);
        let module = network.graph.as_ref().map(|graph| module::expand(network, graph, &program.file));
        let tokens = module.unwrap_or_else(|| fallback::expand(network));
        out.extend(settle(tokens, &network.name.name, &input.runtime));
    }
    for lost in &program.file.lost {
        let name = lost.name.as_ref().map_or("", |name| &name.name);
        out.extend(settle(fallback::lost(lost), name, &input.runtime));
    }
    errors.extend(out);
    errors.extend(editors(&program, &input));
    errors
}

/// `search_space!`: spaces and definitions.
pub fn search_space(tokens: TokenStream) -> TokenStream {
    let input = Input::split(tokens);
    let (file, errors) = match read(&input, "search_space") {
        Ok(read) => read,
        Err(fetch) => return fetch,
    };
    let Spaces { file, spaces, errors } = cnn_lang::space::compile(file, errors);
    let mut out = compile_errors(&errors);
    out.extend(export::carriers(&file, !errors.is_empty()));
    let mut emitted: Vec<&str> = Vec::new();
    for definition in &spaces {
        // A name that is defined twice was reported.
        if !emitted.contains(&definition.name.name.as_str()) {
            emitted.push(&definition.name.name);
            out.extend(names::rooted(space::expand(definition, &file), &input.runtime));
        }
    }
    let program = Program { file, networks: Vec::new(), spaces: Vec::new(), errors };
    out.extend(editors(&program, &input));
    out
}

/// `define!`: definitions only.
pub fn define(tokens: TokenStream) -> TokenStream {
    let input = Input::split(tokens);
    let (file, errors) = match read(&input, "define") {
        Ok(read) => read,
        Err(fetch) => return fetch,
    };
    let program = compile_file(file, errors, Choosing::Defined);
    let mut out = compile_errors(&program.errors);
    out.extend(definitions(&program));
    out.extend(export::source_constants(&program.file));
    out.extend(editors(&program, &input));
    out
}

/// The tree with its imports; `Err`: the call that brings the next import.
fn read(input: &Input, entry: &str) -> Result<(File, Diagnostics), TokenStream> {
    let mut errors = Diagnostics::default();
    let mut file = parse(input.original.clone(), &mut errors);
    input.attach(&mut file);
    match imports(&file).first() {
        Some(path) => Err(input.fetch(entry, path)),
        None => Ok((file, errors)),
    }
}

/// What hover and completion see.
fn editors(program: &Program, input: &Input) -> TokenStream {
    let unfinished = !program.errors.is_empty() && words::in_editor();
    words::expand(&input.original, &program.file, unfinished, &input.runtime)
}

fn definitions(program: &Program) -> TokenStream {
    export::carriers(&program.file, !program.errors.is_empty())
}

/// One `compile_error!` for each mistake, from its first to its last token.
fn compile_errors(errors: &[Diagnostic]) -> TokenStream {
    errors
        .iter()
        .map(|diagnostic| {
            let message = diagnostic.to_string();
            let (first, last) = (diagnostic.span.first, diagnostic.span.last);
            let arguments: TokenStream = {
                let mut literal = proc_macro2::Literal::string(&message);
                literal.set_span(last);
                TokenTree::Literal(literal).into()
            };
            let mut braces = Group::new(proc_macro2::Delimiter::Brace, arguments);
            braces.set_span(last);
            let name = proc_macro2::Ident::new("compile_error", first);
            let mut bang = Punct::new('!', Spacing::Alone);
            bang.set_span(first);
            quote!(::core::)
                .into_iter()
                .map(|mut token| {
                    token.set_span(first);
                    token
                })
                .chain([TokenTree::Ident(name), TokenTree::Punct(bang), TokenTree::Group(braces)])
                .collect::<TokenStream>()
        })
        .collect()
}

/// Generated text as tokens.
///
/// Everything is written as text and lexed once: that is quicker than quoting and reads like the code it makes.
fn code(text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|error| unreachable!("generated code must lex: {error}\n{text}"))
}

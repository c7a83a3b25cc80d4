//! A definition for other macros: a `macro_rules!` that carries its source, closed over everything it uses.

use cnn_lang::elaborate::closure;
use cnn_lang::syntax::ast::{Body, Chain, File, Header, Ident, Item, Visibility};
use cnn_lang::syntax::print;
use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::names;
use crate::home;

/// A carrier for every definition.
///
/// `broken`: the macro has mistakes. Then definitions keep what users of them see, names and sizes, and lose their
/// steps: what is wrong was reported here, and users see no errors of their own.
pub fn carriers(file: &File, broken: bool) -> TokenStream {
    let mut names: Vec<&str> = Vec::new();
    let mut out = TokenStream::new();
    let bare = broken.then(|| File { items: file.items.iter().map(without_steps).collect(), lost: Vec::new() });
    for (header, name) in file.items.iter().filter_map(named) {
        if !names.contains(&name.name.as_str()) {
            names.push(&name.name);
            out.extend(carrier(header, name, &source(name, bare.as_ref().unwrap_or(file))));
        }
    }
    for lost in &file.lost {
        if let Some(name) = lost.name.as_ref().filter(|name| !names.contains(&name.name.as_str())) {
            names.push(&name.name);
            out.extend(carrier(&lost.header, name, ""));
        }
    }
    out
}

/// The definition with nothing in it, which reads as one that was lost to a mistake.
fn without_steps(item: &Item) -> Item {
    match item.clone() {
        Item::Block(mut block) => {
            block.body = Body { lets: Vec::new(), chain: Chain { steps: Vec::new() } };
            Item::Block(block)
        }
        Item::Network(mut network) => {
            network.sections.clear();
            network.limits.clear();
            Item::Network(network)
        }
        other => other,
    }
}

/// A constant of each network's name that holds its source. A constant and a macro may share a name.
pub fn source_constants(file: &File) -> TokenStream {
    let mut names: Vec<&str> = Vec::new();
    let mut out = TokenStream::new();
    for item in file.items.iter().filter(|item| !matches!(item, Item::Block(_))) {
        let Some((header, name)) = named(item).filter(|(_, name)| !names.contains(&name.name.as_str())) else {
            continue;
        };
        names.push(&name.name);
        let visibility = visibility(&header.visibility);
        let ident = names::ident(&name.name, name.span.first);
        let docs = header.docs.join("\n");
        let text = source(name, file);
        out.extend(quote! {
            #[doc = #docs]
            #[allow(non_upper_case_globals, dead_code)]
            #visibility const #ident: &::core::primitive::str = #text;
        });
    }
    out
}

fn named(item: &Item) -> Option<(&Header, &Ident)> {
    match item {
        Item::Block(block) => Some((&block.header, &block.name)),
        Item::Network(network) => Some((&network.header, &network.name)),
        Item::Instance(instance) => Some((&instance.header, &instance.name)),
        Item::Use(_) => None,
    }
}

pub fn source(name: &Ident, file: &File) -> String {
    let mut closed = closure(file, &name.name);
    closed.items.iter_mut().for_each(home::leave);
    print(&closed)
}

/// Called with the rest of a macro it calls back; called with nothing it is the source, for the run time.
fn carrier(header: &Header, name: &Ident, source: &str) -> TokenStream {
    let ident = names::ident(&name.name, name.span.first);
    let carrier = proc_macro2::Ident::new(&carrier_name(name, source), proc_macro2::Span::call_site());
    let export = matches!(header.visibility, Visibility::Public).then(|| quote!(#[macro_export]));
    let visibility = visibility(&header.visibility);
    let source = Literal::string(source);
    quote! {
        #[doc(hidden)]
        #[allow(unused_macros, non_local_definitions)]
        #export
        macro_rules! #carrier {
            () => { #source };
            (($($runtime:tt)*) $entry:ident ($($path:tt)*) { $($rest:tt)* }) => {
                $($runtime)*::__private::$entry! { [$($runtime)*] (($($path)*) #source) $($rest)* }
            };
        }
        #[doc(hidden)]
        #[allow(unused_imports)]
        #visibility use #carrier as #ident;
    }
}

/// The visibility as written. A private definition is private to its module.
pub fn visibility(visibility: &Visibility) -> TokenStream {
    match visibility {
        Visibility::Private => TokenStream::new(),
        Visibility::Public => quote!(pub),
        Visibility::Restricted(tokens) => {
            let tokens = &tokens.0;
            quote!(pub(#tokens))
        }
    }
}

/// Exported macros of a crate share one name space, so the name holds what the definition says and where it stands.
fn carrier_name(name: &Ident, source: &str) -> String {
    let start = name.span.first.start();
    let file = name.span.first.file();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in file.bytes().chain(source.bytes()).chain(format!("{}:{}", start.line, start.column).bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("__cnn_{}_{hash:016x}", name.name)
}

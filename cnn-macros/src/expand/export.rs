//! A definition for other macros: a `macro_rules!` that carries its source, closed over everything it uses.

use cnn_lang::elaborate::closure;
use cnn_lang::syntax::ast::{File, Header, Ident, Item, Visibility};
use cnn_lang::syntax::print;
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// The definition of one item; nothing for imports and for what could not be read.
pub fn expand(item: &Item, file: &File) -> TokenStream {
    named(item).map_or_else(TokenStream::new, |(header, name)| carrier(header, name, &source(name, file)))
}

/// A constant of the network's name that holds its source. A constant and a macro may share a name.
pub fn source_constant(item: &Item, file: &File) -> TokenStream {
    let Some((header, name)) = named(item).filter(|_| !matches!(item, Item::Block(_))) else {
        return TokenStream::new();
    };
    let visibility = visibility(&header.visibility);
    let ident = proc_macro2::Ident::new(&name.name, name.span.first);
    let docs = header.docs.join("\n");
    let text = source(name, file);
    quote! {
        #[doc = #docs]
        #[allow(non_upper_case_globals, dead_code)]
        #visibility const #ident: &str = #text;
    }
}

fn named(item: &Item) -> Option<(&Header, &Ident)> {
    match item {
        Item::Block(block) => (!block.incomplete).then_some((&block.header, &block.name)),
        Item::Network(network) => (!network.incomplete).then_some((&network.header, &network.name)),
        Item::Instance(instance) => (!instance.incomplete).then_some((&instance.header, &instance.name)),
        Item::Use(_) => None,
    }
}

fn source(name: &Ident, file: &File) -> String {
    print(&closure(file, &name.name))
}

fn carrier(header: &Header, name: &Ident, source: &str) -> TokenStream {
    let ident = proc_macro2::Ident::new(&name.name, name.span.first);
    let carrier = proc_macro2::Ident::new(&carrier_name(name, source), proc_macro2::Span::call_site());
    let export = matches!(header.visibility, Visibility::Public).then(|| quote!(#[macro_export]));
    let visibility = visibility(&header.visibility);
    let source = Literal::string(source);
    quote! {
        #[doc(hidden)]
        #[allow(unused_macros, non_local_definitions)]
        #export
        macro_rules! #carrier {
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

//! Names that are not the generator's own: the path of the run-time crate, and networks that bear the name of a generic or a keyword.
//!
//! Generated text says `cnn_runtime::…` and knows a difficult network by a stand-in; [`settle`] puts the real names there.

use proc_macro2::{Group, Ident, Spacing, Span, TokenStream, TokenTree};

/// Generics of generated code.
const GENERICS: [&str; 8] = ["B", "D", "D2", "E", "E2", "S", "T", "V"];

/// The name of a network in generated text: its own, or a stand-in where that has a meaning already.
pub fn stand_in(name: &str) -> String {
    if is_difficult(name) { format!("{name}__") } else { name.to_owned() }
}

fn is_difficult(name: &str) -> bool {
    GENERICS.contains(&name) || is_keyword(name)
}

fn is_keyword(name: &str) -> bool {
    // `gen` is one from edition 2024 on, and raw in every edition.
    name == "gen" || syn::parse_str::<Ident>(name).is_err()
}

/// A name as Rust wants it: raw where it is a keyword. The words of paths stay.
pub fn ident(name: &str, span: Span) -> Ident {
    let path_word = ["self", "Self", "super", "crate", "_"].contains(&name);
    if is_keyword(name) && !path_word { Ident::new_raw(name, span) } else { Ident::new(name, span) }
}

/// Puts the path of the run-time crate where generated text says `cnn_runtime::`, and the network's name where its
/// stand-in is. A generic of that name steps aside.
pub fn settle(tokens: TokenStream, network: &str, runtime: &TokenStream) -> TokenStream {
    let difficult = is_difficult(network).then(|| (network, stand_in(network)));
    replace(tokens, difficult.as_ref().map(|(name, stand_in)| (*name, stand_in.as_str())), runtime)
}

/// Puts the path of the run-time crate where generated code says `cnn_runtime::`.
pub fn rooted(tokens: TokenStream, runtime: &TokenStream) -> TokenStream {
    replace(tokens, None, runtime)
}

fn replace(tokens: TokenStream, network: Option<(&str, &str)>, runtime: &TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    // Behind `V::` stands an associated type, which is no generic.
    let (mut joint, mut behind_path) = (false, false);
    while let Some(token) = tokens.next() {
        let behind = behind_path;
        let colon = matches!(&token, TokenTree::Punct(colon) if colon.as_char() == ':');
        behind_path = colon && joint;
        joint =
            matches!(&token, TokenTree::Punct(colon) if colon.as_char() == ':' && colon.spacing() == Spacing::Joint);
        match token {
            TokenTree::Ident(found) => {
                // A label of that name is a field, behind which no `::` follows.
                let path = matches!(tokens.peek(), Some(TokenTree::Punct(colon))
                    if colon.as_char() == ':' && colon.spacing() == Spacing::Joint);
                match network {
                    _ if path && found == "cnn_runtime" => out.extend(runtime.clone()),
                    Some((name, stand_in)) if found == stand_in => {
                        out.extend([TokenTree::Ident(ident(name, found.span()))]);
                    }
                    Some((name, _)) if found == name && !behind && GENERICS.contains(&name) => {
                        out.extend([TokenTree::Ident(Ident::new(&format!("{name}_"), found.span()))]);
                    }
                    _ => out.extend([TokenTree::Ident(found)]),
                }
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replace(group.stream(), network, runtime));
                inner.set_span(group.span());
                out.extend([TokenTree::Group(inner)]);
            }
            other => out.extend([other]),
        }
    }
    out
}

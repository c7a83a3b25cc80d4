//! What a macro is called with: `[path of cnn-runtime] ((path of an import) "its source")* the user's tokens`.
//!
//! A procedural macro cannot see another invocation, so a definition also emits a `macro_rules!` that carries its source.
//! A macro that needs a definition expands to a call of that one, which calls back with the source in front.

use cnn_lang::diag::{Diagnostics, Span};
use cnn_lang::syntax::ast::{File, Ident, Item, Path, Use};
use cnn_lang::syntax::parse_str;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote;

use crate::expand::names::ident;
use crate::home;

/// A definition brought here.
pub struct Carried {
    path: String,
    source: String,
    tokens: TokenStream,
}

/// The three parts of the input.
pub struct Input {
    /// Tokens of the path of `cnn-runtime`.
    pub runtime: TokenStream,
    pub carried: Vec<Carried>,
    pub original: TokenStream,
}

impl Input {
    pub fn split(tokens: TokenStream) -> Input {
        let mut tokens = tokens.into_iter().peekable();
        let runtime = match tokens.next() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => group.stream(),
            // Called directly, without the wrapper in cnn-runtime.
            other => {
                let original = other.into_iter().chain(tokens).collect();
                return Input { runtime: quote!(::cnn_runtime), carried: Vec::new(), original };
            }
        };
        let mut carried = Vec::new();
        while let Some(TokenTree::Group(group)) = tokens
            .next_if(|token| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis))
        {
            let parts: Vec<TokenTree> = group.stream().into_iter().collect();
            if let [TokenTree::Group(path), source] = parts.as_slice() {
                let path = path.stream().to_string().replace(' ', "");
                let source =
                    syn::parse2::<syn::LitStr>(source.clone().into()).map(|text| text.value()).unwrap_or_default();
                carried.push(Carried { path, source, tokens: TokenTree::Group(group).into() });
            }
        }
        Input { runtime, carried, original: tokens.collect() }
    }

    /// Puts the carried definitions into the tree: behind their `use`, or in front where an instance names them by path.
    pub fn attach(&self, file: &mut File) {
        for carried in &self.carried {
            // A definition has been checked where it stands.
            let mut items = parse_str(&carried.source, &mut Diagnostics::default()).items;
            home::arrive(&mut items);
            let mut uses = file.items.iter_mut().filter_map(|item| match item {
                Item::Use(import) if import.carried.is_none() && import.path.to_string() == carried.path => {
                    Some(import)
                }
                _ => None,
            });
            match uses.next() {
                Some(import) => import.carried = Some(items),
                None => file.items.insert(0, Item::Use(import(&carried.path, items))),
            }
        }
    }

    /// The call that brings a definition here and comes back.
    pub fn fetch(&self, entry: &str, path: &Path) -> TokenStream {
        let Input { runtime, carried, original } = self;
        let carried = carried.iter().map(|carried| &carried.tokens);
        let entry = proc_macro2::Ident::new(entry, proc_macro2::Span::call_site());
        let path = path_tokens(path);
        quote! { #path! { (#runtime) #entry (#path) { #(#carried)* #original } } }
    }
}

fn path_tokens(path: &Path) -> TokenStream {
    let mut tokens = TokenStream::new();
    for (index, segment) in path.segments.iter().enumerate() {
        let span = segment.span.first;
        if index > 0 {
            tokens.extend(quote::quote_spanned!(span=> ::));
        }
        if !segment.name.is_empty() {
            tokens.extend([TokenTree::Ident(ident(&segment.name, span))]);
        }
    }
    tokens
}

/// The import of an instance's path, which may end in the instance's own name: `pub LeNet5 = zoo::LeNet5;`.
fn import(path: &str, items: Vec<Item>) -> Use {
    let span = Span::call_site();
    let segments = path.split("::").map(|name| Ident { name: name.to_owned(), span }).collect();
    // The name belongs to the user, who names the definition by its path alone.
    let alias = Some(Ident { name: "_".to_owned(), span });
    Use { path: Path { segments }, alias, carried: Some(items), span }
}

//! For editors: each word of the language that the user wrote, as a path to a documented item.
//!
//! rust-analyzer shows what the token under the cursor resolves to after expansion. So the words of a macro are named once
//! more, with the user's spans, in a constant list of units that costs nothing: layers and keywords are the items of
//! `cnn_runtime::words`, the macro's own blocks are items of their names and documentation. The list is made of tokens, not
//! of the tree, so it is there while a network is half typed.

use cnn_lang::graph::LAYERS;
use cnn_lang::syntax::ast::{File, Header, Ident, Item};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::quote;

use super::names::ident;

/// Words that are no layers, with what they mean. Rust's own keywords (`if`, `for`, `let`, …) have no items.
pub const KEYWORDS: [&str; 11] =
    ["add", "aux", "block", "body", "choose", "concat", "from", "head", "mul", "stem", "tap"];

/// The list; `unfinished`: words that mean nothing yet are in it too, so that an editor completes them.
pub fn expand(tokens: &TokenStream, file: &File, unfinished: bool, runtime: &TokenStream) -> TokenStream {
    let definitions = definitions(file);
    let own: Vec<&str> = definitions.iter().map(|(name, _)| name.name.as_str()).collect();
    let mut words = Vec::new();
    find(tokens, &own, unfinished, &mut words);
    if words.is_empty() {
        return TokenStream::new();
    }
    let items = definitions.iter().map(|(name, docs)| {
        let name = ident(&name.name, name.span.first);
        quote!(#[doc = #docs] pub const #name: () = ();)
    });
    let names = own.iter().map(|name| ident(name, proc_macro2::Span::call_site()));
    quote! {
        const _: () = {
            #[allow(non_upper_case_globals, unused_imports)]
            mod words { pub use #runtime::words::*; #(#items)* }
            const _: &[()] = &[#(words::#names,)* #(words::#words,)*];
        };
    }
}

/// Whether an editor expands this, which wants words that resolve to nothing: rustc would report them a second time.
pub fn in_editor() -> bool {
    let program = std::env::current_exe().ok();
    program.and_then(|path| path.file_name().map(|name| name.to_string_lossy().contains("rust-analyzer"))) == Some(true)
}

/// Blocks of this macro and its imports, each name once, with documentation.
fn definitions(file: &File) -> Vec<(&Ident, String)> {
    let mut found: Vec<(&Ident, String)> = Vec::new();
    for item in &file.items {
        let (name, docs) = match item {
            Item::Block(block) => (&block.name, documentation(&block.header)),
            Item::Use(import) => {
                let carried = import.carried.as_ref().and_then(|items| items.last());
                let docs = carried.and_then(header).map(documentation).unwrap_or_default();
                (import.name(), format!("{docs}\n\nFrom `{}`.", import.path))
            }
            Item::Network(_) | Item::Instance(_) => continue,
        };
        let taken = KEYWORDS.contains(&name.name.as_str()) || LAYERS.iter().any(|layer| layer.keyword == name.name);
        // The words of paths are no names, which was reported.
        let nameless = ["_", "self", "Self", "super", "crate"].contains(&name.name.as_str());
        if !taken && !nameless && !found.iter().any(|(known, _)| known.name == name.name) {
            found.push((name, docs));
        }
    }
    found
}

fn header(item: &Item) -> Option<&Header> {
    match item {
        Item::Block(block) => Some(&block.header),
        Item::Network(network) => Some(&network.header),
        Item::Instance(instance) => Some(&instance.header),
        Item::Use(_) => None,
    }
}

fn documentation(header: &Header) -> String {
    header.docs.join("\n")
}

/// Words that stand where a step or a section may, in the order of the text.
fn find(tokens: &TokenStream, own: &[&str], unfinished: bool, words: &mut Vec<proc_macro2::Ident>) {
    let mut before: Option<TokenTree> = None;
    let mut tokens = tokens.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                find(&group.stream(), own, unfinished, words);
            }
            TokenTree::Ident(word) => {
                let text = word.to_string();
                let text = text.strip_prefix("r#").unwrap_or(&text);
                let known = KEYWORDS.contains(&text) || own.contains(&text);
                let known = known || LAYERS.iter().any(|layer| layer.keyword == text);
                let step = starts_step(before.as_ref());
                if !names_something(before.as_ref(), tokens.peek()) && (known || (unfinished && step && is_free(text)))
                {
                    words.push(word.clone());
                }
            }
            _ => {}
        }
        before = Some(token);
    }
}

/// The word is a label, a named argument, a part of a path or of `in.channels`, or what another word names.
fn names_something(before: Option<&TokenTree>, after: Option<&TokenTree>) -> bool {
    let named = match before {
        Some(TokenTree::Punct(sign)) => sign.as_char() == '.' || (sign.as_char() == ':' && sign_joins(after)),
        Some(TokenTree::Ident(word)) => {
            ["as", "block", "custom", "for", "from", "let", "tap", "use"].iter().any(|known| word == known)
        }
        _ => false,
    };
    named || matches!(after, Some(TokenTree::Punct(sign)) if [':', '='].contains(&sign.as_char()))
}

/// The next sign belongs to a path.
fn sign_joins(after: Option<&TokenTree>) -> bool {
    matches!(after, Some(TokenTree::Punct(sign)) if sign.as_char() == ':' && sign.spacing() == Spacing::Joint)
}

/// Whether a step may stand behind this token.
fn starts_step(before: Option<&TokenTree>) -> bool {
    match before {
        None => true,
        Some(TokenTree::Punct(sign)) => ['>', ':', ';'].contains(&sign.as_char()),
        Some(TokenTree::Ident(word)) => ["stem", "body", "head"].iter().any(|section| word == section),
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(TokenTree::Literal(_)) => false,
    }
}

/// A word that the user may yet finish.
fn is_free(text: &str) -> bool {
    !["if", "else", "for", "in", "let", "use", "pub", "where", "as", "true", "false", "custom", "_"].contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cnn_lang::diag::Diagnostics;
    use cnn_lang::syntax::parse;

    /// The words of the list, each where it was written.
    fn words(source: &str, unfinished: bool) -> Vec<String> {
        let tokens: TokenStream = source.parse().expect("tokens");
        let file = parse(tokens.clone(), &mut Diagnostics::default());
        let definitions = definitions(&file);
        let own: Vec<&str> = definitions.iter().map(|(name, _)| name.name.as_str()).collect();
        let mut words = Vec::new();
        find(&tokens, &own, unfinished, &mut words);
        let place = |word: &proc_macro2::Ident| {
            let start = word.span().start();
            assert!(source.lines().nth(start.line - 1).expect("a line")[start.column..].starts_with(&word.to_string()));
            format!("{word} {}:{}", start.line, start.column)
        };
        words.iter().map(place).collect()
    }

    const NET: &str = "/// Twice.\nblock twice(out, head = 1) { conv(out, 3) -> bn: bn -> conv(out, kernel = 3) }\n\
        pub Net: 3x8x8 -> 2;\nstem conv: conv(8, 3) -> twice(8) * 2;\n\
        body add { tap a -> from a; { if in.channels != 8 { relu }; } };\nhead gap -> linear(2);";

    #[test]
    fn each_word_stands_where_the_user_wrote_it() {
        let found = words(NET, false);
        println!("{found:?}");
        let expected = [
            "block 2:0",
            "conv 2:29",
            "bn 2:49",
            "conv 2:55",
            "stem 4:0",
            "conv 4:11",
            "twice 4:25",
            "body 5:0",
            "add 5:5",
            "tap 5:11",
            "from 5:20",
            "relu 5:52",
            "head 6:0",
            "gap 6:5",
            "linear 6:12",
        ];
        assert_eq!(found, expected, "labels, named arguments and taps are the user's words");
    }

    #[test]
    fn a_half_typed_network_keeps_its_words_and_the_one_being_typed() {
        let source = "block twice(out) { conv(out, 3) }\nNet: 3x8x8 -> 2; stem conv(8, 3) -> twi\nbody relu -> max";
        let found = words(source, true);
        println!("{found:?}");
        assert_eq!(
            found,
            ["block 1:0", "conv 1:19", "stem 2:17", "conv 2:22", "twi 2:36", "body 3:0", "relu 3:5", "max 3:13"]
        );
        let for_rustc = words(source, false);
        assert!(!for_rustc.iter().any(|word| word.starts_with("twi") || word.starts_with("max")), "{for_rustc:?}");
    }

    #[test]
    fn the_list_resolves_to_documented_items() {
        let tokens: TokenStream = NET.parse().expect("tokens");
        let file = parse(tokens.clone(), &mut Diagnostics::default());
        let text = expand(&tokens, &file, false, &quote!($crate)).to_string();
        println!("{text}");
        assert!(text.contains("pub use $ crate :: words :: *"), "{text}");
        assert!(text.contains("# [doc = \" Twice.\"] pub const twice : () = () ;"), "{text}");
        assert!(
            expand(&quote!(pub A = b::C;), &File::default(), false, &quote!(x)).is_empty(),
            "nothing for an instance"
        );
        assert!(!in_editor(), "this is no editor");
    }
}

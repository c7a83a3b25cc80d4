//! Input that nobody means: never a panic, never an endless run, one message for depth.

use std::str::FromStr;

use cnn_lang::diag::Diagnostics;
use cnn_lang::syntax::{parse, parse_str, print};
use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use proptest::prelude::*;

/// In a thread with the stack that Rust gives by default.
fn messages_in_small_stack(source: String) -> Vec<String> {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let mut errors = Diagnostics::default();
        let file = parse_str(&source, &mut errors);
        let text = print(&file);
        assert!(file.clone() == file && text.len() < 10_000_000);
        errors.into_vec().into_iter().map(|error| error.message).collect()
    });
    thread.expect("thread").join().expect("no panic")
}

fn nested(open: &str, inner: &str, close: &str, levels: usize) -> String {
    format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
}

fn network(chain: &str) -> String {
    format!("N: 3x8x8 -> 10; head {chain};")
}

/// Each way to nest: what opens a level, the innermost part, what closes it.
const NESTS: [(&str, &str, &str); 18] = [
    ("{ ", "a", " }"),
    ("add { ", "a", " }"),
    ("add { if n { ", "a", " } }"),
    ("a -> { if n { ", "a", " } }"),
    ("aux { b -> { ", "a", " } }"),
    ("for i in xs { ", "a", " }"),
    ("if n { a } else ", "{ a }", ""),
    ("a -> { if n { b } else { ", "a", " } }"),
    ("{ let n = 1; ", "a", " }"),
    ("a(", "1", ")"),
    ("a(k = [", "1", "])"),
    ("tap s[", "1", "]"),
    ("a * (", "1", ")"),
    ("a * -", "1", ""),
    ("a * !", "1", ""),
    ("a * if n { 1 } else ", "{ 1 }", ""),
    ("a * f(1, ", "1", ")"),
    ("a @ x[", "1", "]"),
];

#[test]
fn depth_is_one_error() {
    for (open, inner, close) in NESTS {
        // The first level starts the chain; below it only what follows a step's name or its `*` repeats.
        let (start, more) = match open.find(['*', '@']) {
            Some(at) => (&open[..at + 2], &open[at + 2..]),
            None if open.starts_with("a(") => ("a(", if open == "a(" { "(" } else { "[" }),
            None if open.starts_with("tap") => ("tap s[", "s["),
            None => ("", open),
        };
        let end = |levels: usize| match open {
            "a(k = [" => nested("", "", "]", levels) + ")",
            "a(" => nested("", "", ")", levels) + ")",
            "tap s[" => nested("", "", "]", levels) + "]",
            _ => close.repeat(levels),
        };
        for levels in [20, 40] {
            let chain = format!("{start}{}{inner}{}", more.repeat(levels), end(levels));
            assert_eq!(messages_in_small_stack(network(&chain)), [""; 0], "{chain}");
        }
        for levels in [250, 20_000] {
            let chain = format!("{start}{}{inner}{}", more.repeat(levels), end(levels));
            let messages = messages_in_small_stack(network(&chain));
            assert_eq!(messages, ["nested deeper than 128 levels"], "{open} {levels}");
        }
    }
}

#[test]
fn long_rows_of_operators_are_as_deep_as_long() {
    for (row, last) in [("1 + ", "1"), ("1 * ", "1"), ("n || ", "n"), ("x[1]", "")] {
        let (row, last) = if row == "x[1]" { ("[1]", "") } else { (row, last) };
        let head = if last.is_empty() { "x" } else { "" };
        let source = network(&format!("a({head}{}{last})", row.repeat(30_000)));
        assert_eq!(messages_in_small_stack(source), ["nested deeper than 128 levels"], "{row}");
    }
}

#[test]
fn depth_outside_expressions() {
    for source in [
        format!("#[a{}] N = b;", nested("(", "", ")", 5000)),
        network(&format!("\"a{{{}}}\": b", nested("(", "1", ")", 5000))),
        nested("use a { ", "N = b;", " }", 5000),
        network(&format!("for {} in xs {{ a }}", nested("(", "n", ")", 5000))),
        nested("{", "", "}", 5000),
    ] {
        let messages = messages_in_small_stack(source);
        let deep = messages.iter().filter(|message| message.starts_with("nested deeper")).count();
        assert!(deep == 1 && messages.len() <= 2, "{messages:?}");
    }
}

#[test]
fn long_files_end_quickly() {
    let chain = "a -> ".repeat(20_000) + "a";
    assert_eq!(messages_in_small_stack(network(&chain)), [""; 0]);
    assert_eq!(messages_in_small_stack("M = a; ".repeat(20_000)), [""; 0]);
    assert_eq!(messages_in_small_stack(";".repeat(2000)).len(), 1);
    assert_eq!(messages_in_small_stack("N: 3x8x8 -> 10; head ".to_owned() + &";".repeat(2000)).len(), 2000);
}

/// What `macro_rules!` does to a captured fragment.
fn invisible(source: &str) -> TokenStream {
    let inner = TokenStream::from_str(source).expect("tokens");
    TokenTree::Group(Group::new(Delimiter::None, inner)).into()
}

#[test]
fn invisible_groups_are_looked_through() {
    let source = |name: TokenStream, size: TokenStream, value: TokenStream| quote::quote!(#name: #size -> 10; head a(#value * 2) -> b;);
    let mut errors = Diagnostics::default();
    let captured = parse(source(invisible("N"), invisible("3x8x8"), invisible("1 + n")), &mut errors);
    let plain = parse_str("N: 3x8x8 -> 10; head a((1 + n) * 2) -> b;", &mut errors);
    assert_eq!(captured, plain);
    let captured = parse(quote::quote!(N = a), &mut errors);
    drop(captured);
    assert_eq!(errors.into_vec().len(), 1);
}

fn token() -> impl Strategy<Value = TokenTree> {
    let words = [
        "stem", "body", "head", "where", "block", "use", "pub", "add", "if", "else", "for", "in", "let", "tap", "from",
        "aux", "custom", "as", "tensor", "a", "N", "true", "crate",
    ];
    let puncts = "->=;:,.*@?#$<!&|+".chars().collect::<Vec<_>>();
    let numbers = ["1", "3x8x8", "12M", "0.5", "3y", "\"a{i}\"", "\"b\"", "'c'"];
    let token = prop_oneof![
        4 => prop::sample::select(words.to_vec()).prop_map(|word| Ident::new(word, Span::call_site()).into()),
        4 => (prop::sample::select(puncts), any::<bool>()).prop_map(|(char, joint)| {
            Punct::new(char, if joint { Spacing::Joint } else { Spacing::Alone }).into()
        }),
        2 => prop::sample::select(numbers.to_vec())
            .prop_map(|text| Literal::from_str(text).expect("literal").into()),
    ];
    token.boxed()
}

fn tree() -> impl Strategy<Value = TokenTree> {
    token().boxed().prop_recursive(5, 60, 8, |inner| {
        let delimiters = [Delimiter::Parenthesis, Delimiter::Brace, Delimiter::Bracket, Delimiter::None];
        (prop::sample::select(delimiters.to_vec()), prop::collection::vec(inner, 0..8))
            .prop_map(|(delimiter, inner)| Group::new(delimiter, inner.into_iter().collect()).into())
    })
}

const VALID: &str = "use zoo::basic; pub block b(out, tensor p, s = 1) { let m = out / 4; add { { c1: conv(m, 3, s) -> bn }; \
    if s != 1 || in.channels != out { conv(out, 1) } else { identity }; for k in [1, 3] { pool(k); } } -> relu } \
    #[derive(Debug)] pub Net(n = 10): 3x32x32 -> n; stem c: conv(64, 7) @ 64x8x8 -> tap s[0]; body \"l{i}\": { b(1) * 3 @ ? }; \
    aux { gap }; x -> from s[0]; head custom a::B(1) -> fc: linear(n); where params <= 12M, macs < 2G; M = Net(n = 3): 3x8x8;";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_tokens_are_read(trees in prop::collection::vec(tree(), 0..40)) {
        let mut errors = Diagnostics::default();
        let file = parse(trees.into_iter().collect(), &mut errors);
        print(&file);
    }

    #[test]
    fn any_text_is_read(text in "[-a-z0-9 (){}\\[\\];:,.>=\"@*]{0,120}") {
        let mut errors = Diagnostics::default();
        print(&parse_str(&text, &mut errors));
    }

    #[test]
    fn one_slip_is_no_cascade(at in 0..1000usize, with in prop::option::of(token()), delete: bool) {
        let tokens: Vec<_> = TokenStream::from_str(VALID).expect("tokens").into_iter().collect();
        let mut slips = 0;
        let tokens = slip(tokens, &mut (at as isize), &with, delete, &mut slips);
        let mut errors = Diagnostics::default();
        let file = parse(tokens, &mut errors);
        let errors = errors.into_vec();
        prop_assert!(errors.len() <= 3, "{errors:#?}");
        prop_assert!(!errors.is_empty() || file.lost.is_empty());
    }
}

/// Changes the token at a position, counted through all brackets.
fn slip(
    tokens: Vec<TokenTree>,
    at: &mut isize,
    with: &Option<TokenTree>,
    delete: bool,
    slips: &mut usize,
) -> TokenStream {
    let mut changed = Vec::new();
    for tree in tokens {
        *at -= 1;
        if *at == 0 {
            *slips += 1;
            changed.extend(with.clone());
            if delete {
                continue;
            }
        }
        changed.push(match tree {
            TokenTree::Group(group) => {
                let inner = slip(group.stream().into_iter().collect(), at, with, delete, slips);
                Group::new(group.delimiter(), inner).into()
            }
            tree => tree,
        });
    }
    changed.into_iter().collect()
}

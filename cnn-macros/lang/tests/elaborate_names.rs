//! Names of parameters: every rule of docs/language.md.

mod common;

use common::{graph, lines, names};

/// Weights of a network, `.weight` left away.
fn weights(chains: &str) -> String {
    let source = format!(
        "block unit(out = 2) {{ conv(out, 1) -> bn: bn -> conv: conv(2, 1) }}\nN: 2x8x8 -> [2, 8, 8]; {chains}"
    );
    let all = names(&source);
    let weights: Vec<&str> = all.iter().filter_map(|name| name.strip_suffix(".weight")).collect();
    weights.join(" ")
}

const RULES: &[(&str, &str, &str)] = &[
    ("an unlabelled layer takes the next number of its section", "stem conv(2, 1) -> conv(2, 1);", "stem.0 stem.1"),
    ("layers without parameters count", "stem conv(2, 1) -> relu -> conv(2, 1);", "stem.0 stem.2"),
    ("each section counts by itself", "stem conv(2, 1); body conv(2, 1); head conv(2, 1);", "stem.0 body.0 head.0"),
    ("chains of a section count on", "body conv(2, 1); conv(2, 1);", "body.0 body.1"),
    ("a label stands at the root", "stem a: conv(2, 1);", "a"),
    ("labelled layers use up no number", "stem conv(2, 1) -> a: conv(2, 1) -> conv(2, 1);", "stem.0 stem.1 a"),
    ("a label opens a scope", "stem a: { conv(2, 1) -> b: conv(2, 1) };", "a.0 a.b"),
    ("a label goes on where it stopped", "stem a: { conv(2, 1) }; body a: { conv(2, 1) };", "a.0 a.1"),
    ("it goes on inside one chain too", "stem a: { conv(2, 1) } -> b: conv(2, 1) -> a: { conv(2, 1) };", "a.0 a.1 b"),
    ("a block call opens a scope under its number", "stem unit;", "stem.0.0 stem.0.bn stem.0.conv"),
    ("a block call opens a scope under its label", "stem u: unit;", "u.0 u.bn u.conv"),
    ("calls count", "stem a: { unit -> relu -> unit };", "a.0.0 a.0.bn a.0.conv a.2.0 a.2.bn a.2.conv"),
    ("bare braces add no level", "stem conv(2, 1) -> { conv(2, 1) -> { conv(2, 1) } };", "stem.0 stem.1 stem.2"),
    ("branches add no level", "stem a: add { conv(2, 1); { conv(2, 1) -> conv(2, 1) }; };", "a.0 a.1 a.2"),
    ("loops add no level", "stem a: { for i in 0..3 { conv(2, 1) } };", "a.0 a.1 a.2"),
    ("loops of branches add no level", "stem a: add { for i in 0..2 { conv(2, 1); relu; } };", "a.0 a.2"),
    ("repeats add no level", "stem { conv(2, 1) -> relu } * 2;", "stem.0 stem.2"),
    ("a label in front of a repeat is the scope of its copies", "stem a: conv(2, 1) * 2;", "a.0 a.1"),
    ("so it is for one copy", "stem a: conv(2, 1) * 1;", "a.0"),
    ("what an `if` leaves out counts nothing", "stem if false { conv(2, 1) } -> conv(2, 1);", "stem.0"),
    ("a missing `else` counts nothing", "stem a: add { { if false { relu } }; conv(2, 1); };", "a.0"),
    ("a written `identity` counts", "stem a: add { identity; conv(2, 1); };", "a.1"),
    ("`else` counts on", "stem if false { relu } else { conv(2, 1) } -> conv(2, 1);", "stem.0 stem.1"),
    ("labels hold numbers", "stem { for i in 1..=2 { \"b{i}-{i * i}\": conv(2, 1) } };", "b1-1 b2-4"),
    ("braces in a label are doubled", "stem \"a{{}}\": conv(2, 1);", "a{}"),
    ("taps count nothing", "stem tap t -> conv(2, 1) -> from t -> conv(2, 1);", "stem.0 stem.1"),
    ("aux adds no level", "stem aux { conv(2, 1) } -> conv(2, 1);", "stem.0 stem.1"),
    ("its label is a scope", "stem a: aux { conv(2, 1) } -> conv(2, 1);", "a.0 stem.0"),
    ("a section's word can be a label", "stem stem: { conv(2, 1) } -> conv(2, 1);", "stem.0 stem.1"),
    ("a scope's place is that of its first step", "stem a: { relu } -> conv(2, 1) -> a: { conv(2, 1) };", "a.1 stem.0"),
    ("so is a section's", "stem b: conv(2, 1) -> conv(2, 1) -> a: { c: conv(2, 1) };", "b stem.0 a.c"),
    ("scopes below a scope too", "stem a: { b: relu -> c: conv(2, 1) -> b: conv(2, 1) };", "a.b a.c"),
    ("a label may have nothing to name", "stem a: relu -> a: tanh -> a: conv(2, 1);", "a"),
];

/// A parameter without a layer around it is called as its step, and comes before the layers beside it.
#[test]
fn bare_parameters_belong_to_the_scope_around() {
    let source = "N: 2x4x4 -> 2x4x4; body a: { c: { conv(2, 1) } -> scale: affine(bias = false, bare = true) -> relu }
        -> affine(bias = false, bare = true) -> last: affine(bias = false, bare = true);";
    let graph = cnn_lang::load(source, None).unwrap();
    let names: Vec<String> = graph.tensors().into_iter().map(|(name, t)| format!("{name} {:?}", t.shape)).collect();
    let expected =
        ["last [2, 1, 1]", "a.scale [2, 1, 1]", "a.c.0.weight [2, 2, 1, 1]", "a.c.0.bias [2]", "body.0 [2, 1, 1]"];
    assert_eq!(names, expected);
    let twice = "N: 2x4x4 -> 2x4x4; body a: affine(bias = false, bare = true) -> a: affine(bias = false, bare = true);";
    let mistakes = cnn_lang::load(twice, None).unwrap_err();
    assert_eq!(mistakes[0].message, "two parameters would be named `a`");
}

#[test]
fn rules() {
    for (rule, chains, expected) in RULES {
        assert_eq!(weights(chains), *expected, "{rule}");
    }
}

#[test]
fn tensors_come_in_the_order_and_with_the_names_of_pytorch() {
    let all = names("N: 2x8x8 -> 3; stem c: conv(4, 3) -> b: bn; head gap -> fc: linear(3);");
    let expected =
        "c.weight c.bias b.weight b.bias b.running_mean b.running_var b.num_batches_tracked fc.weight fc.bias";
    assert_eq!(all.join(" "), expected);
}

#[test]
fn auxiliary_outputs_are_named() {
    let chains = "a: { b: aux { gap -> linear(3) } } -> aux { gap -> linear(3) }";
    let net = graph(&format!("N: 2x8x8 -> [2, 8, 8]; body {chains};"));
    let named: Vec<&str> = net.auxiliary.iter().map(|aux| aux.name.as_str()).collect();
    assert_eq!(named, ["a.b", "aux2"]);
}

const CLASHES: &[(&str, &str)] = &[
    (
        "a: conv(2, 1) -> a: conv(2, 1)",
        "2:21 two parameters would be named `a.weight` | give one of the two steps another label",
    ),
    (
        "a: conv(2, 1) -> a: { b: { conv(2, 1) } }",
        "2:28 `a.b.0` would stand below `a`, which is a layer with parameters of its own | give one of the two another label",
    ),
    (
        "a: { b: { conv(2, 1) } } -> a: conv(2, 1)",
        "2:32 `a` holds other parameters already, so it cannot be a layer | give one of the two another label",
    ),
    ("\"0\": conv(2, 1) -> { conv(2, 1) }", ""),
    (
        "a: { \"0\": conv(2, 1) -> conv(2, 1) }",
        "2:25 two parameters would be named `a.0.weight` | give one of the two steps another label",
    ),
    ("\"a-b\": relu -> a_b: relu", "2:16 the labels `a-b` and `a_b` are one field `a_b` in Rust | rename one of them"),
    ("a: { _0: relu -> relu }", "2:18 the labels `_0` and `0` are one field `_0` in Rust | rename one of them"),
    (
        "\"type\": relu -> _type: relu",
        "2:17 the labels `type` and `_type` are one field `_type` in Rust | rename one of them",
    ),
    ("\"{0.5}\": relu", "2:1 `0.5` cannot be a label | a label is one level of a name: nest labels for `a.b`"),
    ("\"{[1]}\": relu", "2:1 a label holds numbers, not a list ([1])"),
    // Nothing follows from a label that is not known, and what is below it has its own names.
    (
        "\"{n}\": conv(2, 1) -> \"{n}\": conv(2, 1)",
        "2:1 `n` is not known here | make it an argument, or bind it where braces begin: `{ let n = …; … }`; 2:22 `n` is not known here | make it an argument, or bind it where braces begin: `{ let n = …; … }`",
    ),
];

#[test]
fn clashes() {
    for (chain, expected) in CLASHES {
        let source = format!("N: 2x8x8 -> 2x8x8; body\n{chain};");
        let found: Vec<String> = lines(&source);
        assert_eq!(found.join("; "), *expected, "{chain}");
    }
}

//! Messages of elaboration with their places, and that nothing follows from a mistake but its own message.

mod common;

use cnn_lang::elaborate::closure;
use cnn_lang::syntax::print;
use cnn_lang::{compile_str, load};
use common::{graph, line, lines};

/// A source and its errors, one a line.
const SOURCES: &[(&str, &[&str])] = &[
    // Arguments.
    (
        "N: 3x8x8 -> 10; head gap -> linear;",
        &["1:29 linear needs `out` | write linear(out, bias = true, pixelwise = false)"],
    ),
    (
        "N: 3x8x8 -> 10; head gap -> linear(10, bais = true);",
        &["1:40 linear has no argument `bais` | did you mean `bias`?"],
    ),
    (
        "N: 3x8x8 -> 10; head gap(3) -> linear(10);",
        &["1:26 gap takes no arguments, 1 given | leave the parentheses out"],
    ),
    (
        "N: 3x8x8 -> 10; body conv(8, 3, pad = \n-1); head gap -> linear(10);",
        &["2:1 conv's pad must be at least 0, this is -1"],
    ),
    (
        "N: 3x8x8 -> 10; body conv(8, 3, pad = [1, 2, 3]); head gap -> linear(10);",
        &[
            "1:39 conv's pad must be `n`, `[height, width]`, `[top, bottom, left, right]` or `same`, this is a list ([1, 2, 3])",
        ],
    ),
    (
        "N: 3x8x8 -> 10; body conv(3G, 3); head gap -> linear(10);",
        &["1:27 conv's out must be at most 2147483648, this is 3000000000"],
    ),
    (
        "N: 3x8x8 -> 10; body dropout(1.0); head gap -> linear(10);",
        &["1:30 dropout's p must be at least 0 and below 1, this is 1"],
    ),
    (
        "N: 3x8x8 -> 10; body upsample(2, mode = biliner); head gap -> linear(10);",
        &["1:41 upsample's mode must be nearest or bilinear, not `biliner` | did you mean `bilinear`?"],
    ),
    (
        "N: 3x8x8 -> 10; body conv(8, 3, pad = sam); head gap -> linear(10);",
        &["1:39 conv's pad must be numbers or `same`, not `sam` | did you mean `same`?"],
    ),
    // Blocks and their tensors.
    (
        "block b(tensor t, out) { from t -> conv(out, 1) } N: 3x8x8 -> 10; body tap a -> b(4, a); head gap -> linear(10);",
        &[
            "1:83 b's `t` is a tensor: it takes a tap | name the tensor with `tap t` and write `t = t`",
            "1:86 `a` is not known here | make it an argument, or bind it where braces begin: `{ let a = …; … }`",
        ],
    ),
    (
        "block b(tensor t) { from t } N: 3x8x8 -> 10; body tap a -> b(c); head gap -> linear(10);",
        &["1:62 no tap `c` here | did you mean `a`?"],
    ),
    (
        "N: 3x8x8 -> 10; body tap early -> tap late[2] -> from other -> gap; head linear(10);",
        &["1:55 no tap `other` here | the taps here: early, late[2]"],
    ),
    (
        "N: 3x8x8 -> 10; head from a -> gap -> linear(10);",
        &["1:27 no tap `a` here | name a tensor with `tap` first; a block sees only the taps that are passed to it"],
    ),
    // A later tap behind an unknown condition may be there or not: silence.
    (
        "N: 3x8x8 -> 10; body if x { tap a }; head from a -> gap -> linear(10);",
        &["1:25 `x` is not known here | make it an argument, or bind it where braces begin: `{ let x = …; … }`"],
    ),
    // Networks and instances.
    (
        "N(n): 3x8x8 -> n; head gap -> linear(n);",
        &["1:3 the network's argument `n` needs a default | write `n = …`: a network is checked with its defaults"],
    ),
    ("N(tensor t): 3x8x8 -> 3; head gap;", &["1:10 a network has no tensor parameters, only blocks do"]),
    (
        "N(n = in.channels): 3x8x8 -> 3; head gap;",
        &[
            "1:10 no tensor arrives at the arguments of a network | `in.channels` has a value in steps and in blocks: write a number here",
        ],
    ),
    (
        "N: 3x8 -> 3; head gap;",
        &[
            "1:4 a size is `channels x height x width` or a count, this is [3, 8] | write for example 3x224x224; every number is at least 1",
        ],
    ),
    ("M: 3x8x8 -> 3; head gap; N = M(3);", &["1:32 `M` takes no arguments, 1 given | leave the parentheses out"]),
    (
        "M: 3x8x8 -> 3; head gap; N = M: 4x8x8;",
        &[
            "1:33 `M` should deliver 3, but its last step delivers 4 | end with `linear(3)`, or change the header | in M",
        ],
    ),
    (
        "M(n = 3): 3x8x8 -> n; head gap -> linear(n); N = M(n = 0);",
        &[
            "1:56 a size is `channels x height x width` or a count, this is 0 | write for example 3x224x224; every number is at least 1 | in M",
        ],
    ),
    (
        "block b() { relu } N = b;",
        &["1:24 `b` is a block, not a network | blocks are called inside a network: `body basic(64);`"],
    ),
    // The definition's own mistake is not repeated at its instances, in whatever order.
    (
        "N = M: 3x9x9; M: 3x8x8 -> 3; head gap -> linear(4); P = M;",
        &["1:42 `M` should deliver 3, but its last step delivers 4 | end with `linear(3)`, or change the header"],
    ),
    (
        "A = N; N = M; M = N;",
        &["1:12 `N` is an instance of itself: N -> M -> N | one of them must name a network with sections"],
    ),
    // Auxiliary outputs.
    ("N: 3x8x8 -> 3; body aux { relu -> aux { gap } }; head gap;", &["1:35 an auxiliary output cannot hold another"]),
    // Joins.
    (
        "N: 3x8x8 -> 3; body add { if false { relu; } }; head gap;",
        &["1:21 add joins no branches: every `if` or `for` in it came to nothing"],
    ),
    // Custom modules.
    (
        "N: 3x8x8 -> 3; body custom a::b(k = 3); custom c::D(0.5); conv(3, 1); head gap -> custom e @ 4;",
        &[
            "1:33 a custom module has no argument `k` | its arguments are the const arguments of its type, in their order: `custom Attention(64, 4)`",
            "1:53 a custom module takes integers and booleans, this is a float",
        ],
    ),
    // Limits.
    (
        "N: 3x8x8 -> 3; head gap; where macs > 0;",
        &["1:39 macs = 0, which is not > 0 | change the network or the limit"],
    ),
    ("N: 3x8x8 -> 3; head gap; where params <= true;", &["1:42 a limit is a number, this is a boolean (true)"]),
    (
        "N: 3x8x8 -> 3; head gap; where params <= in.channels;",
        &["1:45 no tensor arrives at a limit | `in.channels` has a value in steps and in blocks: write a number here"],
    ),
    (
        "N(n = 5): 3x8x8 -> n; head gap -> fc: linear(n); where params <= 3 * n;",
        &["1:66 params = 20, which is not <= 15 | the most come from fc linear (20)"],
    ),
    // Names of definitions.
    (
        "block a() { relu } block a() { relu } N: 3x8x8 -> 3; head gap -> a;",
        &["1:26 `a` is defined twice | rename one of them, or import it `as` another name"],
    ),
    ("N: 3x8x8 -> 3; head batch_norm -> gap;", &["1:21 no layer or block `batch_norm` | here it is named `bn`"]),
    // An error behind an unknown tensor is silent, behind an `@` it is not.
    (
        "N: 3x8x8 -> 3; body cnov(3) -> conv(8, 99) -> linear(3); head gap;",
        &["1:21 no layer or block `cnov` | did you mean `conv`?"],
    ),
    (
        "N: 3x8x8 -> 3; body cnov(3) @ 3x8x8 -> conv(8, 99); head gap;",
        &[
            "1:21 no layer or block `cnov` | did you mean `conv`?",
            "1:48 conv's window covers 99 of the height, but its input 8x8 has 8 | make the kernel at most 8, add padding, or shrink the input less before it",
        ],
    ),
    // A block is wrong once, however often it is called.
    (
        "block b(n) { conv(n, 9) } N: 3x8x8 -> 3; body b(1) @ 3x8x8 -> { b(2) @ 3x8x8 } * 3; head gap;",
        &[
            "1:22 conv's window covers 9 of the height, but its input 8x8 has 8 | make the kernel at most 8, add padding, or shrink the input less before it | in b(1), called `body.0` | also in b(2), called `body.1` | also in b(2), called `body.2` | also in 1 more call",
        ],
    ),
];

#[test]
fn messages() {
    let mut wrong = String::new();
    for (source, expected) in SOURCES {
        let found = lines(source);
        if found != *expected {
            wrong += &format!("{source}\n  found    {found:#?}\n  expected {expected:#?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn imports_are_shown_at_the_call() {
    let source = "use far::b { block inner(n) { conv(n, 9) } block b(n = 4) { inner(n) -> rleu } }
N: 3x8x8 -> 3;
body b @ 3x8x8 -> b(5) @ 3x8x8;
head gap;";
    let window = "conv's window covers 9 of the height, but its input 8x8 has 8 | make the kernel at most 8, add padding, or shrink the input less before it";
    let expected = [
        format!("3:6 {window} | in inner(4), called `body.0.0` | in b, called `body.0`"),
        format!("3:19 {window} | in inner(5), called `body.1.0` | in b(5), called `body.1`"),
    ];
    assert_eq!(lines(source), expected);
}

#[test]
fn a_definition_that_is_missing_is_no_mistake_of_the_text() {
    let program = compile_str("use far::b; N: 3x8x8 -> 3; body b; head gap;");
    assert_eq!(program.errors.iter().map(line).collect::<Vec<_>>(), [""; 0]);
    let error = load("use far::b; N: 3x8x8 -> 3; body b; head gap;", None).expect_err("no graph");
    assert_eq!(
        line(&error[0]),
        "1:13 N needs far::b, which the source does not hold | carry the definition: `use path::name { … }`"
    );
    let error = load("N: 3x8x8 -> 3; head gap;", Some("M")).expect_err("no graph");
    assert!(line(&error[0]).ends_with("no network `M` in the source, there are N"));
    assert!(line(&load("", None).expect_err("none")[0]).ends_with("the source defines no network"));
}

/// Sources whose last network uses much of the language.
const NETWORKS: [&str; 5] = [
    "block unused() { relu } block b(n, k = n + 1) { { conv(n, 1) -> conv(k, 1) } } N(n = 4): 3x8x8 -> 7; body b(n) * 2; head gap -> linear(7);",
    "block c(tensor t, n) { add { conv(n, 1); from t -> conv(n, 1); } } N: 3x8x8 -> 3; stem tap a[0] -> relu; body c(a[0], 3); head gap;",
    "M(n = 3, w = [4, 5]): 3x8x8 -> n; stem { for x in w { conv(x, 1) } }; head gap -> linear(n); P = M(n = 4); N = P(w = [2]): 3x6x6 where params <= 1K;",
    "use far::M { block b() { relu } M: 3x8x8 -> 3; head b -> gap; } block b() { tanh } N = far::M: 3x4x4;",
    "use far::b as c { block a() { tanh } block b(tensor t) { a -> add { identity; from t; } } } block a() { relu } N: 3x8x8 -> 3; stem tap s -> a; body c(s) -> aux { gap }; head gap;",
];

#[test]
fn the_source_of_a_network_stands_alone() {
    for source in NETWORKS {
        let program = compile_str(source);
        let whole = graph(source);
        let alone = print(&closure(&program.file, "N"));
        assert!(!alone.contains("unused"), "{alone}");
        assert_eq!(graph(&alone), whole, "{alone}");
    }
}

#[test]
fn joins_taps_and_instances_make_the_graph_that_is_written() {
    let edges = |source: &str| {
        let net = graph(source);
        let node = |(index, node): (usize, &cnn_lang::graph::Node)| {
            let inputs: Vec<String> = node.inputs.iter().map(|input| input.0.to_string()).collect();
            format!("{index}={}({})", node.op.keyword(), inputs.join(","))
        };
        net.nodes.iter().enumerate().map(node).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(edges(NETWORKS[1]), "0=input() 1=relu(0) 2=conv(1) 3=conv(0) 4=add(2,3) 5=gap(4)");
    assert_eq!(edges(NETWORKS[2]), "0=input() 1=conv(0) 2=gap(1) 3=linear(2)");
    assert_eq!(edges(NETWORKS[3]), "0=input() 1=relu(0) 2=gap(1)");
    assert_eq!(edges(NETWORKS[4]), "0=input() 1=relu(0) 2=tanh(1) 3=identity(2) 4=add(3,0) 5=gap(4) 6=gap(4)");
    // A later tap of a name replaces the earlier one, one branch is no join, an empty `if` is the tensor itself.
    let chain = "tap a -> relu -> tap a -> tanh -> add { { if false { relu } }; from a; } -> concat { silu; }";
    assert_eq!(edges(&format!("N: 3 -> 3; body {chain};")), "0=input() 1=relu(0) 2=tanh(1) 3=add(2,1) 4=silu(3)");
    let net = graph(NETWORKS[4]);
    assert_eq!((net.output.0, net.features.0, net.head, net.auxiliary[0].output.0), (6, 4, 6, 5));
}

//! Networks that nobody means: an answer within a second, errors inside the source, never a panic.

use std::time::{Duration, Instant};

use cnn_lang::compile_str;
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[path = "common/pieces.rs"]
mod pieces;

/// A second and the patience of a machine that does something else at the same time.
const LONGEST: Duration = Duration::from_secs(8);

/// Compiles in a thread with Rust's own stack; every error must stand in the text.
fn compile(source: &str) -> Duration {
    let text = source.to_owned();
    let start = Instant::now();
    let work = move || {
        let program = compile_str(&text);
        let lines: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        for error in &program.errors {
            let (first, last) = (error.span.first.start(), error.span.last.end());
            let inside = |line: usize, column: usize| {
                line <= lines.len() + 1 && column <= lines.get(line - 1).map_or(0, |n| *n) + 1
            };
            assert!(inside(first.line, first.column) && inside(last.line, last.column), "{error:?}\n{text}");
            assert!(!error.message.is_empty() && error.message.len() < 2000 && error.notes.len() < 12, "{error}");
        }
        for network in &program.networks {
            assert!(network.graph.is_none() || program.errors.len() < 1000);
            if let Some(graph) = &network.graph {
                assert_eq!(graph.nodes.len(), network.spans.len());
                // Whatever elaborates can be shown, costed and named.
                let names = graph.names();
                let mut unique = names.clone();
                unique.sort();
                unique.dedup();
                assert_eq!(unique.len(), names.len(), "{text}");
                if graph.nodes.len() < 2000 {
                    let _ = (graph.table(), graph.receptive_fields());
                }
            }
        }
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).expect("a thread");
    thread.join().unwrap_or_else(|_| panic!("no panic\n{source}"));
    start.elapsed()
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => (0i64..20).prop_map(|n| n.to_string()),
        1 => select(vec!["n", "m", "in.channels", "in.height", "-1", "100000", "2147483648", "9223372036854775807", "0.5", "same"]).prop_map(str::to_owned),
        1 => select(vec!["n * 2", "n / m", "[1, 2]", "0..3", "1x3", "n + 100000", "divisible(n, m)", "if n > 2 { 1 } else { m }", "len(0..n)"]).prop_map(str::to_owned),
    ]
}

fn layer() -> impl Strategy<Value = String> {
    let keywords: Vec<&'static str> = cnn_lang::graph::LAYERS.iter().map(|layer| layer.keyword).collect();
    let any = (select(keywords), prop::collection::vec(number(), 0..4)).prop_map(|(word, args)| {
        if args.is_empty() { word.to_owned() } else { format!("{word}({})", args.join(", ")) }
    });
    let likely = select(vec![
        "conv(8, 3, pad = 1)",
        "conv(4, 1)",
        "bn",
        "relu",
        "maxpool(2)",
        "identity",
        "gap",
        "flatten",
        "linear(10)",
        "unit(4)",
        "unit(8, 2)",
        "cell(a, 4)",
        "cell(prev = a, out = n)",
        "tap a",
        "from a",
        "tap s[n]",
        "from s[1]",
        "deep(3)",
        "deep(n)",
    ]);
    prop_oneof![2 => any, 3 => likely.prop_map(str::to_owned)]
}

fn chain() -> impl Strategy<Value = String> {
    let labels = select(vec!["", "", "", "", "a: ", "b: ", "\"c{n}\": ", "\"0\": ", "type: "]);
    let ends = prop_oneof![
        6 => Just(String::new()),
        1 => number().prop_map(|n| format!(" * {}", if n.contains(' ') { format!("({n})") } else { n })),
        1 => select(vec![" @ 8x8x8", " @ [in.channels, in.height, in.width]", " @ ?", " @ [4]"]).prop_map(str::to_owned),
    ];
    let ends_too = ends.clone();
    let step = (labels.clone(), layer(), ends).prop_map(|(label, step, end)| format!("{label}{step}{end}"));
    let leaf = prop::collection::vec(step, 1..4).prop_map(|steps| steps.join(" -> "));
    leaf.prop_recursive(5, 24, 4, move |inner| {
        let nested = prop_oneof![
            inner.clone().prop_map(|chain| format!("{{ {chain} }}")),
            (number(), inner.clone()).prop_map(|(n, chain)| format!("{{ let k{} = {n}; {chain} }}", chain.len())),
            (select(vec!["add", "concat", "mul"]), prop::collection::vec(inner.clone(), 1..3))
                .prop_map(|(word, chains)| format!("{word} {{ {}; }}", chains.join("; "))),
            (number(), inner.clone())
                .prop_map(|(n, chain)| format!("if in.channels > {n} {{ {chain} }} else {{ relu }}")),
            (number(), inner.clone()).prop_map(|(n, chain)| format!("for i{} in 0..{n} {{ {chain} }}", chain.len())),
            inner.clone().prop_map(|chain| format!("aux {{ {chain} }}")),
        ];
        let step =
            (labels.clone(), nested, ends_too.clone()).prop_map(|(label, step, end)| format!("{label}{step}{end}"));
        (step, inner).prop_map(|(step, rest)| format!("{step} -> {rest}"))
    })
}

const ZOO: [&str; 9] = [
    include_str!("../../../cnn-runtime/src/zoo/alexnet.rs"),
    include_str!("../../../cnn-runtime/src/zoo/densenet.rs"),
    include_str!("../../../cnn-runtime/src/zoo/efficientnet.rs"),
    include_str!("../../../cnn-runtime/src/zoo/lenet.rs"),
    include_str!("../../../cnn-runtime/src/zoo/mobilenet_v3.rs"),
    include_str!("../../../cnn-runtime/src/zoo/regnet.rs"),
    include_str!("../../../cnn-runtime/src/zoo/resnet.rs"),
    include_str!("../../../cnn-runtime/src/zoo/resnet_cifar.rs"),
    include_str!("../../../cnn-runtime/src/zoo/vgg.rs"),
];

const BLOCKS: &str = include_str!("../../../cnn-runtime/src/blocks.rs");

/// What stands between the braces of `define!`, with the shared block that it imports: the last of its file.
fn definitions(file: &str) -> String {
    let import = "use crate::blocks::squeeze_excite";
    between_braces(file).replace(&format!("{import};"), &format!("{import} {{ {} }}", between_braces(BLOCKS)))
}

fn between_braces(file: &str) -> &str {
    let start = file.find("define! {").expect("a define!") + "define! {".len();
    &file[start..file.rfind('}').expect("its end")]
}

#[test]
fn the_zoo_holds() {
    for file in ZOO {
        let program = compile_str(&definitions(file));
        assert!(program.errors.is_empty() && !program.networks.is_empty(), "{:#?}", program.errors);
        assert!(program.networks.iter().all(|network| network.graph.is_some()));
    }
}

/// Loops up to the limits, of mistakes, of names and of calls inside calls.
#[test]
fn loops_end_soon() {
    let sources = [
        "N: 3x8x8 -> 10; stem for i in 0..100000 { conv -> conv }; head gap -> linear(10);",
        "N: 3x8x8 -> 10; stem for i in 0..40000 { tap t[i] -> from t[i + 1] }; head gap -> linear(10);",
        "N: 3x8x8 -> 10; stem for i in 0..50000 { \"l{i}\": bn }; head gap -> linear(10);",
        "block u(n) { if n > 0 { relu -> u(n - 1) } } N: 3x8x8 -> 10; stem u(70) * 500; head gap -> linear(10);",
    ];
    for source in sources {
        let took = compile(source);
        let start = Instant::now();
        let rows = compile_str(source).networks[0].graph.as_ref().map_or(0, |graph| graph.rows().len());
        println!("{took:?}, {rows} rows of the table {:?}: {source}", start.elapsed());
        assert!(took < LONGEST && start.elapsed() < LONGEST, "{source}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_networks(chains in prop::collection::vec(chain(), 1..4), block in chain(), n in number()) {
        let body = chains.join("; ");
        let source = format!(
            "block unit(out, stride = 1) {{ conv(out, 3, stride, pad = 1) -> relu }}
             block cell(tensor prev, out) {{ add {{ conv(out, 1); from prev -> conv(out, 1); }} }}
             block deep(n) {{ if n > 0 {{ deep(n - 1) }} }}
             block own(n, m = 3) {{ {block} }}
             N(n = {n}, m = 2): 3x8x8 -> 10; stem tap a -> {body}; body own(n); head gap -> linear(10);
             I = N(n = 5): 4x16x16;"
        );
        let took = compile(&source);
        prop_assert!(took < LONGEST, "{took:?}\n{source}");
    }

    #[test]
    fn mutated_zoo(
        file in select(ZOO.to_vec()),
        edits in prop::collection::vec((any::<Index>(), any::<Index>(), 0..4, number()), 1..4),
    ) {
        let source = definitions(file);
        let mut words: Vec<&str> = pieces::pieces(&source);
        for (at, other, kind, number) in &edits {
            let (at, other) = (at.index(words.len()), other.index(words.len()));
            match kind {
                0 => words.swap(at, other),
                1 => drop(words.remove(at)),
                2 => words[at] = words[other],
                _ => words[at] = number,
            }
        }
        let source = words.concat();
        let took = compile(&source);
        prop_assert!(took < LONGEST, "{took:?}\n{source}");
    }
}

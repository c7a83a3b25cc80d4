//! `parse(print(file)) == file`, and what the canonical source looks like.

use cnn_lang::diag::{Diagnostics, Span};
use cnn_lang::syntax::ast::*;
use cnn_lang::syntax::{parse_str, print};
use proptest::collection::vec;
use proptest::prelude::*;

fn read(source: &str) -> File {
    let mut errors = Diagnostics::default();
    let file = parse_str(source, &mut errors);
    assert!(errors.is_empty(), "{source}\n{errors:#?}");
    file
}

/// Written as the printer writes.
const CANONICAL: &[&str] = &[
    "\
/// The residual unit. He et al. 2015, fig. 2.
pub block basic(out, stride = 1) {
    add {
        {
            conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
            -> conv2: conv(out, 3, pad = 1, bias = false) -> bn2: bn
        };
        { if stride != 1 || in.channels != out { downsample: { conv(out, 1, stride, bias = false) -> bn } } };
    } -> relu
}

/// ResNet-18. He et al. 2015, table 1.
pub ResNet18(classes = 1000): 3x224x224 -> classes;
stem conv1: conv(64, 7, stride = 2, pad = 3, bias = false) -> bn1: bn -> relu -> maxpool(3, stride = 2, pad = 1);
body layer1: { basic(64) -> basic(64) } @ 64x56x56;
     layer2: { basic(128, stride = 2) -> basic(128) } @ 128x28x28;
     layer3: { basic(256, stride = 2) -> basic(256) } @ 256x14x14;
     layer4: { basic(512, stride = 2) -> basic(512) } @ 512x7x7;
head gap -> fc: linear(classes);
where params <= 12M, macs <= 2.5G;
",
    "pub Pets = cnn_runtime::zoo::ResNet18(classes = 37): 3x128x128 where macs < 1.25M, params == 1000001;\n",
    "use ::a::b;\n\nuse $crate::zoo::b as c;\n\nuse a::c {\n    /// Docs\n    block x { relu }\n\n    N = x;\n}\n",
    "\
#[derive(Debug, Clone)]
#[cfg(feature = \"a\", not(b::c))]
pub(crate) N(n = [1, 2][0], s = (1, (2, 3))): [1, n, n] -> [n, 1, 1];
head a -> tap s -> from s[0] -> tap t[i + 1] -> b;
     for (i, (_, k)) in [(1, (2, 3))] { \"b{i}-{k + 1}{{}}\": conv(k) * n - 1 -> relu @ [n, in.height, in.width] };
     if a < b && !(c || d) { x } else if e { y } else { z @ ? } * -n;
     concat { a; if n { b; } else if m { c; } else { for i in 1..=n { d; e; }; }; type: f; };
     stem: body: head;
     aux { let m = if a { 1 } else if b { 2 } else { 3 }; let (p, q) = (a - (b - c), (a - b) - c); gap } -> add(1);
     choose { a -> b; choose { c; { let k = choose(3, choose(5, n) + 1); d }; } * choose(1, 2); } -> choose(1);
     custom a::B(1, k = 0.1) -> custom C -> \"in\": mul { identity; };
",
];

#[test]
fn canonical_sources_stay() {
    for &source in CANONICAL {
        let source = source.replace("     stem: body: head;\n", "     stem: { body: head(1) };\n");
        let source = source.replace("(a - b) - c", "a - b - c");
        assert_eq!(print(&read(&source)), source);
    }
}

#[test]
fn other_ways_to_write() {
    for (source, canonical) in [
        ("N: 3x8x8->10;head a()->\"b\":c(1,);", "N: 3x8x8 -> 10;\nhead a -> b: c(1);\n"),
        ("N: 3x8x8 -> 1_0; head a * (n-1)->b;", "N: 3x8x8 -> 10;\nhead a * n - 1 -> b;\n"),
        (
            "N: 3x8x8 -> n; head a * n->b * (n == 1) @ (n + 1);",
            "N: 3x8x8 -> n;\nhead a * n -> b * (n == 1) @ (n + 1);\n",
        ),
        (
            "N: [3, 8, 8] -> 12M; head a(2.5K, -(1), - -1, !!n, (-n)[0]);",
            "N: [3, 8, 8] -> 12000000;\nhead a(2500, -1, --1, !!n, (-n)[0]);\n",
        ),
        ("#[doc = \"a\\nb\"] #[doc = \"/c\"] M = a;", "///a\n///b\n#[doc = \"/c\"]\nM = a;\n"),
        (
            "block block(block) { block } block(n = 1): 3x8x8 -> 1; head head(1) -> add -> aux(1) -> from(2); use = a;",
            "block block(block) { block }\n\nblock(n = 1): 3x8x8 -> 1;\nhead head(1) -> add -> aux(1) -> from(2);\n\nuse = a;\n",
        ),
        (
            "N: 3x8x8 -> 1; stem a; b; Two(n = 1): [1, 2, 3] -> n; head a; where: b; r#type: c; where macs <= 1;",
            "N: 3x8x8 -> 1;\nstem a;\n     b;\n\nTwo(n = 1): [1, 2, 3] -> n;\nhead a;\n     where: b;\n     type: c;\nwhere macs <= 1;\n",
        ),
        ("", ""),
    ] {
        let text = print(&read(source));
        assert_eq!(text, canonical);
        assert_eq!(print(&read(&text)), text);
    }
}

fn here() -> Span {
    Span::call_site()
}

fn name() -> impl Strategy<Value = Ident> {
    let words = [
        "n", "out", "stem", "body", "head", "where", "block", "tensor", "add", "tap", "from", "aux", "custom", "type",
        "x3",
    ];
    prop::sample::select(words.to_vec()).prop_map(|name| Ident { name: name.to_owned(), span: here() })
}

/// The name of a block that is called: no keyword, since those are only names where no step can stand.
fn called() -> impl Strategy<Value = Ident> {
    prop::sample::select(vec!["conv", "relu", "add", "block", "tensor", "match", "choose"])
        .prop_map(|name| Ident { name: name.to_owned(), span: here() })
}

fn path() -> impl Strategy<Value = Path> {
    (0..3u8, vec(called(), 1..4)).prop_map(|(start, mut segments)| {
        let first = ["", "$crate"].get(usize::from(start));
        segments.splice(0..0, first.map(|first| Ident { name: (*first).to_owned(), span: here() }));
        Path { segments }
    })
}

fn binary_op() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::*;
    prop::sample::select(vec![Or, And, Eq, Ne, Lt, Le, Gt, Ge, Add, Sub, Mul, Div, Rem])
}

fn expr() -> impl Strategy<Value = Expr> + Clone {
    let leaf = prop_oneof![
        (0..=i64::MAX).prop_map(ExprKind::Int),
        (0..20i64).prop_map(|n| ExprKind::Int(n * 500_000)),
        prop::num::f64::POSITIVE.prop_filter_map("finite", |f| f.is_finite().then_some(ExprKind::Float(f))),
        any::<bool>().prop_map(ExprKind::Bool),
        (1..300i64, vec(0..300i64, 1..4)).prop_map(|(first, mut rest)| {
            rest.insert(0, first);
            ExprKind::Size(rest)
        }),
        name().prop_map(ExprKind::Name),
        name().prop_map(ExprKind::In),
    ]
    .prop_map(|kind| Expr { kind, span: here() });
    let nested = leaf.prop_recursive(4, 24, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(ExprKind::List),
            vec(inner.clone(), 2..4).prop_map(ExprKind::Tuple),
            (boxed.clone(), boxed.clone(), any::<bool>()).prop_map(|(start, end, inclusive)| ExprKind::Range {
                start,
                end,
                inclusive
            }),
            (boxed.clone(), boxed.clone()).prop_map(|(value, index)| ExprKind::Index(value, index)),
            (any::<bool>(), boxed.clone())
                .prop_map(|(neg, value)| ExprKind::Unary(if neg { UnaryOp::Neg } else { UnaryOp::Not }, value)),
            (binary_op(), boxed.clone(), boxed.clone()).prop_map(|(op, a, b)| ExprKind::Binary(op, a, b)),
            (boxed.clone(), boxed.clone(), boxed).prop_map(|(condition, then, otherwise)| ExprKind::If {
                condition,
                then,
                otherwise
            }),
            vec(inner.clone(), 1..4).prop_map(ExprKind::Choose),
            (name(), vec(inner, 0..3)).prop_map(|(function, args)| ExprKind::Call { function, args }),
        ]
        .prop_map(|kind| Expr { kind, span: here() })
    });
    nested.boxed()
}

fn args() -> impl Strategy<Value = Vec<Arg>> {
    (vec(expr(), 0..3), vec((name(), expr()), 0..2)).prop_map(|(positional, named)| {
        let positional = positional.into_iter().map(|value| Arg { name: None, value });
        positional.chain(named.into_iter().map(|(name, value)| Arg { name: Some(name), value })).collect()
    })
}

fn label() -> impl Strategy<Value = Label> {
    let text = prop_oneof![name().prop_map(|name| name.name), "[-a-z{}\"\\\\ é\u{1}]{1,6}", Just("in".to_owned())];
    let text = text.prop_map(LabelPiece::Text);
    let value = || expr().prop_map(LabelPiece::Expr);
    prop_oneof![
        3 => text.clone().prop_map(|text| vec![text]),
        1 => (text.clone(), value(), value(), text).prop_map(|(a, b, c, d)| vec![a, b, c, d]),
        1 => value().prop_map(|value| vec![value]),
    ]
    .prop_map(|pieces| Label { pieces, span: here() })
}

fn pattern() -> impl Strategy<Value = Pattern> {
    name()
        .prop_map(Pattern::Name)
        .prop_recursive(2, 6, 3, |inner| vec(inner, 2..4).prop_map(|parts| Pattern::Tuple(parts, here())))
}

fn postfix() -> impl Strategy<Value = Vec<Postfix>> {
    let assert = prop_oneof![expr().prop_map(Postfix::Assert), Just(Postfix::Ask(here()))];
    // Two repeats in a row read as one product.
    (prop::option::of(expr().prop_map(Postfix::Repeat)), vec(assert, 0..2))
        .prop_map(|(repeat, asserts)| repeat.into_iter().chain(asserts).collect())
}

fn choice<T: std::fmt::Debug + Clone + 'static>(
    body: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = If<T>> {
    let rest = prop_oneof![
        Just(None),
        body.clone().prop_map(|body| Some(Else::Body(body))),
        (expr(), body.clone(), prop::option::of(body.clone())).prop_map(|(condition, then, last)| {
            let otherwise = last.map(|last| Box::new(Else::Body(last)));
            Some(Else::If(If { keyword: here(), condition, then, otherwise }))
        }),
    ];
    (expr(), body, rest).prop_map(|(condition, then, rest)| If {
        keyword: here(),
        condition,
        then,
        otherwise: rest.map(Box::new),
    })
}

fn repeat<T: std::fmt::Debug>(body: impl Strategy<Value = T>) -> impl Strategy<Value = For<T>> {
    (pattern(), expr(), body).prop_map(|(pattern, list, body)| For { keyword: here(), pattern, list, body })
}

fn body(chain: impl Strategy<Value = Chain>) -> impl Strategy<Value = Body> {
    let binding = (pattern(), expr()).prop_map(|(pattern, value)| Let { pattern, value });
    (vec(binding, 0..2), chain).prop_map(|(lets, chain)| Body { lets, chain })
}

fn branches(chain: BoxedStrategy<Chain>) -> BoxedStrategy<Vec<Branch>> {
    // Directly in a join, `if` and `for` are branches themselves.
    let generates = |step: &Step| step.label.is_none() && matches!(step.primary, Primary::If(_) | Primary::For(_));
    let chain = chain.prop_filter("a branch, not steps", move |chain| !generates(&chain.steps[0]));
    let leaf = chain.prop_map(Branch::Chain).boxed();
    let branch = leaf.prop_recursive(2, 4, 2, |inner| {
        let inner = vec(inner, 1..3).boxed();
        prop_oneof![choice(inner.clone()).prop_map(Branch::If), repeat(inner).prop_map(Branch::For)]
    });
    vec(branch, 1..4).boxed()
}

fn chain() -> impl Strategy<Value = Chain> {
    let tap = || (name(), prop::option::of(expr())).prop_map(|(name, index)| TapRef { keyword: here(), name, index });
    let primary = prop_oneof![
        4 => (called(), args()).prop_map(|(name, args)| Primary::Call(Call { name, args, span: here() })),
        1 => tap().prop_map(Primary::Tap),
        1 => tap().prop_map(Primary::From),
        1 => (path(), args()).prop_map(|(path, args)| Primary::Custom(Custom { keyword: here(), path, args })),
    ];
    let steps = |primary: BoxedStrategy<Primary>| {
        let step = (prop::option::of(label()), primary, postfix());
        let step = step.prop_map(|(label, primary, postfix)| Step { label, primary, postfix });
        vec(step, 1..4).prop_map(|steps| Chain { steps }).boxed()
    };
    steps(primary.boxed()).prop_recursive(3, 16, 3, move |inner| {
        let braces = body(inner.clone()).boxed();
        let kind = prop::sample::select(vec![JoinKind::Add, JoinKind::Concat, JoinKind::Mul]);
        let options = vec(inner.clone(), 1..4).prop_map(|options| Primary::Choose(Choose { keyword: here(), options }));
        let join = (kind, branches(inner)).prop_map(|(kind, branches)| Join { kind, keyword: here(), branches });
        steps(
            prop_oneof![
                braces.clone().prop_map(Primary::Group),
                join.prop_map(Primary::Join),
                choice(braces.clone()).prop_map(Primary::If),
                repeat(braces.clone()).prop_map(Primary::For),
                braces.prop_map(|body| Primary::Aux(here(), body)),
                options,
            ]
            .boxed(),
        )
    })
}

fn header() -> impl Strategy<Value = Header> {
    let tokens = |text: &str| Tokens(text.parse().expect("tokens"));
    let attributes =
        vec![tokens("#[derive(Debug, Clone)]"), tokens("#[cfg(all(a = \"b\", not(c::d)), -1., 'x, &&y >>= = 2)]")];
    let visibility = vec![
        Visibility::Private,
        Visibility::Public,
        Visibility::Restricted(tokens("crate")),
        Visibility::Restricted(tokens("in a::b")),
    ];
    (vec("[ -~é]{0,20}", 0..3), prop::sample::subsequence(attributes, 0..=2), prop::sample::select(visibility))
        .prop_map(|(docs, attributes, visibility)| Header { docs, attributes, visibility })
}

fn limits() -> impl Strategy<Value = Vec<Limit>> {
    let op = binary_op().prop_filter("comparison", |op| op.precedence() == 3);
    vec((name(), op, expr()).prop_map(|(quantity, op, bound)| Limit { quantity, op, bound }), 0..3)
}

fn params() -> impl Strategy<Value = Vec<Param>> {
    let param = prop_oneof![
        name().prop_map(|name| Param { tensor: true, name, default: None }),
        (name(), prop::option::of(expr())).prop_map(|(name, default)| Param { tensor: false, name, default }),
    ];
    vec(param, 0..3)
}

fn item() -> impl Strategy<Value = Item> {
    let sections = prop::sample::subsequence(vec![SectionKind::Stem, SectionKind::Body, SectionKind::Head], 1..=3)
        .prop_flat_map(|kinds| (Just(kinds), vec(vec(chain(), 1..3), 3)));
    let sections = sections.prop_map(|(kinds, chains)| {
        let both = kinds.into_iter().zip(chains);
        both.map(|(kind, chains)| Section { kind, keyword: here(), chains }).collect::<Vec<_>>()
    });
    let incomplete = false;
    let network = (header(), called(), params(), expr(), expr(), sections, limits()).prop_map(
        move |(header, name, params, input, output, sections, limits)| {
            Item::Network(Network { header, name, params, input, output, sections, limits, incomplete })
        },
    );
    let block = (header(), name(), params(), body(chain()))
        .prop_map(move |(header, name, params, body)| Item::Block(Block { header, name, params, body, incomplete }));
    let instance = (header(), name(), path(), args(), prop::option::of(expr()), limits()).prop_map(
        move |(header, name, of, args, input, limits)| {
            Item::Instance(Instance { header, name, of, args, input, limits, incomplete })
        },
    );
    prop_oneof![network, block, instance].prop_recursive(2, 6, 2, |inner| {
        (path(), prop::option::of(name()), prop::option::of(vec(inner, 0..3)))
            .prop_map(|(path, alias, carried)| Item::Use(Use { path, alias, carried, span: here() }))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_printed_reads_the_same(items in vec(item(), 0..4)) {
        let file = File { items, ..File::default() };
        let text = print(&file);
        let mut errors = Diagnostics::default();
        let again = parse_str(&text, &mut errors);
        prop_assert!(errors.is_empty(), "{text}\n{errors:#?}");
        prop_assert_eq!(&again, &file, "{}", text);
        prop_assert_eq!(print(&again), text);
    }
}

//! Every message of the parser: what is wrong, where, and that nothing else is reported.

use cnn_lang::diag::Diagnostics;
use cnn_lang::syntax::ast::{File, Item};
use cnn_lang::syntax::parse_str;

fn read(source: &str) -> (File, Vec<String>) {
    let mut errors = Diagnostics::default();
    let file = parse_str(source, &mut errors);
    let line = |error: cnn_lang::diag::Diagnostic| {
        let start = error.span.first.start();
        format!("{}:{} {error}", start.line, start.column + 1).replace("\nhelp: ", " | ")
    };
    (file, errors.into_vec().into_iter().map(line).collect())
}

/// In the chain of a small network, whose own text takes one line before it.
const CHAINS: &[(&str, &str)] = &[
    ("a -> ;", "2:6 expected a step after `->`, found `;`"),
    (";", "2:1 expected a step after `head`, found `;`"),
    ("a; ;", "2:4 expected a step after `;`, found `;`"),
    ("a => b;", "2:3 expected `->` or `;`, found `=>` | steps are joined by `->`"),
    ("a b;", "2:3 expected `->` or `;`, found `b` | steps are joined by `->`"),
    ("a -> b", "2:6 expected `->` or `;`, found the end"),
    ("a -> 3;", "2:6 expected a step after `->`, found `3`"),
    (
        "zoo::a;",
        "2:4 expected `->` or `;`, found `::` | a step is one name: bring the definition here by `use path::name;`",
    ),
    (
        "{ };",
        "2:3 expected a step, found `}` | every path holds a step at least; `identity` changes nothing, and an `else` may be left out",
    ),
    (
        "{ a; };",
        "2:4 expected `->` or `}`, found `;` | braces hold one chain: join its steps by `->`, end it without `;`",
    ),
    ("{ let n 3; a };", "2:9 expected `=` after the name, found `3`"),
    ("{ let n = 3 a };", "2:13 expected `;` after the value, found `a`"),
    (
        "let n = 3;",
        "2:1 expected a step after `head`, found `let` | values are bound at the start of braces: `{ let n = 4; conv(n, 3) }`",
    ),
    ("a: b: c;", "2:4 a step takes one label | nest them: `outer: { inner: conv(64, 3) }`"),
    ("in: a;", "2:1 expected a label, found the reserved word `in` | write it as a text: `\"in\": …`"),
    ("\"\": a;", "2:1 empty label | steps without a label are numbered"),
    (
        "\"a.b\": c;",
        "2:1 a label is one level of a name and cannot hold `.` | nest labels for a.b: `a: { b: conv(64, 3) }`",
    ),
    ("\"a{i\": c;", "2:1 unbalanced `{` in a label | for the brace itself write `{{`"),
    ("\"a}\": c;", "2:1 unbalanced `}` in a label | for the brace itself write `}}`"),
    ("\"a{}\": c;", "2:1 expected a value, found `}`"),
    ("\"a{i j}\": c;", "2:1 expected `}` after the value, found `j`"),
    ("\"a{(}\": c;", "2:1 `{(}` in a label is no expression"),
    ("\"a\" c;", "2:5 expected `:` after the label, found `c`"),
    ("tap -> a;", "2:5 expected the name of a tap after `tap`, found `->`"),
    ("a -> from 3;", "2:11 expected the name of a tap after `from`, found `3`"),
    ("for in xs { a };", "2:5 expected a name, found the reserved word `in`"),
    ("for i of xs { a };", "2:7 expected `in` after the name, found `of`"),
    ("if n = 3 { a };", "2:6 expected `{`, found `=` | values are compared by `==`"),
    ("if n { a } else b;", "2:17 expected `{`, found `b`"),
    ("custom -> a;", "2:8 expected a path, found `->`"),
    ("add { };", "2:7 expected a branch, found `}` | the branch that changes nothing is `identity`"),
    ("add { a b; c; };", "2:9 expected `->` or `;`, found `b` | steps are joined by `->`"),
    (
        "add { if n { a; } -> b; };",
        "2:19 expected `;` after `if`, which makes branches here, found `->` | to go on after the steps of an `if` wrap it in braces: `{ if … } -> …`",
    ),
    ("add { for i in xs { a; } b; };", "2:26 expected `;` after the branch, found `b`"),
    ("conv(3, k = 2, 4);", "2:16 an argument by position after `k =` | arguments by position come first"),
    ("conv(3 4);", "2:8 expected `,` or `)`, found `4`"),
    ("conv(3, );", ""),
    ("conv(3,, 4);", "2:8 expected a value, found `,`"),
    (
        "conv(\"same\");",
        "2:6 expected a value, found a text | words stand without quotes: `same`; texts are for labels, before a `:`",
    ),
    ("conv(3f32);", "2:6 unknown suffix `f32` of the number 3 | numbers bear no type: write `3`"),
    (
        "conv(3y4);",
        "2:6 unknown suffix `y4` of the number 3 | sizes are written `3x224x224`, thousands, millions and billions `5K`, `12M`, `2G`",
    ),
    ("conv(0x10);", "2:6 `0x10` is a hexadecimal number | a size cannot begin with 0; other numbers are decimal"),
    (
        "conv(99999999999999999999);",
        "2:6 the number 99999999999999999999 is too large | the largest number is 9223372036854775807",
    ),
    ("conv(1 < 2 < 3);", "2:12 `<` after a comparison | write `a < b && b < c`"),
    ("conv(1..2..3);", "2:10 `..` after a range"),
    ("conv(1 +);", "2:9 expected a value, found `)`"),
    ("conv((1,));", "2:9 expected a value after `,`, found `)` | a tuple holds two values at least"),
    ("conv(in);", "2:8 expected `.channels`, `.height` or `.width` after `in`, found `)`"),
    ("conv(if a { 1 });", "2:16 expected `else`, found `)` | an `if` in an expression needs a value in every case"),
    ("a @ -> b;", "2:5 expected a value, found `->`"),
    ("a * -> b;", "2:5 expected a value, found `->`"),
];

#[test]
fn mistakes_in_chains() {
    for (chain, expected) in CHAINS {
        let (file, errors) = read(&format!("N: 3x8x8 -> 10; head\n{chain}"));
        assert_eq!(errors.join("\n"), *expected, "{chain}");
        let [Item::Network(net)] = file.items.as_slice() else { panic!("{chain}: network lost") };
        assert_eq!(net.incomplete, !expected.is_empty(), "{chain}");
        assert_eq!(net.sections.len(), 1, "{chain}");
    }
}

/// A whole file each; then how many definitions are in the tree, and how many are known to be lost.
const ITEMS: &[(&str, &str, usize, usize)] = &[
    ("", "", 0, 0),
    ("N: 3x8x8 -> 10; sten a; head b;", "1:17 unknown section `sten` | did you mean `stem`?", 1, 0),
    ("N: 3x8x8 -> 10; stem a; bdoy c: b;", "1:25 unknown section `bdoy` | did you mean `body`?", 1, 0),
    (
        "N: 3x8x8 -> 10; trunk a; b; head c;",
        "1:17 unknown section `trunk` | sections are `stem`, `body` and `head`",
        1,
        0,
    ),
    ("N: 3x8x8 -> 10; a -> b; head c;", "1:17 expected a section (`stem`, `body` or `head`), found `a`", 1, 0),
    (
        "N: 3x8x8 -> 10; body a; stem b;",
        "1:25 the order of sections is stem, body, head: `stem` comes after `body` | move `stem` before `body`",
        1,
        0,
    ),
    (
        "N: 3x8x8 -> 10; body a; body b;",
        "1:25 section `body` is written twice | one `body` holds several chains: `body a; b;`",
        1,
        0,
    ),
    ("N: 3x8x8 -> 10; stem body a;", "1:17 section `stem` is empty | write its steps, or leave it out", 1, 0),
    ("N: 3x8x8 -> 10; stem a -> body b;", "1:27 expected a step after `->`, found `body`", 1, 0),
    ("N: 3x8x8 -> 10;", "1:1 the network `N` has no section | write `stem`, `body` or `head` and their steps", 1, 0),
    ("N: 3x8x8 -> 10; stem a\nbody b;", "2:1 expected `->` or `;`, found `body` | steps are joined by `->`", 1, 0),
    ("N: 3x8x8 -> 10\nhead b;", "2:1 expected `;` after the header of the network, found `head`", 1, 0),
    ("N: 3x8x8 10; head b;", "1:10 expected `->` and the number of classes after the size, found `10`", 0, 1),
    ("N(n = ): 3x8x8 -> 10; head b;", "1:7 expected a value, found `)`", 1, 0),
    (
        "N: 3x8x8 -> 10; head b; where params 12M, macs <= 2G;",
        "1:38 expected `<=` or another comparison, found `12M` | a limit is a quantity, a comparison and a number: `params <= 12M`",
        1,
        0,
    ),
    (
        "N: 3x8x8 -> 10; head b; where params <= 12M macs <= 2G;",
        "1:45 expected `,` or `;` after the limit, found `macs`",
        1,
        0,
    ),
    (
        "N: 3x8x8 -> 10; head b; where params <= 12M; body a; M = N;",
        "1:46 `body` stands outside a network | a network is `NAME: size -> classes;`, its sections, then `where` and its limits",
        2,
        1,
    ),
    (
        "N; M = a;",
        "1:2 expected `:` and a size, or `=`, after `N`, found `;` | a network is `NAME: 3x224x224 -> 1000;`, an instance `NAME = path;`",
        1,
        1,
    ),
    ("3; M = a;", "1:1 expected a definition, found `3`", 1, 1),
    ("pub", "1:1 expected a definition, found the end", 0, 1),
    ("blok a(n) { b } M = a;", "1:1 unknown definition `blok` | did you mean `block`?", 1, 1),
    ("block (n) { b } M = a;", "1:7 expected the name of the block, found `(`", 1, 1),
    ("block a(n, m n) { b } M = a;", "1:14 expected `,` or `)`, found `n`", 2, 0),
    ("block a(tensor t = 3) { b }", "1:18 the tensor `t` cannot have a default | pass it at every call", 1, 0),
    ("block a n { b } M = a;", "1:9 expected `{`, found `n`", 1, 1),
    ("M = ; N = a;", "1:5 expected a path, found `;`", 1, 1),
    ("M = a: ; N = a;", "1:8 expected a value, found `;`", 2, 0),
    ("M = a N = a;", "1:7 expected `;` after the instance, found `N`", 1, 0),
    ("use a::{b, c};", "1:8 expected a name in the path, found `{` | name one definition: `use a::b;`", 2, 0),
    ("use a::*;", "1:8 expected a name in the path, found `*` | name one definition: `use a::b;`", 0, 1),
    ("use a::b as 3;", "1:13 expected a name after `as`, found `3`", 0, 1),
    (
        "pub use a::b;",
        "1:5 `use` takes neither documentation nor attributes nor `pub` | to publish a definition under another name write an instance: `pub NAME = path;`",
        1,
        0,
    ),
    ("pub(all) M = a;", "1:5 expected `crate`, `super`, `self` or `in path`, found `all`", 0, 1),
    ("M = a; \"", "1:8 these characters form no token | look for an unclosed bracket or quote", 0, 0),
];

#[test]
fn mistakes_in_definitions() {
    for &(source, expected, items, lost) in ITEMS {
        let (file, errors) = read(source);
        assert_eq!(errors.join("\n"), expected, "{source}");
        assert_eq!((file.items.len(), file.lost.len()), (items, lost), "{source}");
    }
}

#[test]
fn independent_mistakes_are_reported_at_once() {
    let (file, errors) = read(
        "block b(n, 3) { let k = ; conv(k) }
         N(c = ): 3x8x8 -> 10;
         stem conv(3y4) -> { let a 3; relu -> } -> add { a -> ; b; c c; };
              conv(3, ) -> -> relu;
         head gap -> fc: linear(10 10);
         where params <= , macs < 3q;
         M = a(1 2): 3;",
    );
    let places: Vec<_> = errors.iter().map(|error| error.split(' ').next().unwrap_or_default()).collect();
    let expected =
        ["1:12", "1:25", "2:16", "3:20", "3:36", "3:47", "3:63", "3:70", "4:28", "5:36", "6:26", "6:35", "7:18"];
    assert_eq!(places, expected, "{errors:#?}");
    assert_eq!((file.items.len(), file.lost.len()), (3, 0));
}

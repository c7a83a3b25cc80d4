//! What expressions are worth, and what is wrong with them.

mod common;

use common::{lines, names};

/// The value as a label shows it; lists by their elements.
fn value(expr: &str) -> String {
    let source = format!("N: 7x5x3 -> 7x5x3; body\nv: {{ \"{{{expr}}}\": bn }};");
    let errors = lines(&source);
    if !errors.is_empty() {
        return errors.join("; ").replace("2:6 ", "");
    }
    let first = names(&source).swap_remove(0);
    first.trim_start_matches("v.").trim_end_matches(".weight").to_owned()
}

const VALUES: &[(&str, &str)] = &[
    ("1_000", "1000"),
    ("2.5K", "2500"),
    ("1 + 2 * 3 - 4", "3"),
    ("(1 + 2) * 3", "9"),
    ("7 / 2", "3"),
    ("-7 / 2", "-3"),
    ("-7 % 3", "-1"),
    ("7 / 2 * 2", "6"),
    ("2 - 1 - 1", "0"),
    ("-2 * -3", "6"),
    ("1 < 2", "true"),
    ("2 <= 1 || 3 >= 3", "true"),
    ("1 == 1.0", "true"),
    ("9007199254740993 == 9007199254740992", "false"),
    ("max(9007199254740992, 9007199254740993)", "9007199254740993"),
    ("round(9007199254740993)", "9007199254740993"),
    ("[1, 2] == [1, 2]", "true"),
    ("(1, 2) != (1, 3)", "true"),
    ("!(1 > 2) && true", "true"),
    ("true || 1 / 0 == 1", "true"),
    ("false && 1 / 0 == 1", "false"),
    ("if 1 < 2 { 3 } else { 1 / 0 }", "3"),
    ("if false { 1 } else if true { 2 } else { 3 }", "2"),
    ("min(3, 1, 2)", "1"),
    ("max(3, 5.0)", "`5.0` cannot be a label | a label is one level of a name: nest labels for `a.b`"),
    ("round(0.5)", "0"),
    ("round(1.5)", "2"),
    ("round(2.5)", "2"),
    ("round(-0.5)", "0"),
    ("round(7 / 2.0)", "4"),
    ("ceil(1.2)", "2"),
    ("floor(-1.2)", "-2"),
    // Examples of MobileNet's `_make_divisible`.
    ("divisible(18.4, 8)", "24"),
    ("divisible(16.4, 8)", "16"),
    ("divisible(3, 8)", "8"),
    ("divisible(36, 8)", "40"),
    ("divisible(32 * 0.75, 8)", "24"),
    ("divisible(12, 8)", "16"),
    ("len([1, 2, 3])", "3"),
    ("len(3x4)", "2"),
    ("len(0..4)", "4"),
    ("len(1..=4)", "4"),
    ("len(4..1)", "0"),
    ("len([1] + [2, 3])", "3"),
    ("[3, 4, 5][1]", "4"),
    ("(2..9)[3]", "5"),
    ("[(1, 2), (3, 4)][1][0]", "3"),
    ("in.channels * 100 + in.height * 10 + in.width", "753"),
    ("9223372036854775807 - 1 + 1", "9223372036854775807"),
];

#[test]
fn values() {
    for (expr, expected) in VALUES {
        assert_eq!(value(expr), *expected, "{expr}");
    }
}

const FAULTS: &[(&str, &str)] = &[
    ("1 / 0", "division of 1 by zero"),
    ("1 % 0", "division of 1 by zero"),
    ("1.5 / 0.0", "division of 1.5 by zero"),
    ("9223372036854775807 + 1", "9223372036854775807 + 1 does not fit into 64 bits"),
    ("3000000000 * 4000000000", "3000000000 * 4000000000 does not fit into 64 bits"),
    ("(-9223372036854775807 - 1) / -1", "-9223372036854775808 / -1 does not fit into 64 bits"),
    ("-(-9223372036854775807 - 1)", "the result does not fit into 64 bits"),
    ("1e308 * 10.0", "1e308 * 10.0 is not finite"),
    ("round(1e300)", "the result does not fit into 64 bits"),
    ("divisible(8, 0)", "divisible needs a positive integer divisor, this is 0"),
    ("1 + true", "`+` needs numbers, this is a boolean (true)"),
    ("[1] < 2", "`<` compares numbers, this is a list ([1])"),
    ("1 && true", "`&&` joins booleans, this is an integer (1)"),
    ("!3", "`!` needs a boolean, this is an integer (3)"),
    ("-true", "`-` needs a number, this is a boolean (true)"),
    ("if 1 { 2 } else { 3 }", "a condition must be a boolean, this is an integer (1)"),
    ("[1, 2][2]", "index 2 of a list of 2, counted from 0"),
    ("[1, 2][-1]", "index -1 of a list of 2, counted from 0"),
    ("[1, 2][0.5]", "an index must be an integer, this is a float (0.5)"),
    ("3[0]", "only a list has elements, this is an integer (3)"),
    ("0..1.5", "a range goes between integers, this is a float (1.5)"),
    ("len(0..1G)", "a range of 1000000000 numbers, at most 100000 are allowed"),
    ("len(3)", "len needs a list, this is an integer (3)"),
    ("min()", "min takes at least 1 argument, 0 given | write min(a, b, …)"),
    ("round(1, 2)", "round takes 1 argument, 2 given | write round(x)"),
    ("sqrt(2)", "no function `sqrt` | there are min, max, round, ceil, floor, divisible, len"),
    ("rond(2.0)", "no function `rond` | did you mean `round`?"),
    ("in.chanels", "a tensor has no `chanels` | did you mean `channels`?"),
    ("height", "`height` is not known here | the arriving tensor's is `in.height`"),
    ("n + m", "`n` is not known here | make it an argument, or bind it where braces begin: `{ let n = …; … }`"),
];

#[test]
fn faults() {
    for (expr, expected) in FAULTS {
        assert_eq!(value(expr), *expected, "{expr}");
    }
}

/// What a chain of `3x8x8` is told, `line:column` from its own first column.
const IN_CHAINS: &[(&str, &str)] = &[
    ("{ let (a, b) = (4, 1); conv(a, b) } @ 4x8x8", ""),
    ("{ let (a, b) = 3; conv(a, b) }", "2:7 a pattern of 2 names does not fit 3"),
    ("{ for (a, b) in [(1, 2, 3)] { conv(a, b) } }", "2:7 a pattern of 2 names does not fit (1, 2, 3)"),
    ("{ let n = 4; { let m = n + 1; conv(m, 1) } } @ 5x8x8", ""),
    (
        "{ { let m = 4; conv(m, 1) } -> conv(m, 1) }",
        "2:37 `m` is not known here | make it an argument, or bind it where braces begin: `{ let m = …; … }`",
    ),
    (
        "{ let n = 4; { let n = 5; conv(n, 1) } }",
        "2:20 `n` has a meaning here already | shadowing is not allowed: choose another name",
    ),
    (
        "{ for n in [1, 2] { for n in [3] { relu } } }",
        "2:25 `n` has a meaning here already | shadowing is not allowed: choose another name",
    ),
    ("{ for _ in 0..2 { for _ in 0..2 { relu } } }", ""),
    ("relu * -1", "2:8 a step repeats a whole number of times, at least 0, this is -1"),
    ("relu * 1.5", "2:8 a step repeats a whole number of times, at least 0, this is 1.5"),
    ("conv(4, 1) * 0 @ 3x8x8", ""),
    ("for i in 3 { relu }", "2:10 a loop goes over a list or a range, this is an integer (3)"),
    ("tap t[0.5]", "2:7 the index of a tap is an integer, this is a float"),
    ("conv(8, 1) @ [in.channels + 5, in.height, in.width]", ""),
    ("gap @ [in.channels]", ""),
    ("relu @ 3x8", "2:8 [3, 8] is no size | write `@ 64x56x56`, `@ [c, h, w]` or `@ [n]`"),
    ("relu @ true", "2:8 a size is needed, this is a boolean | write `@ 64x56x56`, `@ [c, h, w]` or `@ [n]`"),
];

#[test]
fn in_chains() {
    for (chain, expected) in IN_CHAINS {
        let errors = lines(&format!("N: 3x8x8 -> 10; body\n{chain};\nhead gap -> linear(10);"));
        let errors: Vec<String> =
            errors.into_iter().filter(|error| !error.contains("gap needs a feature map")).collect();
        assert_eq!(errors.join("; "), *expected, "{chain}");
    }
}

#[test]
fn lists_and_loops_that_run_away_end() {
    let double =
        (0..40).fold(String::from("let a0 = 0..100000; "), |text, i| format!("{text}let a{} = a{i} + a{i}; ", i + 1));
    let nest = (0..40).fold(String::from("let a0 = [1, 1, 1]; "), |text, i| {
        format!("{text}let a{0} = [a{1}, a{1}, a{1}]; ", i + 1, i)
    });
    for (chain, expected) in [
        (format!("{{ {double} relu }}"), "more than 4000000 values"),
        (format!("{{ {nest} relu }}"), "more than 4000000 values"),
        ("for i in 0..100000 { if len(0..100000) > 0 { relu } }".to_owned(), "more than 4000000 values"),
        ("for i in 0..100000 { for j in 0..100000 { if false { relu } } }".to_owned(), "more than 400"),
        ("{ relu * 100000 } * 10".to_owned(), "more than 100000 operations"),
        ("{ { relu * 0 } * 10000 } * 10000".to_owned(), "more than 400000 steps"),
        ("{ let xs = 0..100000; { relu -> relu } * len(xs) }".to_owned(), "more than 100000 operations"),
    ] {
        let start = std::time::Instant::now();
        let errors = lines(&format!("N: 3x8x8 -> 3x8x8; body\n{chain};"));
        assert!(errors.len() == 1 && errors[0].contains(expected), "{chain}: {errors:?}");
        assert!(start.elapsed().as_secs() < 10, "{chain} took {:?}", start.elapsed());
    }
}

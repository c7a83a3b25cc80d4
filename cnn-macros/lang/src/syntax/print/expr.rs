//! Expressions, with parentheses only where precedence needs them.

use crate::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, Pattern, UnaryOp};

/// How tightly an expression binds: range 0, operators as [`BinaryOp::precedence`], then these.
const UNARY: u8 = 6;
const POSTFIX: u8 = 7;

pub(super) fn expr(value: &Expr) -> String {
    at(value, 0)
}

/// What the parser takes after `*` in a chain.
pub(super) fn sum(value: &Expr) -> String {
    at(value, BinaryOp::Add.precedence())
}

/// What the parser takes after `@`.
pub(super) fn operand(value: &Expr) -> String {
    at(value, UNARY)
}

/// A bound, as papers print it: `12M`, `1.5G`.
pub(super) fn bound(value: &Expr) -> String {
    let ExprKind::Int(number) = value.kind else {
        return sum(value);
    };
    for (unit, suffix) in [(1_000_000_000, "G"), (1_000_000, "M"), (1000, "K")] {
        let (whole, rest) = (number / unit, number % unit);
        if whole > 0 && rest % (unit / 100) == 0 {
            let decimals = format!("{:02}", rest / (unit / 100));
            let point = if rest == 0 { "" } else { "." };
            return format!("{whole}{point}{}{suffix}", decimals.trim_end_matches('0'));
        }
    }
    sum(value)
}

/// `value` where only what binds at least as tightly as `weakest` can stand bare.
fn at(value: &Expr, weakest: u8) -> String {
    let (text, binds) = bare(&value.kind);
    if binds < weakest { format!("({text})") } else { text }
}

fn bare(kind: &ExprKind) -> (String, u8) {
    let atom = |text: String| (text, POSTFIX);
    match kind {
        // Only computed trees hold negative numbers; a sign binds like an operator.
        ExprKind::Int(value) => (value.to_string(), if *value < 0 { UNARY } else { POSTFIX }),
        ExprKind::Float(value) => (format!("{value:?}"), if *value < 0.0 { UNARY } else { POSTFIX }),
        ExprKind::Bool(value) => atom(value.to_string()),
        ExprKind::Size(sizes) => atom(size(sizes)),
        ExprKind::Name(name) => atom(name.name.clone()),
        ExprKind::In(size) => atom(format!("in.{}", size.name)),
        ExprKind::List(values) => atom(format!("[{}]", list(values))),
        ExprKind::Tuple(values) => atom(format!("({})", list(values))),
        ExprKind::Range { start, end, inclusive } => {
            let dots = if *inclusive { "..=" } else { ".." };
            (format!("{}{dots}{}", at(start, 1), at(end, 1)), 0)
        }
        ExprKind::Index(value, index) => atom(format!("{}[{}]", at(value, POSTFIX), expr(index))),
        ExprKind::Unary(op, value) => {
            let sign = match op {
                UnaryOp::Neg => "-",
                UnaryOp::Not => "!",
            };
            (format!("{sign}{}", at(value, UNARY)), UNARY)
        }
        ExprKind::Binary(op, left, right) => {
            let binds = op.precedence();
            // Comparisons stand alone, the others group to the left.
            let left_binds = if binds == BinaryOp::Eq.precedence() { binds + 1 } else { binds };
            (format!("{} {} {}", at(left, left_binds), op.symbol(), at(right, binds + 1)), binds)
        }
        ExprKind::If { condition, then, otherwise } => {
            let head = format!("if {} {{ {} }} else ", expr(condition), expr(then));
            atom(match otherwise.kind {
                ExprKind::If { .. } => head + &expr(otherwise),
                _ => format!("{head}{{ {} }}", expr(otherwise)),
            })
        }
        ExprKind::Choose(options) => atom(format!("choose({})", list(options))),
        ExprKind::Call { function, args } => atom(format!("{}({})", function.name, list(args))),
    }
}

fn list(values: &[Expr]) -> String {
    values.iter().map(expr).collect::<Vec<_>>().join(", ")
}

fn size(sizes: &[i64]) -> String {
    let texts = |separator: &str| sizes.iter().map(i64::to_string).collect::<Vec<_>>().join(separator);
    // Computed sizes may be none that a paper would print; a leading 0 would be hexadecimal.
    let printable = sizes.len() > 1 && sizes[0] > 0 && sizes.iter().all(|&size| size >= 0);
    if printable { texts("x") } else { format!("[{}]", texts(", ")) }
}

pub(super) fn args(args: &[Arg]) -> String {
    if args.is_empty() {
        return String::new();
    }
    let texts = args.iter().map(|arg| match &arg.name {
        Some(name) => format!("{} = {}", name.name, expr(&arg.value)),
        None => expr(&arg.value),
    });
    format!("({})", texts.collect::<Vec<_>>().join(", "))
}

pub(super) fn pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Name(name) => name.name.clone(),
        Pattern::Tuple(parts, _) => {
            let parts: Vec<_> = parts.iter().map(self::pattern).collect();
            format!("({})", parts.join(", "))
        }
    }
}

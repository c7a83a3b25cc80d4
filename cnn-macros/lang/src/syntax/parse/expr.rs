//! Expressions, by precedence climbing: range < `||` < `&&` < comparison < `+ -` < `* / %` < unary < index.

use proc_macro2::Delimiter;
use syn::buffer::Cursor;
use syn::parse::ParseStream;

use super::choose::MOST_OPTIONS;
use super::is_name;
use super::number::number;
use super::parser::{Parsed, Parser, RESERVED};
use super::token::{is, is_group, is_number, is_string, is_word, operator, word};
use crate::diag::{Diagnostic, Span};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Ident, UnaryOp};

/// An expression and how deep it is: operators in a row make a tree as deep as the row is long.
struct Tall {
    expr: Expr,
    height: usize,
}

impl Parser<'_> {
    /// Any expression.
    pub(super) fn expr(&mut self, input: ParseStream<'_>) -> Parsed<Expr> {
        self.range(input).map(|tall| tall.expr)
    }

    /// An expression and nothing after it, in a source of its own whose tokens all stand at `place`.
    pub(super) fn whole_expr(&mut self, input: ParseStream<'_>, place: Span) -> Parsed<Expr> {
        self.in_label(place, |this| {
            let value = this.expr(input)?;
            if input.is_empty() { Ok(value) } else { Err(this.expected(input, "`}` after the value")) }
        })
    }

    /// What may follow a `*` in a chain, or bound a limit: no comparison, no range.
    pub(super) fn sum(&mut self, input: ParseStream<'_>) -> Parsed<Expr> {
        self.binary(input, BinaryOp::Add.precedence()).map(|tall| tall.expr)
    }

    /// What may follow an `@`.
    pub(super) fn operand(&mut self, input: ParseStream<'_>) -> Parsed<Expr> {
        self.unary(input).map(|tall| tall.expr)
    }

    fn range(&mut self, input: ParseStream<'_>) -> Parsed<Tall> {
        let start = self.binary(input, 0)?;
        let inclusive = is(input.cursor(), "..=");
        if self.take(input, "..").or_else(|| self.take(input, "..=")).is_none() {
            return Ok(start);
        }
        let end = self.binary(input, 0)?;
        if is(input.cursor(), "..") || is(input.cursor(), "..=") {
            let (span, found) = self.found(input);
            return Err(self.error(Diagnostic::new(span, format!("{found} after a range"))));
        }
        let (span, height) = (start.expr.span.to(end.expr.span), start.height.max(end.height));
        let (start, end) = (Box::new(start.expr), Box::new(end.expr));
        self.node(ExprKind::Range { start, end, inclusive }, span, height)
    }

    fn binary(&mut self, input: ParseStream<'_>, weakest: u8) -> Parsed<Tall> {
        let mut left = self.unary(input)?;
        while let Some((op, symbol)) = binary_op(input.cursor()).filter(|(op, _)| op.precedence() >= weakest) {
            self.take(input, symbol);
            let right = self.binary(input, op.precedence() + 1)?;
            if op.precedence() == BinaryOp::Eq.precedence() {
                self.refuse_second_comparison(input)?;
            }
            let (span, height) = (left.expr.span.to(right.expr.span), left.height.max(right.height));
            let kind = ExprKind::Binary(op, Box::new(left.expr), Box::new(right.expr));
            left = self.node(kind, span, height)?;
        }
        Ok(left)
    }

    fn refuse_second_comparison(&mut self, input: ParseStream<'_>) -> Parsed<()> {
        match binary_op(input.cursor()) {
            Some((op, symbol)) if op.precedence() == BinaryOp::Eq.precedence() => {
                let (span, _) = self.found(input);
                let message = format!("`{symbol}` after a comparison");
                Err(self.error(Diagnostic::new(span, message).help("write `a < b && b < c`")))
            }
            _ => Ok(()),
        }
    }

    fn unary(&mut self, input: ParseStream<'_>) -> Parsed<Tall> {
        for (op, symbol) in [(UnaryOp::Neg, "-"), (UnaryOp::Not, "!")] {
            if let Some(sign) = self.take(input, symbol) {
                let operand = self.deeper(sign, |this| this.unary(input))?;
                let span = sign.to(operand.expr.span);
                return self.node(ExprKind::Unary(op, Box::new(operand.expr)), span, operand.height);
            }
        }
        let mut value = self.atom(input)?;
        while is_group(input.cursor(), Delimiter::Bracket) {
            let (index, brackets) = self.inside(input, Delimiter::Bracket, Self::range)?;
            let (span, height) = (value.expr.span.to(brackets), value.height.max(index.height));
            let kind = ExprKind::Index(Box::new(value.expr), Box::new(index.expr));
            value = self.node(kind, span, height)?;
        }
        Ok(value)
    }

    fn atom(&mut self, input: ParseStream<'_>) -> Parsed<Tall> {
        let cursor = input.cursor();
        if is_captured_expression(cursor) {
            return self.inside(input, Delimiter::None, Self::range).map(|(value, _)| value);
        }
        if is_group(cursor, Delimiter::Parenthesis) {
            return self.parenthesised(input);
        }
        if is_group(cursor, Delimiter::Bracket) {
            let (list, span) = self.inside(input, Delimiter::Bracket, |this, input| this.values(input))?;
            return self.node(ExprKind::List(list.0), span, list.1);
        }
        if let Some((literal, _)) = cursor.literal() {
            return self.literal(input, &literal.to_string());
        }
        match word(cursor).as_deref() {
            Some("if") => self.conditional(input),
            Some("in") => self.arriving(input),
            Some(value @ ("true" | "false")) => {
                let kind = ExprKind::Bool(value == "true");
                let span = self.any_word(input).map_or(Span::call_site(), |word| word.span);
                self.node(kind, span, 0)
            }
            Some(name) if !RESERVED.contains(&name) => self.named(input),
            _ => Err(self.expected(input, "a value")),
        }
    }

    /// `(e)` or `(a, b)`.
    fn parenthesised(&mut self, input: ParseStream<'_>) -> Parsed<Tall> {
        let rule = |this: &mut Self, input: ParseStream<'_>| {
            let first = this.range(input)?;
            if input.is_empty() {
                return Ok((first, None));
            }
            if !is(input.cursor(), ",") {
                return Err(this.expected(input, "`,` or `)`"));
            }
            this.take(input, ",");
            let help = "a tuple holds two values at least";
            if input.is_empty() {
                return Err(this.expected_help(input, "a value after `,`", help));
            }
            Ok((first, Some(this.values(input)?)))
        };
        let ((first, rest), span) = self.inside(input, Delimiter::Parenthesis, rule)?;
        match rest {
            // The parenthesis is part of where the value stands.
            None => Ok(Tall { expr: Expr { span, ..first.expr }, height: first.height }),
            Some((mut values, height)) => {
                values.insert(0, first.expr);
                self.node(ExprKind::Tuple(values), span, first.height.max(height))
            }
        }
    }

    /// `a, b, c` up to the bracket's end, and the greatest height.
    fn values(&mut self, input: ParseStream<'_>) -> Parsed<(Vec<Expr>, usize)> {
        let (mut values, mut height) = (Vec::new(), 0);
        while !input.is_empty() {
            let value = self.range(input)?;
            values.push(value.expr);
            height = height.max(value.height);
            if self.take(input, ",").is_none() && !input.is_empty() {
                return Err(self.expected(input, "`,` or the closing bracket"));
            }
        }
        Ok((values, height))
    }

    fn literal(&mut self, input: ParseStream<'_>, text: &str) -> Parsed<Tall> {
        let span: Span = input.cursor().span().into();
        // Other macros can make literals with a sign.
        let digits = text.strip_prefix('-').unwrap_or(text);
        if is_string(input.cursor()) {
            let word = text.trim_matches('"');
            let help = if is_name(word) {
                format!("words stand without quotes: `{word}`; texts are for labels, before a `:`")
            } else {
                "texts are for labels, before a `:`".to_owned()
            };
            return Err(self.error(Diagnostic::new(span, "expected a value, found a text").help(help)));
        }
        if digits.len() == text.len() && !is_number(input.cursor()) {
            return Err(self.expected(input, "a value"));
        }
        let _ = input.parse::<proc_macro2::Literal>();
        match number(digits) {
            Ok(kind) if digits.len() == text.len() => self.node(kind, span, 0),
            Ok(kind) => {
                let value = Box::new(Expr { kind, span });
                self.node(ExprKind::Unary(UnaryOp::Neg, value), span, 1)
            }
            Err((message, help)) => Err(self.error(Diagnostic::new(span, message).help(help))),
        }
    }

    /// `if c { a } else { b }`.
    fn conditional(&mut self, input: ParseStream<'_>) -> Parsed<Tall> {
        let keyword = self.any_word(input).map_or(Span::call_site(), |word| word.span);
        let condition = self.range(input)?;
        self.refuse_assignment(input)?;
        let (then, _) = self.inside(input, Delimiter::Brace, Self::range)?;
        if self.take_word(input, "else").is_none() {
            let help = "an `if` in an expression needs a value in every case";
            return Err(self.expected_help(input, "`else`", help));
        }
        let (otherwise, end) = if is_word(input.cursor(), "if") {
            let value = self.deeper(keyword, |this| this.conditional(input))?;
            let end = value.expr.span;
            (value, end)
        } else {
            self.inside(input, Delimiter::Brace, Self::range)?
        };
        let height = condition.height.max(then.height).max(otherwise.height);
        let (condition, then) = (Box::new(condition.expr), Box::new(then.expr));
        let kind = ExprKind::If { condition, then, otherwise: Box::new(otherwise.expr) };
        self.node(kind, keyword.to(end), height)
    }

    /// `if a = b` is a slip that Rust programmers expect to be told about.
    pub(super) fn refuse_assignment(&mut self, input: ParseStream<'_>) -> Parsed<()> {
        if is(input.cursor(), "=") {
            return Err(self.expected_help(input, "`{`", "values are compared by `==`"));
        }
        Ok(())
    }

    /// `in.channels`.
    fn arriving(&mut self, input: ParseStream<'_>) -> Parsed<Tall> {
        let keyword = self.any_word(input).map_or(Span::call_site(), |word| word.span);
        let sizes = "`.channels`, `.height` or `.width` after `in`";
        self.expect(input, ".", sizes)?;
        let Some(size) = self.any_word(input) else {
            return Err(self.expected(input, "`channels`, `height` or `width` after `in.`"));
        };
        let span = keyword.to(size.span);
        self.node(ExprKind::In(size), span, 0)
    }

    /// `n` or `min(a, b)`.
    fn named(&mut self, input: ParseStream<'_>) -> Parsed<Tall> {
        let name: Ident = self.name(input, "a value")?;
        if !is_group(input.cursor(), Delimiter::Parenthesis) {
            let span = name.span;
            return self.node(ExprKind::Name(name), span, 0);
        }
        let ((args, height), parentheses) = self.inside(input, Delimiter::Parenthesis, Self::values)?;
        let span = name.span.to(parentheses);
        if name.name == "choose" {
            if args.is_empty() || args.len() > MOST_OPTIONS {
                let message = format!("choose takes from 1 to {MOST_OPTIONS} options, {} given", args.len());
                return Err(self.error(Diagnostic::new(span, message).help("write `choose(3, 5, 7)`")));
            }
            return self.node(ExprKind::Choose(args), span, height);
        }
        self.node(ExprKind::Call { function: name, args }, span, height)
    }

    fn node(&mut self, kind: ExprKind, span: Span, below: usize) -> Parsed<Tall> {
        self.check_depth(span, below + 1)?;
        Ok(Tall { expr: Expr { kind, span }, height: below + 1 })
    }
}

/// What a macro captured as `$e:expr` is one value, whatever operators it holds.
fn is_captured_expression(cursor: Cursor<'_>) -> bool {
    let Some((inner, ..)) = cursor.group(Delimiter::None) else {
        return false;
    };
    let nested = inner.group(Delimiter::None).is_some();
    nested || inner.token_tree().is_some_and(|(_, rest)| !rest.eof())
}

fn binary_op(cursor: Cursor<'_>) -> Option<(BinaryOp, &'static str)> {
    const ALL: [BinaryOp; 13] = [
        BinaryOp::Or,
        BinaryOp::And,
        BinaryOp::Eq,
        BinaryOp::Ne,
        BinaryOp::Lt,
        BinaryOp::Le,
        BinaryOp::Gt,
        BinaryOp::Ge,
        BinaryOp::Add,
        BinaryOp::Sub,
        BinaryOp::Mul,
        BinaryOp::Div,
        BinaryOp::Rem,
    ];
    let (symbol, ..) = operator(cursor)?;
    ALL.into_iter().find(|op| op.symbol() == symbol).map(|op| (op, symbol))
}

impl Parser<'_> {
    /// A comparison between a quantity and its bound.
    pub(super) fn comparison(&mut self, input: ParseStream<'_>) -> Parsed<BinaryOp> {
        match binary_op(input.cursor()) {
            Some((op, symbol)) if op.precedence() == BinaryOp::Eq.precedence() => {
                self.take(input, symbol);
                Ok(op)
            }
            _ => {
                let help = "a limit is a quantity, a comparison and a number: `params <= 12M`";
                Err(self.expected_help(input, "`<=` or another comparison", help))
            }
        }
    }
}

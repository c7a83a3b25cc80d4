//! From what a call gives to what a layer takes.

use super::eval::plural;
use super::value::Value;
use crate::diag::{Diagnostic, Span};
use crate::graph::{ArgValue, Argument, Arguments, DefaultValue, Kind, Layer, Padding};
use crate::nearest::did_you_mean;
use crate::syntax::ast::{Arg, Call, Expr, ExprKind};

/// Larger sizes, strides and counts are refused, so that shape arithmetic cannot overflow.
const LARGEST: i64 = 1 << 31;

/// Positional and named arguments matched with parameter names.
///
/// One entry for each name: the argument's index in the call. `Err`: what does not fit.
pub fn matched(callee: &str, names: &[&str], args: &[Arg], call: Span) -> (Vec<Option<usize>>, Vec<Diagnostic>) {
    let mut found: Vec<Option<usize>> = vec![None; names.len()];
    let mut errors = Vec::new();
    let mut surplus = None;
    for (index, arg) in args.iter().enumerate() {
        let slot = match &arg.name {
            None if index < names.len() => index,
            None => {
                surplus.get_or_insert(arg.value.span);
                continue;
            }
            Some(name) => match names.iter().position(|known| *known == name.name) {
                Some(slot) => slot,
                None => {
                    let help = did_you_mean(&name.name, names.iter().copied()).unwrap_or_else(|| match names {
                        [] => format!("{callee} takes no arguments"),
                        names => format!("{callee} takes {}", names.join(", ")),
                    });
                    errors.push(
                        Diagnostic::new(name.span, format!("{callee} has no argument `{}`", name.name)).help(help),
                    );
                    continue;
                }
            },
        };
        if found[slot].is_some() {
            let span = arg.name.as_ref().map_or(arg.value.span, |name| name.span);
            let message = format!("{callee}'s argument `{}` is given twice", names[slot]);
            errors.push(Diagnostic::new(span, message).help(format!("by position it is number {}", slot + 1)));
            continue;
        }
        found[slot] = Some(index);
    }
    if let Some(span) = surplus {
        let given = args.iter().filter(|arg| arg.name.is_none()).count();
        let takes = names.len();
        let count = if takes == 0 { "no".to_owned() } else { takes.to_string() };
        let message = format!("{callee} takes {count} argument{}, {given} given", plural(takes));
        let surplus = Diagnostic::new(span.to(args.last().map_or(call, |arg| arg.value.span)), message);
        let listed = || format!("{callee} takes {}", names.join(", "));
        errors.push(if takes == 0 { surplus.help("leave the parentheses out") } else { surplus.help(listed()) });
    }
    (found, errors)
}

/// The arguments of a layer, checked against its table.
pub fn layer_arguments(
    layer: &'static Layer,
    call: &Call,
    eval: &mut dyn FnMut(&Expr) -> Value,
    known: &dyn Fn(&str) -> bool,
    report: &mut dyn FnMut(Diagnostic),
) -> Option<Arguments> {
    let names: Vec<&str> = layer.arguments.iter().map(|argument| argument.name).collect();
    let (found, errors) = matched(layer.keyword, &names, &call.args, call.span);
    let mut fits = errors.is_empty();
    errors.into_iter().for_each(&mut *report);
    let mut values: Vec<ArgValue> = Vec::with_capacity(names.len());
    let mut missing = Vec::new();
    for (argument, index) in layer.arguments.iter().zip(&found) {
        let value = match index {
            Some(index) => {
                let expr = &call.args[*index].value;
                converted(argument, expr, eval, known)
                    .map_err(|error| error.into_iter().for_each(|message| report(message.at(layer, argument, expr))))
                    .ok()
            }
            None => match argument.default {
                Some(default) => Some(default_value(argument.kind, default, layer, &values)),
                None => {
                    missing.push(argument.name);
                    None
                }
            },
        };
        fits &= value.is_some();
        values.push(value.unwrap_or(ArgValue::Nothing));
    }
    if !missing.is_empty() && fits_by_count(&call.args, &found) {
        let list = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        report(
            Diagnostic::new(call.name.span, format!("{} needs {list}", layer.keyword))
                .help(format!("write {}", layer.signature())),
        );
    }
    fits.then_some(Arguments { layer, values })
}

/// A misspelt name is the better message than the argument that is missing because of it.
fn fits_by_count(args: &[Arg], found: &[Option<usize>]) -> bool {
    found.iter().flatten().count() == args.len()
}

fn default_value(kind: Kind, default: DefaultValue, layer: &Layer, earlier: &[ArgValue]) -> ArgValue {
    match (default, kind) {
        (DefaultValue::Int(n), Kind::Pair(_)) => ArgValue::Pair([n, n]),
        (DefaultValue::Int(n), Kind::Padding | Kind::Crop) => ArgValue::Padding(Padding::Sides([n; 4])),
        (DefaultValue::Int(n), _) => ArgValue::Int(n),
        (DefaultValue::Float(x), _) => ArgValue::Float(x),
        (DefaultValue::Bool(b), _) => ArgValue::Bool(b),
        (DefaultValue::Word(word), _) => ArgValue::Word(word),
        (DefaultValue::Same(name), _) => {
            let index = layer.arguments.iter().position(|argument| argument.name == name);
            index.and_then(|index| earlier.get(index).cloned()).unwrap_or(ArgValue::Nothing)
        }
        (DefaultValue::Nothing, _) => ArgValue::Nothing,
    }
}

/// What an argument should have been; `None` inside `Err` where the value is unknown and silent.
struct Wanted {
    message: String,
    help: Option<String>,
}

impl Wanted {
    fn at(self, layer: &Layer, argument: &Argument, expr: &Expr) -> Diagnostic {
        let message = format!("{}'s {} {}", layer.keyword, argument.name, self.message);
        Diagnostic { span: expr.span, message, help: self.help, notes: Vec::new() }
    }
}

fn converted(
    argument: &Argument,
    expr: &Expr,
    eval: &mut dyn FnMut(&Expr) -> Value,
    known: &dyn Fn(&str) -> bool,
) -> Result<ArgValue, Option<Wanted>> {
    let word = match &expr.kind {
        ExprKind::Name(ident) if !known(&ident.name) => Some(ident.name.as_str()),
        _ => None,
    };
    match (argument.kind, word) {
        (Kind::Padding, Some("same")) => return Ok(ArgValue::Padding(Padding::Same)),
        (Kind::Padding, Some(word)) if did_you_mean(word, ["same"]).is_some() => {
            let message = format!("must be numbers or `same`, not `{word}`");
            return Err(Some(Wanted { message, help: did_you_mean(word, ["same"]) }));
        }
        (Kind::Word(words), word) => return one_of(words, word, expr),
        _ => {}
    }
    let value = eval(expr);
    if value.is_unknown() {
        return Err(None);
    }
    let wanted = |what: String| {
        Err(Some(Wanted { message: format!("must be {what}, this is {} ({value})", value.kind()), help: None }))
    };
    match argument.kind {
        Kind::Int(least) => match &value {
            Value::Int(n) => in_range(*n, least).map(ArgValue::Int),
            _ => wanted("an integer".to_owned()),
        },
        Kind::Pair(least) => match ints(&value).as_deref() {
            Some([n]) => in_range(*n, least).map(|n| ArgValue::Pair([n, n])),
            Some([h, w]) => Ok(ArgValue::Pair([in_range(*h, least)?, in_range(*w, least)?])),
            _ => wanted("an integer or two, `3` or `1x3`".to_owned()),
        },
        Kind::Padding | Kind::Crop => {
            let least = if argument.kind == Kind::Crop { -LARGEST } else { 0 };
            let sides = match ints(&value).as_deref() {
                Some([n]) => [*n; 4],
                Some([h, w]) => [*h, *h, *w, *w],
                Some([top, bottom, left, right]) => [*top, *bottom, *left, *right],
                _ => {
                    let same = if argument.kind == Kind::Crop { "" } else { " or `same`" };
                    return wanted(format!("`n`, `[height, width]`, `[top, bottom, left, right]`{same}"));
                }
            };
            for side in sides {
                in_range(side, least)?;
            }
            Ok(ArgValue::Padding(Padding::Sides(sides)))
        }
        Kind::Float(least, below) => match value.number() {
            Some(x) if x >= least && below.is_none_or(|below| x < below) => Ok(ArgValue::Float(x)),
            Some(x) => {
                let upper = below.map_or(String::new(), |below| format!(" and below {below}"));
                Err(Some(Wanted { message: format!("must be at least {least}{upper}, this is {x}"), help: None }))
            }
            None => wanted("a number".to_owned()),
        },
        Kind::Bool => match value {
            Value::Bool(b) => Ok(ArgValue::Bool(b)),
            _ => wanted("true or false".to_owned()),
        },
        Kind::Word(_) => unreachable!("words are handled above"),
        Kind::Table => {
            table(&value).map_or_else(|| wanted("a list of lists of channels".to_owned()), |t| Ok(ArgValue::Table(t)))
        }
    }
}

fn one_of(words: &'static [&'static str], word: Option<&str>, expr: &Expr) -> Result<ArgValue, Option<Wanted>> {
    let found = word.and_then(|word| words.iter().find(|known| **known == word));
    found.map(|word| ArgValue::Word(word)).ok_or_else(|| {
        let this = word.map_or(String::new(), |word| format!(", not `{word}`"));
        let help = match &expr.kind {
            ExprKind::Name(ident) => did_you_mean(&ident.name, words.iter().copied()),
            _ => None,
        };
        Some(Wanted { message: format!("must be {}{this}", words.join(" or ")), help })
    })
}

fn in_range(n: i64, least: i64) -> Result<i64, Option<Wanted>> {
    if n < least {
        return Err(Some(Wanted { message: format!("must be at least {least}, this is {n}"), help: None }));
    }
    if n > LARGEST {
        return Err(Some(Wanted { message: format!("must be at most {LARGEST}, this is {n}"), help: None }));
    }
    Ok(n)
}

/// An integer, or a list or tuple of them.
pub fn ints(value: &Value) -> Option<Vec<i64>> {
    match value {
        Value::Int(n) => Some(vec![*n]),
        Value::List(values) | Value::Tuple(values) => {
            values.iter().map(|value| if let Value::Int(n) = value { Some(*n) } else { None }).collect()
        }
        Value::Float(_) | Value::Bool(_) | Value::Unknown => None,
    }
}

fn table(value: &Value) -> Option<Vec<Vec<usize>>> {
    let Value::List(rows) = value else { return None };
    rows.iter()
        .map(|row| match row {
            Value::List(_) | Value::Tuple(_) => ints(row)?.into_iter().map(|n| usize::try_from(n).ok()).collect(),
            _ => None,
        })
        .collect()
}

//! Evaluation of expressions. A mistake is reported once, its value is unknown, and what follows from it is silent.

mod functions;
mod operators;

use std::cell::Cell;

use super::choices::{Choices, Event};
use super::mentions::chooses;
use super::value::Value;
use crate::diag::{Diagnostic, Span};
use crate::graph::Shape;
use crate::nearest::did_you_mean;
use crate::syntax::ast::{Expr, ExprKind, Ident};

/// Longer lists are a loop without end.
const LONGEST_LIST: i64 = 100_000;

/// What an expression sees.
pub struct Surroundings<'a> {
    /// Parameters, `let`s and loop variables, the outermost first.
    pub variables: &'a [(&'a str, Value)],
    /// The tensor that arrives; `Err` where there is none by the nature of the place.
    pub arriving: Result<Option<Shape>, &'static str>,
    /// Values computed or copied so far, in the whole network.
    pub work: &'a Cell<usize>,
    /// What a `choose` comes to.
    pub choices: &'a Choices,
}

/// Values that one network may compute; whoever exceeds it gets unknown values.
pub const MOST_WORK: usize = 4_000_000;

/// The value of an expression; mistakes go to `report`.
pub fn eval(expr: &Expr, around: &Surroundings<'_>, report: &mut dyn FnMut(Diagnostic)) -> Value {
    Evaluator { around, report }.value(expr)
}

struct Evaluator<'a> {
    around: &'a Surroundings<'a>,
    report: &'a mut dyn FnMut(Diagnostic),
}

impl Evaluator<'_> {
    fn fail(&mut self, span: Span, message: String, help: Option<String>) -> Value {
        (self.report)(Diagnostic { span, message, help, notes: Vec::new() });
        Value::Unknown
    }

    /// Counts values that are about to be made; false if there are too many.
    fn worked(&self, values: usize) -> bool {
        let work = self.around.work.get().saturating_add(values);
        self.around.work.set(work);
        work <= MOST_WORK
    }

    fn value(&mut self, expr: &Expr) -> Value {
        if !self.worked(1) {
            return Value::Unknown;
        }
        match &expr.kind {
            ExprKind::Int(n) => Value::Int(*n),
            ExprKind::Float(x) => Value::Float(*x),
            ExprKind::Bool(b) => Value::Bool(*b),
            ExprKind::Size(sizes) => Value::List(sizes.iter().map(|&n| Value::Int(n)).collect()),
            ExprKind::List(items) => Value::List(items.iter().map(|item| self.value(item)).collect()),
            ExprKind::Tuple(items) => Value::Tuple(items.iter().map(|item| self.value(item)).collect()),
            ExprKind::Name(ident) => self.variable(ident),
            ExprKind::In(property) => self.arriving(property),
            ExprKind::Range { start, end, inclusive } => self.range(start, end, *inclusive, expr.span),
            ExprKind::Index(list, index) => self.index(list, index),
            ExprKind::Unary(op, operand) => self.unary(*op, operand),
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, expr.span),
            ExprKind::If { condition, then, otherwise } => match self.value(condition) {
                Value::Bool(holds) => {
                    // Who writes the member looks at this only where it is chosen.
                    if let Choices::Follow(member) = self.around.choices
                        && chooses(expr)
                    {
                        member.log(expr, || Event::Arm(holds));
                    }
                    self.value(if holds { then } else { otherwise })
                }
                Value::Unknown => Value::Unknown,
                other => self.fail(
                    condition.span,
                    format!("a condition must be a boolean, this is {} ({other})", other.kind()),
                    None,
                ),
            },
            ExprKind::Choose(options) => self.choose(expr, options),
            ExprKind::Call { function, args } => self.call(function, args, expr.span),
        }
    }

    fn choose(&mut self, expr: &Expr, options: &[Expr]) -> Value {
        let option = match self.around.choices {
            Choices::None(place) => {
                let help = "a `choose` belongs in `search_space!`; here write one of its options".to_owned();
                return self.fail(expr.span, format!("`choose` in {place}"), Some(help));
            }
            Choices::Follow(member) => member.choose(expr, options.len()),
            Choices::Ask(state) => state.choose(expr),
        };
        option.and_then(|option| options.get(option)).map_or(Value::Unknown, |option| self.value(option))
    }

    fn variable(&mut self, ident: &Ident) -> Value {
        let variables = self.around.variables;
        if let Some((_, value)) = variables.iter().rev().find(|(name, _)| *name == ident.name) {
            return if self.worked(value.size()) { value.clone() } else { Value::Unknown };
        }
        let known = || variables.iter().map(|(name, _)| *name);
        let help = match ident.name.as_str() {
            "channels" | "height" | "width" => Some(format!("the arriving tensor's is `in.{}`", ident.name)),
            name => did_you_mean(name, known()).or_else(|| Some(unknown_name(name, &known().collect::<Vec<_>>()))),
        };
        self.fail(ident.span, format!("`{}` is not known here", ident.name), help)
    }

    fn arriving(&mut self, property: &Ident) -> Value {
        if !["channels", "height", "width"].contains(&property.name.as_str()) {
            let help = did_you_mean(&property.name, ["channels", "height", "width"]);
            let help = help.unwrap_or_else(|| "a tensor has channels, height and width".to_owned());
            return self.fail(property.span, format!("a tensor has no `{}`", property.name), Some(help));
        }
        let shape = match self.around.arriving {
            Ok(Some(shape)) => shape,
            Ok(None) => return Value::Unknown,
            Err(place) => {
                let help = format!("`in.{}` has a value in steps and in blocks: write a number here", property.name);
                return self.fail(property.span, format!("no tensor arrives at {place}"), Some(help));
            }
        };
        let size = match (property.name.as_str(), shape.spatial()) {
            ("channels", _) => shape.channels(),
            ("height", Some([height, _])) => height,
            ("width", Some([_, width])) => width,
            (name, _) => {
                let message = format!("a vector of {shape} arrives here, which has no {name}");
                return self.fail(property.span, message, Some("`in.channels` is its length".to_owned()));
            }
        };
        Value::Int(size as i64)
    }

    fn range(&mut self, start: &Expr, end: &Expr, inclusive: bool, span: Span) -> Value {
        let (from, to) = (self.value(start), self.value(end));
        match (from, to) {
            (Value::Int(from), Value::Int(to)) => {
                let to = if inclusive { to.saturating_add(1) } else { to };
                let length = to.saturating_sub(from);
                if length > LONGEST_LIST {
                    let message = format!("a range of {length} numbers, at most {LONGEST_LIST} are allowed");
                    return self.fail(span, message, None);
                }
                if !self.worked(usize::try_from(length).unwrap_or(0)) {
                    return Value::Unknown;
                }
                Value::List((from..to).map(Value::Int).collect())
            }
            (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
            (from, to) => {
                let (at, wrong) = if matches!(from, Value::Int(_)) { (end, to) } else { (start, from) };
                let message = format!("a range goes between integers, this is {} ({wrong})", wrong.kind());
                self.fail(at.span, message, None)
            }
        }
    }

    fn index(&mut self, list: &Expr, index: &Expr) -> Value {
        let at = self.value(index);
        // Of a list that has a name only the element is copied.
        let variables = self.around.variables;
        let named = match &list.kind {
            ExprKind::Name(ident) => variables.iter().rev().find(|(name, _)| *name == ident.name),
            _ => None,
        };
        if let (Some((_, Value::List(values) | Value::Tuple(values))), Value::Int(n)) = (named, &at)
            && let Some(value) = usize::try_from(*n).ok().and_then(|n| values.get(n))
        {
            return if self.worked(value.size()) { value.clone() } else { Value::Unknown };
        }
        let values = self.value(list);
        match (values, at) {
            (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
            (Value::List(values) | Value::Tuple(values), Value::Int(at)) => {
                let found = usize::try_from(at).ok().and_then(|at| values.get(at).cloned());
                let length = values.len();
                found.unwrap_or_else(|| {
                    let message = format!("index {at} of a list of {length}, counted from 0");
                    self.fail(index.span, message, None)
                })
            }
            (Value::List(_) | Value::Tuple(_), at) => {
                self.fail(index.span, format!("an index must be an integer, this is {} ({at})", at.kind()), None)
            }
            (other, _) => {
                self.fail(list.span, format!("only a list has elements, this is {} ({other})", other.kind()), None)
            }
        }
    }
}

/// Names that an unknown one may have meant, if they are few.
const NAMES_SHOWN: usize = 8;

fn unknown_name(name: &str, known: &[&str]) -> String {
    match known.len() {
        1..=NAMES_SHOWN => format!("known here: {}", known.join(", ")),
        _ => format!("make it an argument, or bind it where braces begin: `{{ let {name} = …; … }}`"),
    }
}

/// The plural s of a count.
pub fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

//! A space: all its members at once, and one of them by itself.

use super::choices::{Choices, Event, Follow};
use super::members::{Explored, Explorer, Start, Stop};
use super::{Definitions, Elaborated, Elaborator, Frame, RoomId, Value};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::graph::{Shape, grouped};
use crate::syntax::ast::{BinaryOp, Expr, Header, Ident, Instance, Limit, Network};

/// A definition that may be a space.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of<'a> {
    Network(&'a Network),
    Instance(&'a Instance),
}

impl<'a> Of<'a> {
    pub fn name(self) -> &'a Ident {
        match self {
            Of::Network(network) => &network.name,
            Of::Instance(instance) => &instance.name,
        }
    }

    pub fn header(self) -> &'a Header {
        match self {
            Of::Network(network) => &network.header,
            Of::Instance(instance) => &instance.header,
        }
    }

    pub fn limits(self) -> &'a [Limit] {
        match self {
            Of::Network(network) => &network.limits,
            Of::Instance(instance) => &instance.limits,
        }
    }
}

/// A hard limit of a space.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub quantity: String,
    pub op: BinaryOp,
    pub value: f64,
    pub span: Span,
}

/// A network to be elaborated: the definition, with what an instance changes bound.
pub(super) struct Begun<'a> {
    pub network: &'a Network,
    pub room: RoomId,
    pub input: Option<Shape>,
    pub output: Option<Shape>,
    /// Frames below that of the definition.
    outer: usize,
}

impl<'a> Elaborator<'a, '_> {
    /// Opens the frame of the definition and binds its parameters.
    pub(super) fn begin(&mut self, of: Of<'a>) -> Option<Begun<'a>> {
        let name = of.name();
        self.frames.push(Frame::of(name, RoomId::FILE, name.span, true));
        match of {
            Of::Network(network) => {
                self.parameters(network, &[]);
                let (input, output) = self.header_sizes(network, None);
                Some(Begun { network, room: RoomId::FILE, input, output, outer: 1 })
            }
            Of::Instance(instance) => {
                if instance.incomplete {
                    return None;
                }
                let target = self.follow(instance, RoomId::FILE, &mut Vec::new())?;
                let mut frame = Frame::of(&target.network.name, target.room, instance.of.span(), false);
                frame.call = Some(instance.of.to_string());
                // The definition holds by itself: what does not hold here follows from what the instance changes.
                frame.shown_at = Some(match (&instance.input, instance.args.as_slice()) {
                    (Some(size), []) => size.span,
                    (None, [only]) => only.value.span,
                    _ => instance.of.span(),
                });
                self.frames.push(frame);
                self.parameters(target.network, &target.args);
                let (input, output) = self.header_sizes(target.network, target.input);
                Some(Begun { network: target.network, room: target.room, input, output, outer: 1 })
            }
        }
    }

    /// Goes through the sections and closes the frame of the definition.
    pub(super) fn go(mut self, of: Of<'a>, begun: &Begun<'a>, limits: &'a [Limit]) -> (Elaborated, Option<Follow>) {
        if !begun.network.incomplete {
            self.sections(begun.network, begun.input, begun.output);
        }
        let choices = std::mem::replace(&mut self.choices, Choices::None("a limit"));
        self.frames.truncate(begun.outer);
        let follow = match choices {
            Choices::Follow(follow) => Some(follow),
            Choices::None(_) | Choices::Ask(_) => None,
        };
        (self.finish(of.name(), of.header(), begun.input, begun.output, limits), follow)
    }
}

/// What the header of a space says, for who must emit something where the space is wrong.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    pub input: Option<Shape>,
    pub output: Option<Shape>,
}

/// All members of a space, its limits, and what its header says. Mistakes go to `errors`.
pub(crate) fn explore(
    of: Of<'_>,
    definitions: &Definitions<'_>,
    errors: &mut Diagnostics,
) -> (Sizes, Option<(Explored, Vec<Bound>)>) {
    let before = errors.len();
    let mut elaborator = Elaborator::new(definitions, errors);
    elaborator.choices = Choices::None("the header of a space");
    let Some(begun) = elaborator.begin(of) else { return (Sizes::default(), None) };
    let sizes = Sizes { input: begun.input, output: begun.output };
    let (checked, shown_at) = (elaborator.frame().checked, elaborator.frame().shown_at);
    let variables = std::mem::take(&mut elaborator.frame_mut().variables);
    let failed = elaborator.failed;
    let (Some(input), Some(output), false) = (begun.input, begun.output, failed || begun.network.incomplete) else {
        return (sizes, None);
    };
    let limits_see = if matches!(of, Of::Network(_)) { variables.clone() } else { Vec::new() };
    let (network, room) = (begun.network, begun.room);
    let start = Start { network, room, variables, input, output, checked, shown_at };
    match Explorer::explore(definitions, start) {
        Ok(explored) => {
            let mut elaborator = Elaborator::new(definitions, errors);
            elaborator.choices = Choices::None("a limit");
            elaborator.frames.push(Frame::of(of.name(), RoomId::FILE, of.name().span, true));
            elaborator.frame_mut().variables = limits_see;
            let bounds = elaborator.bounds(of.limits());
            (sizes, bounds.map(|bounds| (explored, bounds)))
        }
        Err(Stop::Space(diagnostic)) => {
            errors.push(diagnostic);
            (sizes, None)
        }
        Err(Stop::Incomplete) => (sizes, None),
        Err(Stop::Member(genes)) => {
            let options: Vec<u16> = genes.iter().map(|gene| gene.2).collect();
            let relevant = relevant(of, &options, definitions);
            let named: Vec<_> =
                genes.iter().zip(relevant).filter(|(_, relevant)| *relevant).map(|(gene, _)| gene).collect();
            member(of, options, note(&named), definitions, errors);
            if errors.len() == before {
                let message = format!("a member of `{}` is wrong", of.name().name);
                let mut diagnostic = Diagnostic::new(of.name().span, message);
                diagnostic.notes.extend(note(&genes.iter().collect::<Vec<_>>()));
                errors.push(diagnostic);
            }
            (sizes, None)
        }
    }
}

/// Which genes of a wrong member have to do with what is wrong: those with an option under which it is not.
fn relevant(of: Of<'_>, options: &[u16], definitions: &Definitions<'_>) -> Vec<bool> {
    let wrong = |options: Vec<u16>| {
        let mut errors = Diagnostics::default();
        let counts = member(of, options, None, definitions, &mut errors).map(|member| member.counts);
        (errors.into_vec().into_iter().next().map(|error| error.message), counts.unwrap_or_default())
    };
    let (message, counts) = wrong(options.to_vec());
    let heals = |gene: usize, option: u16| {
        let mut other = options.to_vec();
        other[gene] = option;
        wrong(other).0 != message
    };
    let one_heals = |gene: usize| {
        let others = (0..counts.get(gene).copied().unwrap_or(1) as u16).filter(|&option| option != options[gene]);
        others.take(OTHERS_TRIED).any(|option| heals(gene, option))
    };
    (0..options.len()).map(|gene| gene + GENES_TRIED >= options.len() && one_heals(gene)).collect()
}

/// Options of a gene, and genes before the mistake, that are looked at for what has to do with it.
const OTHERS_TRIED: usize = 4;
const GENES_TRIED: usize = 60;

/// How a member is written in a message.
fn note(genes: &[&(String, String, u16)]) -> Option<String> {
    const SHOWN: usize = 12;
    if genes.is_empty() {
        return None;
    }
    let shorten = |text: &str| {
        let short: String = text.chars().take(40).collect();
        if short.len() < text.len() { format!("{short}…") } else { short }
    };
    let left_out = genes.len().saturating_sub(SHOWN);
    let list: Vec<String> =
        genes[left_out..].iter().map(|(name, option, _)| format!("{name} = {}", shorten(option))).collect();
    let dots = if left_out > 0 { "…, " } else { "" };
    Some(format!("in the member with {dots}{}", list.join(", ")))
}

/// A member by itself.
pub(crate) struct Member {
    pub elaborated: Elaborated,
    /// What was met, in order.
    pub events: Vec<(usize, Event)>,
    /// How many options each gene that was met has.
    pub counts: Vec<usize>,
}

/// Elaborates one member, whose options are in the order in which its genes are met.
pub(crate) fn member(
    of: Of<'_>,
    options: Vec<u16>,
    note: Option<String>,
    definitions: &Definitions<'_>,
    errors: &mut Diagnostics,
) -> Option<Member> {
    let mut elaborator = Elaborator::new(definitions, errors);
    elaborator.choices = Choices::None("the header of a space");
    let begun = elaborator.begin(of)?;
    elaborator.choices = Choices::Follow(Follow::of(options));
    elaborator.note = note;
    let (elaborated, follow) = elaborator.go(of, &begun, &[]);
    let (events, counts) = follow.map(Follow::into_log).unwrap_or_default();
    Some(Member { elaborated, events, counts })
}

/// What the network of a space is as its members see it: the definition, its room, arguments and input.
pub(crate) struct Bare<'a> {
    pub network: &'a Network,
    pub room: RoomId,
    pub arguments: Vec<(String, Value)>,
    pub input: Option<Shape>,
}

/// The definition behind a space.
pub(crate) fn bare<'a>(of: Of<'a>, definitions: &'a Definitions<'a>) -> Option<Bare<'a>> {
    let mut errors = Diagnostics::default();
    let mut elaborator = Elaborator::new(definitions, &mut errors);
    let begun = elaborator.begin(of)?;
    let arguments = elaborator.frame().variables.iter();
    let arguments = arguments.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Some(Bare { network: begun.network, room: begun.room, arguments, input: begun.input })
}

impl Elaborator<'_, '_> {
    /// The limits of a space; `None` if one of them is wrong.
    fn bounds(&mut self, limits: &[Limit]) -> Option<Vec<Bound>> {
        let mut bounds = Vec::new();
        for limit in limits {
            if !self.is_quantity(limit) {
                continue;
            }
            if let Some(value) = self.limit_number(&limit.bound) {
                let quantity = limit.quantity.name.clone();
                bounds.push(Bound { quantity, op: limit.op, value, span: limit.bound.span });
            }
        }
        (!self.failed).then_some(bounds)
    }

    /// The number of a limit.
    pub(super) fn limit_number(&mut self, bound: &Expr) -> Option<f64> {
        match self.eval_at(bound, Err("a limit")) {
            Value::Unknown => None,
            Value::Int(bound) => Some(bound as f64),
            Value::Float(bound) => Some(bound),
            other => {
                self.error(bound.span, format!("a limit is a number, this is {} ({other})", other.kind()));
                None
            }
        }
    }
}

/// A number with its thousands apart, if it is whole.
pub(crate) fn grouped_float(x: f64) -> String {
    if x >= 0.0 && x.fract() == 0.0 && x < 1e18 { grouped(x as u64) } else { x.to_string() }
}

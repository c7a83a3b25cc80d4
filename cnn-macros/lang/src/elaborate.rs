//! From tree to graph: blocks, loops, conditions and arithmetic are carried out, names are given, sizes checked.
//!
//! A mistake is reported once; the tensor behind it is unknown, and what only follows from it is silent.

pub(crate) mod arguments;
mod blocks;
pub(crate) mod choices;
mod custom;
pub(crate) mod definitions;
mod eval;
mod headers;
mod joins;
pub(crate) mod limits;
pub(crate) mod members;
pub(crate) mod mentions;
mod report;
mod scopes;
pub(crate) mod space;
mod steps;
mod taps;
mod uses;
pub(crate) mod value;
mod variant;

use std::cell::Cell;
use std::collections::BTreeMap;

pub use definitions::closure;
pub(crate) use definitions::{Definitions, RoomId};
pub use scopes::field_name;
pub use uses::custom_paths;
pub(crate) use value::Value;
pub(crate) use variant::variant;

use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::graph::{Auxiliary, Call, Graph, Node, NodeId, Op, ScopeId, Shape};
use crate::syntax::ast::{Expr, Header, Ident, Instance, Limit, Network, SectionKind};
use choices::Choices;
use eval::{MOST_WORK, Surroundings, eval};
use scopes::{Naming, Scopes};
use space::Of;

/// A tensor on the way; `None` where a mistake has hidden its size.
type Tensor = Option<NodeId>;

/// Steps that one elaboration may take: a loop or repeat that runs away ends here.
const MOST_STEPS: usize = 400_000;
/// Nodes of one network.
const MOST_NODES: usize = 100_000;
/// Braces, joins and calls inside one another.
const DEEPEST: usize = 160;

/// A network that was asked for: its header, and its graph if it has no mistake.
#[derive(Debug)]
pub struct Elaborated {
    /// The network's name.
    pub name: Ident,
    /// Documentation, attributes, visibility.
    pub header: Header,
    /// As far as the header says.
    pub input: Option<Shape>,
    /// As far as the header says.
    pub output: Option<Shape>,
    /// The tensor that arrives at the head, as far as it got.
    pub features: Option<Shape>,
    /// Auxiliary outputs, as far as they got.
    pub auxiliary: Vec<Option<Shape>>,
    /// The network, if nothing was wrong with it.
    pub graph: Option<Graph>,
    /// For each node of the graph the word that made it.
    pub spans: Vec<Span>,
}

/// Elaborates a network by its definition: with default arguments, its own input, every `@` and `where` checked.
pub(crate) fn network(network: &Network, definitions: &Definitions<'_>, errors: &mut Diagnostics) -> Elaborated {
    whole(Of::Network(network), None, definitions, errors)
}

/// Elaborates `Name = path(args): size`.
pub(crate) fn instance(instance: &Instance, definitions: &Definitions<'_>, errors: &mut Diagnostics) -> Elaborated {
    whole(Of::Instance(instance), instance.input.as_ref(), definitions, errors)
}

fn whole(of: Of<'_>, size: Option<&Expr>, definitions: &Definitions<'_>, errors: &mut Diagnostics) -> Elaborated {
    let mut elaborator = Elaborator::new(definitions, errors);
    let Some(begun) = elaborator.begin(of) else {
        elaborator.incomplete = true;
        let input = size.and_then(|size| elaborator.size(size));
        return elaborator.finish(of.name(), of.header(), input, None, &[]);
    };
    elaborator.go(of, &begun, of.limits()).0
}

/// One network or block being elaborated.
struct Frame<'a> {
    /// What it is called in messages.
    name: &'a str,
    room: RoomId,
    variables: Vec<(&'a str, Value)>,
    taps: BTreeMap<(String, Option<i64>), Tensor>,
    /// Something that may hold taps was left out for an unknown value.
    taps_uncertain: bool,
    /// Whether `@` is checked: not in an instance with arguments of its own.
    checked: bool,
    /// Where it was called, in the room of the frame around it.
    call_span: Span,
    /// Where mistakes in it are shown, if not on their own words: these are not of the user's making.
    shown_at: Option<Span>,
    /// The call as written with its values, and where: for notes.
    call: Option<String>,
}

impl<'a> Frame<'a> {
    fn of(name: &'a Ident, room: RoomId, call_span: Span, checked: bool) -> Frame<'a> {
        Frame {
            name: &name.name,
            room,
            variables: Vec::new(),
            taps: BTreeMap::new(),
            taps_uncertain: false,
            checked,
            call_span,
            shown_at: (room != RoomId::FILE).then_some(call_span),
            call: None,
        }
    }
}

struct Elaborator<'a, 'e> {
    definitions: &'a Definitions<'a>,
    errors: &'e mut Diagnostics,
    frames: Vec<Frame<'a>>,
    nodes: Vec<Node>,
    spans: Vec<Span>,
    scopes: Scopes,
    calls: Vec<Call>,
    auxiliary: Vec<Auxiliary>,
    auxiliary_shapes: Vec<Option<Shape>>,
    in_auxiliary: bool,
    body: usize,
    head: Option<(usize, NodeId)>,
    output: Tensor,
    steps: usize,
    work: Cell<usize>,
    choices: Choices,
    depth: usize,
    /// A limit was reached: nothing more is elaborated.
    stopped: bool,
    /// Something was reported, perhaps by another network before, so there can be no graph.
    failed: bool,
    /// A definition is still to be brought here, so there can be no graph.
    incomplete: bool,
    /// Which member of a space this is, for messages.
    note: Option<String>,
}

impl<'a, 'e> Elaborator<'a, 'e> {
    fn new(definitions: &'a Definitions<'a>, errors: &'e mut Diagnostics) -> Elaborator<'a, 'e> {
        Elaborator {
            definitions,
            errors,
            frames: Vec::new(),
            nodes: Vec::new(),
            spans: Vec::new(),
            scopes: Scopes::new(),
            calls: Vec::new(),
            auxiliary: Vec::new(),
            auxiliary_shapes: Vec::new(),
            in_auxiliary: false,
            body: 0,
            head: None,
            output: None,
            steps: 0,
            work: Cell::new(0),
            choices: Choices::None("a network"),
            depth: 0,
            stopped: false,
            failed: false,
            incomplete: false,
            note: None,
        }
    }

    fn frame(&self) -> &Frame<'a> {
        &self.frames[self.frames.len() - 1]
    }

    fn frame_mut(&mut self) -> &mut Frame<'a> {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn shape(&self, tensor: Tensor) -> Option<Shape> {
        tensor.map(|id| self.nodes[id.0].shape)
    }

    fn eval_at(&mut self, expr: &Expr, arriving: Result<Option<Shape>, &'static str>) -> Value {
        let mut found = Vec::new();
        let around =
            Surroundings { variables: &self.frame().variables, arriving, work: &self.work, choices: &self.choices };
        let value = eval(expr, &around, &mut |diagnostic| found.push(diagnostic));
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
        if self.work.get() > MOST_WORK {
            let message = format!("the network computes more than {MOST_WORK} values");
            self.stop(Diagnostic::new(expr.span, message).help("a loop runs too often, or a list is too long"));
        }
        value
    }

    fn eval(&mut self, expr: &Expr, tensor: Tensor) -> Value {
        let shape = self.shape(tensor);
        self.eval_at(expr, Ok(shape))
    }

    /// Stem, body and head.
    fn sections(&mut self, network: &'a Network, input: Option<Shape>, output: Option<Shape>) {
        let mut tensor = input.map(|shape| {
            self.nodes.push(Node { op: Op::Input, inputs: vec![], shape, scope: ScopeId::ROOT, auxiliary: false });
            self.spans.push(network.input.span);
            NodeId(0)
        });
        self.body = self.nodes.len();
        for section in &network.sections {
            if section.kind == SectionKind::Head {
                self.head = tensor.map(|tensor| (self.nodes.len(), tensor));
            }
            let numbers = self.open(ScopeId::ROOT, section.kind.keyword(), section.keyword);
            for chain in &section.chains {
                tensor = self.chain(chain, tensor, Naming { labels: ScopeId::ROOT, numbers });
            }
            if section.kind == SectionKind::Stem {
                self.body = self.nodes.len();
            }
        }
        self.output = tensor;
        if let (Some(delivered), Some(expected)) = (self.shape(tensor), output)
            && delivered != expected
        {
            let name = &network.name.name;
            let last = network.sections.last().and_then(|section| section.chains.last()?.steps.last());
            let span = last.map_or(network.name.span, |step| steps::primary_span(&step.primary));
            let classes = expected.channels();
            let help = match (delivered, expected) {
                (Shape::Map { .. }, Shape::Vector(_)) => format!("end with `gap -> linear({classes})`"),
                (Shape::Vector(_), Shape::Vector(_)) => format!("end with `linear({classes})`, or change the header"),
                _ => "change the last steps or the header".to_owned(),
            };
            self.report(
                Diagnostic::new(
                    span,
                    format!("`{name}` should deliver {expected}, but its last step delivers {delivered}"),
                )
                .help(help),
            );
        }
    }

    fn finish(
        mut self,
        name: &Ident,
        header: &Header,
        input: Option<Shape>,
        output: Option<Shape>,
        limits: &[Limit],
    ) -> Elaborated {
        let mut graph = None;
        let features = self.head.map_or(self.output, |(_, features)| Some(features));
        let features = self.shape(features);
        let auxiliary = std::mem::take(&mut self.auxiliary_shapes);
        if !self.failed
            && !self.incomplete
            && let Some(output) = self.output
        {
            let (head, features) = self.head.unwrap_or((self.nodes.len(), output));
            let whole = Graph {
                name: name.name.clone(),
                nodes: std::mem::take(&mut self.nodes),
                scopes: std::mem::replace(&mut self.scopes, Scopes::new()).into_vec(),
                calls: std::mem::take(&mut self.calls),
                body: self.body,
                head,
                features,
                output,
                auxiliary: std::mem::take(&mut self.auxiliary),
            };
            self.limits(limits, Some(&whole));
            graph = (!self.failed).then_some(whole);
        } else {
            self.limits(limits, None);
        }
        Elaborated {
            name: name.clone(),
            header: header.clone(),
            input,
            output,
            features,
            auxiliary,
            graph,
            spans: self.spans,
        }
    }
}

//! From source to space.

use super::costs::{Counts, ranges};
use super::draw::Draws;
use super::limits::{HardLimit, out_of_range};
use super::{Genome, Space, SpaceError, SplitMix, genes};
use crate::diag::{Diagnostic, Diagnostics};
use crate::elaborate::members::Explored;
use crate::elaborate::mentions::Mentions;
use crate::elaborate::space::{Bound, Of, bare, explore, member};
use crate::elaborate::{Definitions, closure};
use crate::graph::{Graph, Shape};
use crate::syntax::ast::{Arg, Expr, ExprKind, File, Header, Ident, Instance, Item, Path, Use};
use crate::syntax::{parse_str, print};

/// What a source of spaces comes to.
#[derive(Debug)]
pub struct Spaces {
    /// The tree.
    pub file: File,
    /// Every space, in the order of the text.
    pub spaces: Vec<Definition>,
    /// Every mistake; empty if all spaces are proven.
    pub errors: Vec<Diagnostic>,
}

/// A space that was asked for, and whether it is one.
#[derive(Debug)]
pub struct Definition {
    /// Its name.
    pub name: Ident,
    /// Documentation, attributes, visibility.
    pub header: Header,
    /// The space, if nothing is wrong with it.
    pub space: Option<Space>,
}

/// Proves every network and instance of a tree to be a space; imports have been brought here.
pub fn compile(file: File, mut errors: Diagnostics) -> Spaces {
    let mut spaces = Vec::new();
    let definitions = Definitions::collect(&file, &mut errors);
    for of in file.items.iter().filter_map(of) {
        let space = prove(of, &file, &definitions, &mut errors);
        spaces.push(Definition { name: of.name().clone(), header: of.header().clone(), space });
    }
    for item in &file.items {
        if let Item::Block(block) = item
            && !block.incomplete
        {
            definitions.check_calls(block, &mut errors);
        }
    }
    drop(definitions);
    Spaces { file, spaces, errors: errors.into_vec() }
}

/// The space of a source that stands alone; the last one where no name is given.
///
/// # Errors
/// The mistakes of the source, or that it has no such definition.
pub fn load(source: &str, name: Option<&str>) -> Result<Space, Vec<Diagnostic>> {
    let mut errors = Diagnostics::default();
    let file = parse_str(source, &mut errors);
    of_tree(&file, name, errors)
}

/// The same of a tree whose imports have been brought here.
pub(crate) fn of_tree(file: &File, name: Option<&str>, mut errors: Diagnostics) -> Result<Space, Vec<Diagnostic>> {
    let definitions = Definitions::collect(file, &mut errors);
    let wanted = |of: &Of<'_>| name.is_none_or(|name| of.name().name == name);
    let found = file.items.iter().filter_map(of).rfind(wanted);
    if let Some(of) = found {
        let space = prove(of, file, &definitions, &mut errors);
        if errors.is_empty() {
            return space.ok_or_else(|| {
                let message = format!("{} needs definitions that the source does not hold", of.name().name);
                let help = "carry them: `use path::name { … }`";
                vec![Diagnostic::new(of.name().span, message).help(help)]
            });
        }
        return Err(errors.into_vec());
    }
    if errors.is_empty() {
        let names: Vec<&str> = file.items.iter().filter_map(of).map(|of| of.name().name.as_str()).collect();
        let message = match name {
            Some(name) if !names.is_empty() => {
                format!("no space `{name}` in the source, there are {}", names.join(", "))
            }
            _ => "the source defines no space".to_owned(),
        };
        errors.push(Diagnostic::new(proc_macro2::Span::call_site(), message));
    }
    Err(errors.into_vec())
}

/// Whether a network or instance holds a `choose`.
pub(crate) fn holds_choice(item: &Item, definitions: &Definitions<'_>) -> bool {
    let Some(bare) = of(item).and_then(|of| bare(of, definitions)) else { return false };
    let mut mentions = Mentions::new();
    let mut chains = bare.network.sections.iter().flat_map(|section| &section.chains);
    chains.any(|chain| mentions.chain_chooses(chain, bare.room, definitions))
}

/// Proves a network or instance to be a space.
pub(crate) fn define(
    item: &Item,
    file: &File,
    definitions: &Definitions<'_>,
    errors: &mut Diagnostics,
) -> Option<Definition> {
    let of = of(item)?;
    let space = prove(of, file, definitions, errors);
    Some(Definition { name: of.name().clone(), header: of.header().clone(), space })
}

/// The space of a source with arguments in place of its defaults and an input in place of its own, as if an instance
/// `Name(args): input` stood in the source; its limits are left out, as those of a definition are of its instances.
///
/// # Errors
/// The mistakes of the source, that it has no such definition, or what is wrong with the space at these arguments.
pub fn load_at(source: &str, name: Option<&str>, args: &[Arg], input: Option<Shape>) -> Result<Space, Vec<Diagnostic>> {
    let mut errors = Diagnostics::default();
    let file = parse_str(source, &mut errors);
    let wanted = |of: &Of<'_>| name.is_none_or(|name| of.name().name == name);
    let found = file.items.iter().filter_map(of).rfind(wanted);
    let (Some(of), false) = (found, args.is_empty() && input.is_none()) else { return of_tree(&file, name, errors) };
    let (name, header) = (of.name().clone(), of.header().clone());
    // Another path than the name, by which the instance itself is known.
    let outer = Ident { name: "space".to_owned(), span: name.span };
    let path = Path { segments: vec![outer, name.clone()] };
    let alias = Some(Ident { name: "_".to_owned(), span: name.span });
    let carried = Some(closure(&file, &name.name).items);
    let input = input.map(|shape| {
        let sizes: Vec<i64> = shape.dims().into_iter().map(|n| n as i64).collect();
        Expr { kind: ExprKind::List(sizes.into_iter().map(|n| number(n, name.span)).collect()), span: name.span }
    });
    let (of, args, limits) = (path.clone(), args.to_vec(), Vec::new());
    let instance = Instance { header, name: name.clone(), of, args, input, limits, incomplete: false };
    let items = vec![Item::Use(Use { path, alias, carried, span: name.span }), Item::Instance(instance)];
    of_tree(&File { items, lost: Vec::new() }, None, errors)
}

fn number(n: i64, span: crate::diag::Span) -> Expr {
    Expr { kind: ExprKind::Int(n), span }
}

pub(super) fn of(item: &Item) -> Option<Of<'_>> {
    match item {
        Item::Network(network) => Some(Of::Network(network)),
        Item::Instance(instance) => Some(Of::Instance(instance)),
        Item::Block(_) | Item::Use(_) => None,
    }
}

/// A space with all that can be known of it; mistakes go to `errors`.
fn prove(of: Of<'_>, file: &File, definitions: &Definitions<'_>, errors: &mut Diagnostics) -> Option<Space> {
    let (sizes, found) = explore(of, definitions, errors);
    let (Explored { genes: found, diagram }, bounds) = found?;
    let name = of.name().name.clone();
    let mut space = Space {
        source: print(&closure(file, &name)),
        name,
        docs: of.header().docs.clone(),
        input: sizes.input?,
        output: sizes.output?,
        genes: genes::genes(found, &diagram),
        counts: Counts::of(&diagram),
        ranges: ranges(&diagram),
        diagram,
        limits: bounds.iter().map(HardLimit::from).collect(),
        draws: Draws::Free,
    };
    match space.limited(&bounds) {
        Ok(draws) => {
            space.draws = draws;
            Some(space)
        }
        Err(diagnostic) => {
            errors.push(diagnostic);
            None
        }
    }
}

/// Draws that look for a first member within limits whose members cannot be counted.
const FIRST_TRIES: usize = 20_000;

impl Space {
    /// How members within the limits are drawn; that there are none is a mistake.
    fn limited(&mut self, bounds: &[Bound]) -> Result<Draws, Diagnostic> {
        let Some(last) = bounds.last() else { return Ok(Draws::Free) };
        let range = self.range();
        for (bound, limit) in bounds.iter().zip(&self.limits) {
            if let Some(message) = out_of_range(limit, &range) {
                return Err(Diagnostic::new(bound.span, message).help("loosen the limit, or choose from other options"));
            }
        }
        let help = "loosen one of the limits, or choose from other options";
        if let Some(reachable) = self.reachable() {
            if reachable.all > 0 {
                return Ok(Draws::Exact(reachable));
            }
            let limits: Vec<String> = self.limits.iter().map(ToString::to_string).collect();
            return Err(Diagnostic::new(last.span, format!("no member has {}", limits.join(" and "))).help(help));
        }
        self.draws = Draws::Rejection;
        let mut rng = SplitMix(0x5eed);
        let nothing = vec![None; self.genes.len()];
        let found = (0..FIRST_TRIES).any(|_| self.fulfil(&nothing, &mut rng).is_some());
        if found {
            return Ok(Draws::Rejection);
        }
        let limits: Vec<String> = self.limits.iter().map(ToString::to_string).collect();
        let message = format!("no member with {} was found in {FIRST_TRIES} tries", limits.join(" and "));
        Err(Diagnostic::new(last.span, message).help(help))
    }

    /// The network that a genome names; limits aside.
    ///
    /// # Errors
    /// If the genome is no member.
    pub fn graph(&self, genome: &Genome) -> Result<Graph, SpaceError> {
        let mut options = Vec::new();
        self.walk(genome, |_, option| options.push(option))?;
        let mut errors = Diagnostics::default();
        let file = parse_str(&self.source, &mut errors);
        let definitions = Definitions::collect(&file, &mut errors);
        let wanted = |of: &Of<'_>| of.name().name == self.name;
        let found = file.items.iter().filter_map(of).rfind(wanted);
        let built = found.and_then(|of| member(of, options, None, &definitions, &mut errors));
        let first = errors.into_vec().into_iter().next();
        match (built.and_then(|member| member.elaborated.graph), first) {
            (Some(graph), None) => Ok(graph),
            (_, why) => {
                let why = why.map_or_else(String::new, |diagnostic| format!(": {diagnostic}"));
                Err(SpaceError::Broken(format!("the member {genome} of `{}` has no graph{why}", self.name)))
            }
        }
    }
}

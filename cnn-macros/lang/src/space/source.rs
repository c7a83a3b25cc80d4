//! A member as source: the choices replaced by what was chosen.
//!
//! The member is elaborated once, which tells in order what every `choose`, condition, loop and repeat came to. Then the tree
//! is written anew with that. A loop or repeat stays one if all its passes chose alike; a block of which calls chose
//! differently becomes several. What holds no choice is kept as it is written. All blocks stand in the source itself, so it
//! stands alone.

mod blocks;
mod flow;
mod values;

use std::collections::VecDeque;

use super::load::of;
use super::{Genome, Space, SpaceError};
use crate::diag::{Diagnostics, Span};
use crate::elaborate::choices::{Event, address};
use crate::elaborate::definitions::{Definitions, RoomId};
use crate::elaborate::mentions::Mentions;
use crate::elaborate::space::{Of, bare, member};
use crate::graph::Shape;
use crate::syntax::ast::{Expr, ExprKind, File, Header, Item, Network, Param, Section};
use crate::syntax::{parse_str, print};

impl Space {
    /// The network that a genome names, as a source that stands alone and holds no `choose`; limits aside.
    ///
    /// # Errors
    /// If the genome is no member.
    pub fn source(&self, genome: &Genome) -> Result<String, SpaceError> {
        let mut options = Vec::new();
        self.walk(genome, |_, option| options.push(option))?;
        let broken = || SpaceError::Broken(format!("the member {genome} of `{}` cannot be written", self.name));
        let mut errors = Diagnostics::default();
        let file = parse_str(&self.source, &mut errors);
        let definitions = Definitions::collect(&file, &mut errors);
        let wanted = |of: &Of<'_>| of.name().name == self.name;
        let of = file.items.iter().filter_map(of).rfind(wanted).ok_or_else(broken)?;
        let events = member(of, options, None, &definitions, &mut errors).ok_or_else(broken)?.events;
        let bare = bare(of, &definitions).ok_or_else(broken)?;
        let network = bare.network;
        let mut writer = Writer {
            events: events.into(),
            definitions: &definitions,
            mentions: Mentions::new(),
            room: bare.room,
            blocks: blocks::Blocks::new(&self.name),
        };
        let mut sections: Vec<Section> = Vec::new();
        for section in &network.sections {
            let chains = section.chains.iter().map(|chain| writer.chain(chain)).collect();
            sections.push(Section { chains, ..section.clone() });
        }
        let param = |param: &Param| {
            let value = bare.arguments.iter().find(|(name, _)| *name == param.name.name);
            let default = value.map(|(_, value)| values::expr(value));
            Param { default: default.or_else(|| param.default.clone()), ..param.clone() }
        };
        let written = Network {
            header: Header {
                docs: vec![format!(" Member `{genome}` of the space `{}`.", self.name)],
                attributes: Vec::new(),
                visibility: of.header().visibility.clone(),
            },
            name: of.name().clone(),
            params: if bare.arguments.is_empty() { Vec::new() } else { network.params.iter().map(param).collect() },
            input: match of {
                Of::Network(_) => network.input.clone(),
                Of::Instance(_) => size(bare.input.unwrap_or(self.input)),
            },
            output: network.output.clone(),
            sections,
            limits: of.limits().to_vec(),
            incomplete: false,
        };
        let mut items = writer.blocks.into_items();
        items.push(Item::Network(written));
        Ok(print(&File { items, lost: Vec::new() }))
    }
}

fn size(shape: Shape) -> Expr {
    let sizes: Vec<i64> = shape.dims().into_iter().map(|n| n as i64).collect();
    let kind = match sizes.as_slice() {
        [only] => ExprKind::Int(*only),
        _ => ExprKind::Size(sizes),
    };
    Expr { kind, span: Span::call_site() }
}

struct Writer<'a> {
    /// What is still to be met.
    events: VecDeque<(usize, Event)>,
    definitions: &'a Definitions<'a>,
    mentions: Mentions<'a>,
    room: RoomId,
    blocks: blocks::Blocks<'a>,
}

impl Writer<'_> {
    /// What comes next, if it is of this part of the tree and as asked for.
    fn next<T, V>(&mut self, at: &T, as_asked: impl Fn(&Event) -> Option<V>) -> Option<V> {
        let (place, event) = self.events.front()?;
        let value = (*place == address(at)).then(|| as_asked(event))??;
        self.events.pop_front();
        Some(value)
    }

    fn begin<T>(&mut self, at: &T) -> bool {
        self.next(at, |event| (*event == Event::Begin).then_some(())).is_some()
    }

    /// Leaves out what is left of a step or branch that has begun.
    fn end(&mut self) {
        let mut open = 1;
        while open > 0 {
            match self.events.pop_front() {
                Some((_, Event::Begin)) => open += 1,
                Some((_, Event::End)) => open -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }
}

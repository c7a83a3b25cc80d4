//! A network as an instance that nobody wrote.

use super::definitions::{Definitions, RoomId};
use super::{Elaborated, Elaborator, Frame};
use crate::diag::Diagnostics;
use crate::graph::Shape;
use crate::syntax::ast::Instance;

/// Elaborates an instance that nobody wrote, at `input` if one is given: mistakes are shown in the definition.
pub(crate) fn variant(
    instance: &Instance,
    input: Option<Shape>,
    definitions: &Definitions<'_>,
    errors: &mut Diagnostics,
) -> Elaborated {
    let mut elaborator = Elaborator::new(definitions, errors);
    elaborator.frames.push(Frame::of(&instance.name, RoomId::FILE, instance.name.span, true));
    let Some(target) = elaborator.follow(instance, RoomId::FILE, &mut Vec::new()) else {
        elaborator.incomplete = true;
        return elaborator.finish(&instance.name, &instance.header, input, None, &[]);
    };
    elaborator.frames.push(Frame::of(&target.network.name, target.room, instance.of.span(), false));
    elaborator.parameters(target.network, &target.args);
    let (input, output) = elaborator.header_sizes(target.network, input.or(target.input));
    elaborator.sections(target.network, input, output);
    elaborator.frames.pop();
    elaborator.finish(&instance.name, &instance.header, input, output, &[])
}

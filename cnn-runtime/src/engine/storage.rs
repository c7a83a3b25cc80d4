//! Program → buffers: which values share memory, and from when to when each buffer lives.
//!
//! A concatenation costs nothing: its parts are computed where it wants them, the parts of a part too. A slice or a
//! reshape is another look at the same memory. A result is written over what it starts from, or over an input that
//! nobody reads afterwards.

mod layout;

pub use layout::{Layout, Order};

use super::operation::Operation;
use super::program::{Extent, Instruction, Origin, Program, ValueId};
use super::session::plane;

/// Where a value lies: each sample from `offset` on in the buffer's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into [`Storage::buffers`].
    pub buffer: usize,
    /// Numbers before it in each sample of the buffer.
    pub offset: usize,
    /// Numbers from a pixel to the next; 1 where channels come first.
    pub pitch: usize,
}

/// Memory that values share.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Numbers of a sample, or in all.
    pub sample: usize,
    /// Whether there is one for every sample.
    pub batched: bool,
    /// The first instruction that writes it.
    pub first: usize,
    /// The last that reads it.
    pub last: usize,
    /// The values in it.
    pub members: Vec<ValueId>,
}

/// Places of all values.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Of every value that is computed.
    pub places: Vec<Option<Place>>,
    /// In the order in which they are first written.
    pub buffers: Vec<Buffer>,
    /// The instruction that writes a value.
    pub written: Vec<usize>,
    /// The last instruction that reads it; outputs are read after the last.
    pub read: Vec<usize>,
}

impl Storage {
    /// Decides where everything lies.
    pub fn of(program: &Program, layout: Layout) -> Storage {
        let count = program.values.len();
        let mut storage = Storage {
            places: vec![None; count],
            buffers: Vec::new(),
            written: vec![usize::MAX; count],
            read: vec![0; count],
        };
        for (index, instruction) in program.instructions.iter().enumerate() {
            instruction.reads().for_each(|id| storage.read[id.0] = index);
            for output in &instruction.outputs {
                storage.written[output.value.0] = index;
                storage.read[output.value.0] = index;
            }
            if let Some(onto) = left_to_next(&program.instructions[index..], layout) {
                storage.read[onto.0] = index + 1;
            }
        }
        program.outputs.iter().for_each(|output| storage.read[output.value.0] = program.instructions.len());
        let homes = homes(program, layout);
        for (index, instruction) in program.instructions.iter().enumerate() {
            for (k, output) in instruction.outputs.iter().enumerate() {
                let place = storage.place(program, layout, &homes, index, k);
                storage.settle(output.value, place);
            }
        }
        storage
    }

    /// Notes that a value lies in a place.
    fn settle(&mut self, id: ValueId, place: Place) {
        self.places[id.0] = Some(place);
        let buffer = &mut self.buffers[place.buffer];
        buffer.members.push(id);
        buffer.first = buffer.first.min(self.written[id.0]);
        buffer.last = buffer.last.max(self.read[id.0]);
    }

    fn place(&mut self, program: &Program, layout: Layout, homes: &[Option<Home>], index: usize, k: usize) -> Place {
        let instruction = &program.instructions[index];
        let output = instruction.outputs[k];
        if let Some(place) = self.view(program, layout, instruction) {
            return place;
        }
        if let Some(Home { root, offset }) =
            homes[output.value.0].filter(|home| !self.would_mix(layout, instruction, home.root))
        {
            // The first part to be computed brings the whole into being.
            let place = match self.places[root.0] {
                Some(place) => place,
                None => {
                    let place = self.fresh(program, layout, root);
                    self.settle(root, place);
                    place
                }
            };
            return Place { offset: place.offset + offset, ..place };
        }
        if let Some(place) = self.places[output.value.0] {
            return place;
        }
        let overwritten = instruction.operation.overwrites(k).map(|i| instruction.inputs[i]);
        let over = output
            .onto
            .filter(|_| layout.adds_in_place(&instruction.operation))
            .or(overwritten)
            .filter(|&id| self.may_overwrite(program, layout, index, output.value, id));
        match over.and_then(|id| self.places[id.0]) {
            Some(place) => place,
            None => self.fresh(program, layout, output.value),
        }
    }

    /// Whether an operation that takes whole spans would write between the samples of what it reads.
    fn would_mix(&self, layout: Layout, instruction: &Instruction, root: ValueId) -> bool {
        let buffer = |id: ValueId| self.places[id.0].map(|place| place.buffer);
        let shares = || instruction.reads().any(|id| buffer(id).is_some() && buffer(id) == buffer(root));
        layout.takes_spans(&instruction.operation) && shares()
    }

    fn fresh(&mut self, program: &Program, layout: Layout, id: ValueId) -> Place {
        let extent = program.extent(id);
        let batched = matches!(extent, Extent::Batch(_));
        let members = Vec::new();
        self.buffers.push(Buffer { sample: layout.sample_of(extent), batched, first: usize::MAX, last: 0, members });
        Place { buffer: self.buffers.len() - 1, offset: 0, pitch: layout.pitch_of(extent) }
    }

    /// The place of what only looks at its input.
    fn view(&self, program: &Program, layout: Layout, instruction: &Instruction) -> Option<Place> {
        let place = self.places[instruction.inputs.first()?.0]?;
        let extents = [instruction.inputs[0], instruction.outputs[0].value].map(|id| program.extent(id));
        match (&instruction.operation, layout.order) {
            (Operation::Slice { first }, Order::ChannelsFirst) => {
                Some(Place { offset: place.offset + first * plane(extents[0]), ..place })
            }
            (Operation::Slice { first }, Order::ChannelsLast) => {
                let offset = place.offset + first;
                offset.is_multiple_of(layout.alignment).then_some(Place { offset, ..place })
            }
            (Operation::Reshape, Order::ChannelsFirst) => Some(place),
            (Operation::Reshape, Order::ChannelsLast) => {
                extents.iter().all(|&extent| plane(extent) == 1).then_some(place)
            }
            _ => None,
        }
    }

    /// Whether nobody needs what `id` holds once the instruction has run, and nothing else of it lies there.
    fn may_overwrite(&self, program: &Program, layout: Layout, index: usize, value: ValueId, id: ValueId) -> bool {
        let Some(place) = self.places[id.0] else { return false };
        let instruction = &program.instructions[index];
        let once = instruction.reads().filter(|&read| read == id).count() == 1;
        let size = |id: ValueId| layout.sample_of(program.extent(id));
        let batched = |id: ValueId| matches!(program.extent(id), Extent::Batch(_));
        let shares = |other: ValueId| self.places[other.0].is_some_and(|there| there.buffer == place.buffer);
        if layout.takes_spans(&instruction.operation) && instruction.reads().any(|other| other != id && shares(other)) {
            return false;
        }
        if !once || self.read[id.0] > index || size(id) != size(value) || batched(id) != batched(value) {
            return false;
        }
        let span = |id: ValueId| layout.channels_of(program.extent(id));
        let end = place.offset + span(id);
        self.buffers[place.buffer].members.iter().filter(|&&other| other != id).all(|&other| {
            let Some(there) = self.places[other.0] else { return true };
            let apart = there.offset >= end || there.offset + span(other) <= place.offset;
            apart || self.read[other.0] < index
        })
    }
}

/// What the first instruction's output is to be added to, where it cannot be there and the next one can do so: a device may
/// leave it to that one.
fn left_to_next(instructions: &[Instruction], layout: Layout) -> Option<ValueId> {
    let [instruction, next, ..] = instructions else { return None };
    let output = instruction.outputs.first()?;
    let adds = next.operation.takes_sum_back() && next.inputs.last() == Some(&output.value);
    output.onto.filter(|_| adds && !layout.adds_in_place(&instruction.operation))
}

/// Where a concatenation wants a value: so many numbers into each sample of another one.
#[derive(Clone, Copy, Debug)]
struct Home {
    root: ValueId,
    offset: usize,
}

/// Later concatenations first, so that a part which is itself one brings its parts along.
fn homes(program: &Program, layout: Layout) -> Vec<Option<Home>> {
    let mut homes: Vec<Option<Home>> = vec![None; program.values.len()];
    let mut rooted = vec![false; program.values.len()];
    let mut looks = vec![false; program.values.len()];
    for instruction in &program.instructions {
        if matches!(instruction.operation, Operation::Slice { .. } | Operation::Reshape) {
            looks[instruction.outputs[0].value.0] = true;
        }
    }
    for instruction in program.instructions.iter().rev() {
        if instruction.operation != Operation::Concat {
            continue;
        }
        let whole = instruction.outputs[0].value;
        let Home { root, mut offset } = homes[whole.0].unwrap_or(Home { root: whole, offset: 0 });
        rooted[root.0] = true;
        for &part in &instruction.inputs {
            let computed = program.values[part.0].origin == Origin::Computed;
            let aligned = offset.is_multiple_of(layout.alignment);
            if computed && aligned && homes[part.0].is_none() && !rooted[part.0] && !looks[part.0] {
                homes[part.0] = Some(Home { root, offset });
            }
            offset += layout.channels_of(program.extent(part));
        }
    }
    homes
}

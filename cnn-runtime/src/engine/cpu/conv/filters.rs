//! Weights in the order in which tiles meet them.

use std::ops::Range;

use super::bf16::{self, Form};
use super::tile::{BLOCK, MOST_VECTORS};
use crate::engine::cpu::rows::Scratch;
use crate::engine::cpu::team::Team;

/// A weight as the network has it, `[outputs, inputs / groups, height, width]`, seen from one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight<'a> {
    pub data: &'a [f32],
    /// Where each tap of the window lies in a filter, in the order of the taps that are used.
    pub taps: &'a [usize],
    /// All taps of a filter.
    pub window: usize,
    /// Channels of the network's groups: what one group reads, what it writes.
    pub group: [usize; 2],
    /// Whether gradients of outputs are what is read.
    pub backward: bool,
}

impl Weight<'_> {
    /// Where the number between channel `from` of what is read and `to` of what is written lies, both counted over all
    /// groups and of the same one.
    #[inline(always)]
    fn at(&self, from: usize, to: usize, tap: usize) -> usize {
        let inputs = self.group[0];
        let (input, output) = if self.backward { (to, from) } else { (from, to) };
        (output * inputs + input % inputs) * self.window + self.taps[tap]
    }

    /// The group of a channel that is read, and of one that is written.
    fn groups(&self, from: usize, to: usize) -> [usize; 2] {
        let [inputs, outputs] = self.group;
        let [read, written] = if self.backward { [outputs, inputs] } else { [inputs, outputs] };
        [from / read, to / written]
    }

    /// From a filter's number to the next filter's.
    fn step(&self) -> usize {
        if self.backward { self.window } else { self.group[0] * self.window }
    }
}

/// How filters are packed: the numbers of channels of a group of the convolution that is computed, which may be several of the
/// network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packing {
    pub groups: usize,
    pub channels: usize,
    pub filters: usize,
    /// Taps that are used.
    pub taps: usize,
    /// Numbers in a vector.
    pub lanes: usize,
    /// Vectors of filters in a tile.
    pub vectors: usize,
    /// What is packed.
    pub form: Form,
}

impl Packing {
    /// Filters of a tile.
    pub fn chunk(&self) -> usize {
        self.vectors * self.lanes
    }

    /// Words of channels under a tap.
    pub fn words(&self) -> usize {
        self.form.words(self.channels)
    }

    /// Words for each filter.
    pub fn depth(&self) -> usize {
        self.words() * self.taps
    }

    /// Tiles of filters in a group.
    pub fn chunks(&self) -> usize {
        self.filters.div_ceil(self.chunk())
    }

    /// Numbers of a group.
    pub fn group(&self) -> usize {
        self.filters.next_multiple_of(self.lanes) * self.depth()
    }

    /// Numbers in all.
    pub fn len(&self) -> usize {
        self.groups * self.group()
    }

    /// The filters of a tile, and where its weights begin in the group's.
    pub fn part(&self, chunk: usize) -> (Range<usize>, usize) {
        let first = chunk * self.chunk();
        (first..(first + self.chunk()).min(self.filters), first * self.depth())
    }

    /// Numbers of a tile: of the last of a group they may be fewer.
    fn tile(&self, chunk: usize) -> usize {
        self.part(chunk).0.len().next_multiple_of(self.lanes) * self.depth()
    }

    /// Packs the filters of one tile of one group.
    fn fill(&self, weight: &Weight<'_>, group: usize, chunk: usize, to: &mut [f32]) {
        let filters = self.part(chunk).0;
        let width = filters.len().next_multiple_of(self.lanes);
        let mut rows = to.chunks_exact_mut(width);
        // Several groups of the network in one of this: zeros between them.
        let mixed = self.filters != weight.group[usize::from(!weight.backward)];
        let first = group * self.filters + filters.start;
        let numbers = |channel: usize, tap: usize, row: &mut [f32]| {
            let from = group * self.channels + channel;
            if channel >= self.channels {
                row.fill(0.0);
            } else if mixed {
                for (to, value) in (first..).zip(row) {
                    let [read, written] = weight.groups(from, to);
                    *value = if read == written { weight.data[weight.at(from, to, tap)] } else { 0.0 };
                }
            } else {
                let numbers = weight.data[weight.at(from, first, tap)..].iter().step_by(weight.step());
                row.iter_mut().zip(numbers).for_each(|(value, &number)| *value = number);
            }
        };
        let words = self.words();
        for block in (0..words).step_by(BLOCK) {
            for tap in 0..self.taps {
                for word in block..(block + BLOCK).min(words) {
                    let Some(row) = rows.next() else { return };
                    let (row, rest) = row.split_at_mut(filters.len());
                    rest.fill(0.0);
                    match self.form {
                        Form::Number => numbers(word, tap, row),
                        Form::Rounded => {
                            numbers(word, tap, row);
                            bf16::round(row);
                        }
                        Form::Pair | Form::Matrix => {
                            let mut high = [0.0; MOST_VECTORS * 16];
                            let high = &mut high[..row.len()];
                            numbers(2 * word, tap, row);
                            numbers(2 * word + 1, tap, high);
                            bf16::join(row, high);
                        }
                    }
                }
            }
        }
    }

    /// Packs some tiles of filters of every group; `to` has as many numbers at least, [`Self::len`] for all of them. Of
    /// several groups all tiles are packed at once.
    pub fn pack(&self, team: &Team, weight: &Weight<'_>, chunks: Range<usize>, to: &mut [f32]) {
        let before = self.part(chunks.start).1;
        assert!(self.groups == 1 || chunks == (0..self.chunks()), "tiles of some groups only");
        let end = chunks.clone().last().map_or(before, |last| self.part(last).1 + self.tile(last));
        assert!((self.groups - 1) * self.group() + end - before <= to.len(), "more filters than there is room for");
        let to = Scratch::of(to);
        team.each(self.groups * chunks.len(), |task, _| {
            let (group, chunk) = (task / chunks.len(), chunks.start + task % chunks.len());
            let at = group * self.group() + self.part(chunk).1 - before;
            // SAFETY: tiles follow each other, the last of them ends where the assertion says.
            self.fill(weight, group, chunk, unsafe { to.part(at, self.tile(chunk)) });
        });
    }
}

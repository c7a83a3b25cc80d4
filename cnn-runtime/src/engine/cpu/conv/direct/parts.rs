//! Weights that are packed part by part: who has to read or evaluate them first never holds one whole.

use std::ops::Range;

use super::Direct;
use crate::engine::cpu::conv::filters::{Packing, Weight};
use crate::engine::cpu::team::Team;

impl Direct {
    /// Parts in which a weight can be packed one after the other, about so many numbers of it each: tiles of filters, and the
    /// weight's numbers that they hold.
    pub fn parts(&self, most: usize) -> Vec<(Range<usize>, Range<usize>)> {
        let (all, row) = (self.packing.groups * self.packing.filters, self.group[0] * self.window);
        if !self.divides() {
            return vec![(self.chunks(), 0..all * row)];
        }
        let at_once = (most / (self.packing.chunk() * row).max(1)).max(1);
        let part = |first: usize| {
            let chunks = first..(first + at_once).min(self.packing.chunks());
            let filters = self.packing.chunk() * chunks.start..(self.packing.chunk() * chunks.end).min(all);
            (chunks, filters.start * row..filters.end * row)
        };
        self.chunks().step_by(at_once).map(part).collect()
    }

    /// Whether tiles of filters are rows of the weight: where groups are one.
    fn divides(&self) -> bool {
        self.packing.groups == 1 && self.group[1] == self.packing.filters && !self.backward
    }

    /// Packs one of the [parts](Self::parts) of a weight, which is all that `weight` holds, to its place in `to`.
    pub fn pack_part(&self, team: &Team, weight: &[f32], chunks: Range<usize>, to: &mut [f32]) {
        if !self.divides() {
            return self.pack(team, weight, chunks, to);
        }
        let (begin, place) = self.packing.part(chunks.start);
        let filters = (self.packing.chunk() * chunks.end).min(self.packing.filters) - begin.start;
        // As if these filters were all there are.
        let packing = Packing { filters, ..self.packing };
        let group = [self.group[0], filters];
        let weight = Weight { data: weight, taps: &self.taps, window: self.window, group, backward: false };
        packing.pack(team, &weight, 0..packing.chunks(), &mut to[place..]);
    }
}

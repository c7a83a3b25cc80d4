//! What a plan will take, and how near that is to what it must.

use std::fmt;

use super::plan::{Constant, kept};
use super::program::{Class, Program};
use super::storage::{Buffer, Layout, Storage};

/// Bytes, known before anything runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Samples of a batch.
    pub batch: usize,
    /// Parameters, running statistics, and what was made of them.
    pub weights: usize,
    /// What optimizer and moving averages keep.
    pub optimizer: usize,
    /// The arena: activations, gradients and workspace share it.
    pub arena: usize,
    /// What is alive in the arena at the worst moment: no arena could be smaller.
    pub live: usize,
    /// The layer where that is.
    pub peak: String,
    /// Activations alive then.
    pub activations: usize,
    /// Gradients alive then.
    pub gradients: usize,
    /// Scratch of the computation running then.
    pub workspace: usize,
}

impl Report {
    /// Weights, optimizer and arena: what the executor allocates.
    pub fn total(&self) -> usize {
        self.weights + self.optimizer + self.arena
    }

    pub(super) fn of(
        program: &Program,
        storage: &Storage,
        layout: Layout,
        batch: usize,
        scratch: &[usize],
        arena: usize,
        constants: &[Constant],
    ) -> Report {
        let (weights, optimizer) = kept(program, constants, layout);
        let moments = scratch.len() + 1;
        let mut alive = vec![[0i64; 2]; moments + 1];
        for buffer in &storage.buffers {
            let samples = if buffer.batched { batch } else { 1 };
            for (from, to, class, elements) in spans(program, storage, layout, buffer) {
                let bytes = (elements * samples * layout.element_where(buffer.batched)) as i64;
                let column = usize::from(class == Class::Gradient);
                alive[from][column] += bytes;
                alive[to + 1][column] -= bytes;
            }
        }
        let mut report = Report { batch, weights, optimizer, arena, ..Report::default() };
        let mut now = [0i64; 2];
        for (moment, change) in alive[..moments].iter().enumerate() {
            now[0] += change[0];
            now[1] += change[1];
            let workspace = scratch.get(moment).copied().unwrap_or(0);
            let [activations, gradients] = now.map(|bytes| bytes as usize);
            if activations + gradients + workspace > report.live {
                report.live = activations + gradients + workspace;
                report.peak = program.instructions.get(moment).map_or_else(String::new, |i| i.place.clone());
                (report.activations, report.gradients, report.workspace) = (activations, gradients, workspace);
            }
        }
        report
    }
}

/// When how many numbers of a buffer are alive, as what: values that share memory count once.
fn spans(program: &Program, storage: &Storage, layout: Layout, buffer: &Buffer) -> Vec<(usize, usize, Class, usize)> {
    let life = |&id: &super::program::ValueId| {
        let offset = storage.places[id.0].map_or(0, |place| place.offset);
        let extent = program.extent(id);
        // Channels of one buffer have planes alike.
        let plane = layout.sample_of(extent) / layout.channels_of(extent).max(1);
        let (start, end) = (offset * plane, (offset + layout.channels_of(extent)) * plane);
        (storage.written[id.0], storage.read[id.0], start, end, program.values[id.0].class)
    };
    let mut members: Vec<_> = buffer.members.iter().map(life).collect();
    members.sort_by_key(|&(from, _, start, ..)| (start, from));
    if let [(from, to, start, end, class)] = members[..] {
        return vec![(from, to, class, end - start)];
    }
    let mut times: Vec<usize> = members.iter().flat_map(|&(from, to, ..)| [from, to + 1]).collect();
    times.sort_unstable();
    times.dedup();
    let mut spans = Vec::new();
    for pair in times.windows(2) {
        let mut reached = 0;
        for &(_, _, start, end, class) in members.iter().filter(|m| m.0 <= pair[0] && pair[0] <= m.1) {
            let fresh = end.saturating_sub(start.max(reached));
            if fresh > 0 {
                spans.push((pair[0], pair[1] - 1, class, fresh));
            }
            reached = reached.max(end);
        }
    }
    spans
}

/// Bytes as people read them.
pub(super) fn mebibytes(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slack = 100.0 * (self.arena as f64 / self.live.max(1) as f64 - 1.0);
        writeln!(f, "{} for batches of {}", mebibytes(self.total()), self.batch)?;
        writeln!(f, "  weights     {:>12}", mebibytes(self.weights))?;
        if self.optimizer > 0 {
            writeln!(f, "  optimizer   {:>12}", mebibytes(self.optimizer))?;
        }
        writeln!(
            f,
            "  arena       {:>12}  {slack:.1} % above what is alive at `{}`:",
            mebibytes(self.arena),
            self.peak
        )?;
        writeln!(f, "  - activations {:>10}", mebibytes(self.activations))?;
        if self.gradients > 0 {
            writeln!(f, "  - gradients   {:>10}", mebibytes(self.gradients))?;
        }
        write!(f, "  - workspace   {:>10}", mebibytes(self.workspace))
    }
}

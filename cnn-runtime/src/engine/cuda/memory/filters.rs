//! Weights of convolutions in the library's form: `[outputs, height, width, inputs / groups]`, in the numbers of maps, each row
//! of a window padded by zeros where x is unfolded.
//!
//! Constants are brought into it when they are set. What is learned stays as the network has it, and is brought into this form
//! in every run; what a step computes, when it is wanted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bytes as bytes_of_words;
use crate::engine::cuda::device::{Device, Region};
use crate::engine::cuda::lower::Convolution;
use crate::engine::cuda::words::Number;
use crate::engine::error::EngineError;
use crate::engine::memory::ALIGNMENT;
use crate::engine::plan::{Operand, Plan, Source, Step};

/// The weights that a plan's convolutions read through the library.
#[derive(Debug, Default)]
pub(in crate::engine::cuda) struct Filters {
    /// Constants that are stored in the library's form.
    stored: BTreeMap<usize, [usize; 5]>,
    /// Of the others, where each goes.
    places: Vec<(Weight, Place)>,
    /// The memory of all places and their table.
    regions: Option<[Region; 2]>,
    /// The first entries of the table are what is learned.
    pub learned: usize,
    /// Numbers of the largest weight.
    pub largest: usize,
}

/// What a weight is known by: its memory, in which others of other sizes may lie before and after, and its sizes.
type Weight = (Source, [usize; 5]);

/// Where a weight goes.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::cuda) struct Place {
    /// Address of the numbers in the library's form.
    pub packed: u64,
    /// Address of its entry in the table that kernels read.
    pub table: u64,
}

/// Words of an entry: `Filter` in `kernels/conv.cu`.
const ENTRY: usize = 7;

/// What the convolutions of some steps read through the library.
#[derive(Default)]
struct Wanted {
    stored: BTreeMap<usize, [usize; 5]>,
    learned: Vec<(Operand, Convolution)>,
    computed: Vec<(Operand, Convolution)>,
}

impl Wanted {
    fn of(steps: &[Step], number: Number) -> Wanted {
        let mut wanted = Wanted::default();
        for step in steps {
            let Some(convolution) = Convolution::of(&step.operation).filter(|of| of.is_for_library(number)) else {
                continue;
            };
            let Some(weight) = convolution.weight().map(|index| step.inputs[index]) else { continue };
            let to = match weight.source {
                Source::Constant(index) => {
                    wanted.stored.insert(index, convolution.filter(number));
                    continue;
                }
                Source::Arena(_) => &mut wanted.computed,
                Source::State(_) | Source::Input => &mut wanted.learned,
            };
            let known = |(known, of): &(Operand, Convolution)| {
                (known.source, of.filter(number)) == (weight.source, convolution.filter(number))
            };
            if !convolution.is_filter(number) && !to.iter().any(known) {
                to.push((weight, convolution));
            }
        }
        wanted
    }

    /// Those that are brought into the library's form on the device.
    fn all(&self) -> impl Iterator<Item = &(Operand, Convolution)> {
        self.learned.iter().chain(&self.computed)
    }

    /// Bytes of their memory, and of their table.
    fn bytes(&self, number: Number) -> [usize; 2] {
        let packed = self.all().map(|(_, of)| padded(of, number)).sum();
        [packed, self.all().count() * ENTRY * size_of::<u64>()]
    }
}

fn padded(convolution: &Convolution, number: Number) -> usize {
    convolution.filter_bytes(number).next_multiple_of(ALIGNMENT)
}

/// Bytes that the filters of some steps take beside the weights.
pub(in crate::engine::cuda) fn bytes(steps: &[Step], number: Number) -> usize {
    Wanted::of(steps, number).bytes(number).iter().sum()
}

impl Filters {
    /// What a plan wants; nothing where there is no library.
    pub fn new(
        device: &Arc<dyn Device>,
        plan: &Plan,
        number: Number,
        address: impl Fn(&Operand) -> u64,
    ) -> Result<Filters, EngineError> {
        if !device.has_library() {
            return Ok(Filters::default());
        }
        let wanted = Wanted::of(&plan.steps, number);
        let mut filters = Filters { learned: wanted.learned.len(), ..Filters::default() };
        if wanted.all().next().is_some() {
            let [packed, table] = wanted.bytes(number);
            let packed = Region::new(device, "weights in cuDNN's form", packed)?;
            let table = Region::new(device, "the table of weights", table)?;
            let (mut byte, mut words) = (0, Vec::new());
            for (index, (weight, convolution)) in wanted.all().enumerate() {
                let place = Place { packed: packed.at(byte), table: table.at(index * ENTRY * size_of::<u64>()) };
                words.extend([address(weight), place.packed]);
                words.extend(convolution.filter(number).map(|size| size as u64));
                filters.places.push(((weight.source, convolution.filter(number)), place));
                filters.largest = filters.largest.max(convolution.filter_numbers(number));
                byte += padded(convolution, number);
            }
            table.upload(0, &bytes_of_words(&words))?;
            filters.regions = Some([packed, table]);
        }
        filters.stored = wanted.stored;
        Ok(filters)
    }

    /// Whether a constant is stored in the library's form.
    pub fn stores(&self, weight: &Operand) -> bool {
        matches!(weight.source, Source::Constant(index) if self.stored.contains_key(&index))
    }

    /// Where another weight goes.
    pub fn of(&self, weight: &Operand, convolution: &Convolution, number: Number) -> Option<Place> {
        let wanted = (weight.source, convolution.filter(number));
        self.places.iter().find(|(known, _)| *known == wanted).map(|(_, place)| *place)
    }

    /// The table's address.
    pub fn table(&self) -> u64 {
        self.regions.as_ref().map_or(0, |[_, table]| table.at(0))
    }

    /// A constant as it is stored.
    pub fn constant(&self, index: usize, number: Number, values: &[f32]) -> Vec<u8> {
        let Some(&[outputs, inputs, height, width, row]) = self.stored.get(&index) else {
            return Number::F32.write(values);
        };
        let mut packed = vec![0.0; outputs * height * row];
        for (filter, values) in packed.chunks_exact_mut(height * row).zip(values.chunks_exact(inputs * height * width))
        {
            for (u, row) in filter.chunks_exact_mut(row).enumerate() {
                for (v, input) in (0..width).flat_map(|v| (0..inputs).map(move |input| (v, input))) {
                    row[v * inputs + input] = values[(input * height + u) * width + v];
                }
            }
        }
        number.write(&packed)
    }

    pub fn bytes(&self) -> usize {
        self.regions.iter().flatten().map(Region::bytes).sum()
    }
}

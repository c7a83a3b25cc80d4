//! How a back end lays tensors out.

use crate::engine::operation::Operation;
use crate::engine::program::Extent;
use crate::engine::session::{elements, plane, shape};

/// How a back end lays tensors out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of a number of which there is one for all samples: of weights, their gradients, statistics.
    pub element: usize,
    /// Bytes of a number of which every sample has its own.
    pub activation: usize,
    /// What follows what in a sample.
    pub order: Order,
    /// Whether convolutions, and gradients of their inputs, add to what lies in their output's memory.
    pub sums_in_place: bool,
    /// Where channels lie between others of the same pixel, the first of them is a multiple of this.
    pub alignment: usize,
}

/// What follows what in a sample of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A channel's whole plane, then the next one's: NCHW.
    ChannelsFirst,
    /// A pixel's channels, then the next one's: NHWC. Some channels of a map lie between the others of the same pixel.
    ChannelsLast,
}

impl Layout {
    /// With one kind of numbers, of so many bytes.
    pub fn uniform(element: usize, order: Order) -> Layout {
        Layout { element, activation: element, order, sums_in_place: true, alignment: 1 }
    }

    /// Bytes of a number of such a value.
    pub(in crate::engine) fn element_of(&self, extent: Extent) -> usize {
        self.element_where(matches!(extent, Extent::Batch(_)))
    }

    /// Bytes of a number where every sample has its own, or one for all.
    pub(in crate::engine) fn element_where(&self, batched: bool) -> usize {
        if batched { self.activation } else { self.element }
    }

    /// Numbers that a sample takes.
    pub(in crate::engine) fn sample_of(&self, extent: Extent) -> usize {
        elements(extent)
    }

    /// Numbers from one value to the next where they stand together as channels.
    pub(in crate::engine) fn channels_of(&self, extent: Extent) -> usize {
        match self.order {
            Order::ChannelsFirst => elements(extent),
            Order::ChannelsLast => shape(extent).channels(),
        }
    }

    /// Numbers from a pixel to the next, where nothing lies between.
    pub(in crate::engine) fn pitch_of(&self, extent: Extent) -> usize {
        match self.order {
            Order::ChannelsFirst => 1,
            Order::ChannelsLast => shape(extent).channels(),
        }
    }

    /// Numbers from the first of a sample to behind its last.
    pub(in crate::engine) fn reach(&self, extent: Extent, pitch: usize) -> usize {
        match self.order {
            Order::ChannelsFirst => elements(extent),
            Order::ChannelsLast => (plane(extent) - 1) * pitch + shape(extent).channels(),
        }
    }

    /// Whether an operation may add to what lies in its output's memory.
    pub(super) fn adds_in_place(&self, operation: &Operation) -> bool {
        let writes_over = matches!(
            operation,
            Operation::Conv { .. }
                | Operation::Linear { .. }
                | Operation::ConvInputGradient(_)
                | Operation::LinearInputGradient(_)
        );
        self.sums_in_place || !writes_over
    }

    /// Whether back ends take the tensors of an operation from the first sample to the last with all that lies between: then no
    /// output may lie between the samples of another operand.
    pub(in crate::engine) fn takes_spans(&self, operation: &Operation) -> bool {
        self.order == Order::ChannelsFirst
            && matches!(operation, Operation::BatchNorm(_) | Operation::BatchNormGradient { .. })
    }

    /// Bytes of a value for so many samples.
    pub fn bytes(&self, extent: Extent, batch: usize) -> usize {
        let samples = if matches!(extent, Extent::Batch(_)) { batch } else { 1 };
        self.sample_of(extent) * samples * self.element_of(extent)
    }
}

//! A convolution seen from one direction: what it reads, what it writes, and through which taps.

use super::line::Line;
use crate::engine::operation::ConvShape;
use crate::kernels::window::Axis;

/// The convolution itself, or one phase of the way back to its input.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub rows: Line,
    pub cols: Line,
    /// Where each tap, row by row, lies in a filter.
    pub taps: Vec<usize>,
    /// All taps of a filter.
    pub window: usize,
    /// Groups of the network.
    pub groups: usize,
    /// Channels of the network's groups: read, written, as the weight counts them.
    pub group: [usize; 2],
    /// Whether gradients of outputs are what is read.
    pub backward: bool,
    /// The first row and column that are written, and from one to the next.
    pub to: [(usize, usize); 2],
}

impl View {
    /// The convolution itself.
    pub fn forward(shape: &ConvShape) -> View {
        let taps = (0..shape.rows.kernel * shape.cols.kernel).collect();
        View::new(shape, [Line::forward(&shape.rows), Line::forward(&shape.cols)], taps, [(0, 1); 2], false)
    }

    /// From gradients of the output to those of the input: one convolution for each phase of the strides.
    pub fn backward(shape: &ConvShape) -> Vec<View> {
        let mut phases = Vec::new();
        for row in 0..shape.rows.stride.min(shape.rows.input) {
            for col in 0..shape.cols.stride.min(shape.cols.input) {
                let (rows, down) = Line::backward(&shape.rows, row);
                let (cols, along) = Line::backward(&shape.cols, col);
                let width = shape.cols.kernel;
                let taps = down.iter().flat_map(|k| along.iter().map(move |l| k * width + l)).collect();
                let to = [(row, shape.rows.stride), (col, shape.cols.stride)];
                phases.push(View::new(shape, [rows, cols], taps, to, true));
            }
        }
        phases
    }

    /// A fully connected layer on so many samples: each is a pixel.
    pub fn linear([channels, filters]: [usize; 2], batch: usize, backward: bool) -> View {
        let [rows, cols] = Axis::pair([1, batch], [1, batch], [1, 1], [1, 1], [0; 4], [1, 1]);
        let [inputs, outputs] = if backward { [filters, channels] } else { [channels, filters] };
        let shape = ConvShape { inputs, outputs, groups: 1, rows, cols };
        View::new(&shape, [Line::forward(&rows), Line::forward(&cols)], vec![0], [(0, 1); 2], backward)
    }

    fn new(
        shape: &ConvShape,
        [rows, cols]: [Line; 2],
        taps: Vec<usize>,
        to: [(usize, usize); 2],
        backward: bool,
    ) -> View {
        let group = [shape.inputs / shape.groups, shape.outputs / shape.groups];
        let window = shape.rows.kernel * shape.cols.kernel;
        View { rows, cols, taps, window, groups: shape.groups, group, backward, to }
    }

    /// Channels of a group: read, written.
    pub fn channels(&self) -> [usize; 2] {
        let [inputs, outputs] = self.group;
        if self.backward { [outputs, inputs] } else { [inputs, outputs] }
    }
}

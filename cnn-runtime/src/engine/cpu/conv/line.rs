//! One axis of a convolution, forward or backward.

use crate::kernels::window::Axis;

/// Tap `t` of output `o` lies on input `o stride + taps[t] - before`; outside of the input there are zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub input: usize,
    pub output: usize,
    pub stride: usize,
    pub before: isize,
    /// In rising order.
    pub taps: Vec<usize>,
}

impl Line {
    /// As the window moves.
    pub fn forward(axis: &Axis) -> Line {
        Line {
            input: axis.input,
            output: axis.output,
            stride: axis.stride,
            before: axis.before as isize,
            taps: (0..axis.kernel).map(|k| k * axis.dilation).collect(),
        }
    }

    /// The way back, from outputs to the inputs `phase`, `phase + stride`, …: and which tap of the window each tap is.
    pub fn backward(axis: &Axis, phase: usize) -> (Line, Vec<usize>) {
        let stride = axis.stride as isize;
        // Input q stride + phase meets output q + delta through tap k.
        let mut taps: Vec<(isize, usize)> = (0..axis.kernel)
            .map(|k| (phase as isize + axis.before as isize - (k * axis.dilation) as isize, k))
            .filter(|(at, _)| at.rem_euclid(stride) == 0)
            .map(|(at, k)| (at.div_euclid(stride), k))
            .collect();
        taps.sort_unstable();
        let first = taps.first().map_or(0, |&(delta, _)| delta);
        let line = Line {
            input: axis.output,
            output: axis.input.saturating_sub(phase).div_ceil(axis.stride),
            stride: 1,
            before: -first,
            taps: taps.iter().map(|&(delta, _)| (delta - first) as usize).collect(),
        };
        (line, taps.into_iter().map(|(_, k)| k).collect())
    }

    /// Whether outputs are inputs.
    pub fn is_identity(&self) -> bool {
        self.stride == 1 && self.before == 0 && self.taps == [0] && self.input == self.output
    }

    /// The input under a tap of an output, or beside it.
    pub fn at(&self, output: usize, tap: usize) -> isize {
        (output * self.stride + self.taps[tap]) as isize - self.before
    }

    /// The input under a tap of an output, if there is one.
    pub fn input_at(&self, output: usize, tap: usize) -> Option<usize> {
        usize::try_from(self.at(output, tap)).ok().filter(|&at| at < self.input)
    }

    /// The outputs whose tap lies on an input.
    pub fn outputs(&self, tap: usize) -> std::ops::Range<usize> {
        let lacking = self.before - self.taps[tap] as isize;
        let start = lacking.max(0) as usize;
        let end = (self.input as isize + lacking).max(0) as usize;
        let (start, end) = (start.div_ceil(self.stride), end.div_ceil(self.stride).min(self.output));
        start.min(end)..end
    }

    /// The outputs of which every tap lies on an input.
    pub fn inner(&self) -> std::ops::Range<usize> {
        let all = (0..self.taps.len()).map(|tap| self.outputs(tap));
        let (start, end) =
            all.fold((0, self.output), |(start, end), range| (start.max(range.start), end.min(range.end)));
        start.min(end)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Vec<Axis> {
        let mut axes = Vec::new();
        for input in [1, 2, 5, 8] {
            for kernel in [1, 2, 3, 5] {
                for stride in [1, 2, 3, 4] {
                    for [before, after] in [[0, 0], [1, 1], [0, 2], [3, 1]] {
                        for dilation in [1, 2] {
                            let axis = Axis { input, output: 0, kernel, stride, before, after, dilation };
                            let output = axis.whole_windows();
                            axes.push(Axis { output, ..axis });
                        }
                    }
                }
            }
        }
        axes.retain(|axis| axis.output > 0);
        axes
    }

    #[test]
    fn forward_is_the_window() {
        for axis in axes() {
            let line = Line::forward(&axis);
            for k in 0..axis.kernel {
                assert_eq!(line.outputs(k), axis.outputs(k), "{axis:?}");
                axis.outputs(k).for_each(|o| assert_eq!(line.input_at(o, k), Some(axis.at(o, k))));
            }
        }
    }

    /// Every pair of input, tap and output that meets forward meets backward, in one phase.
    #[test]
    fn backward_is_forward_turned() {
        for axis in axes() {
            let mut forward: Vec<[usize; 3]> =
                (0..axis.kernel).flat_map(|k| axis.outputs(k).map(move |o| [axis.at(o, k), k, o])).collect();
            let mut backward = Vec::new();
            for phase in 0..axis.stride {
                let (line, kernel) = Line::backward(&axis, phase);
                for q in 0..line.output {
                    for (tap, &k) in kernel.iter().enumerate() {
                        backward.extend(line.input_at(q, tap).map(|o| [q * axis.stride + phase, k, o]));
                    }
                }
            }
            forward.sort_unstable();
            backward.sort_unstable();
            assert_eq!(forward, backward, "{axis:?}");
        }
    }
}

//! Sliding windows, shared by convolution and pooling.

use std::ops::Range;

/// One axis of a sliding window: the tap `k` of output `o` lies on input `o * stride + k * dilation - before`;
/// where that is outside of the input there is padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    /// Inputs along the axis.
    pub input: usize,
    /// Outputs along the axis.
    pub output: usize,
    /// Taps of the window.
    pub kernel: usize,
    /// Inputs from one output to the next.
    pub stride: usize,
    /// Padding in front of the input.
    pub before: usize,
    /// Padding behind the input.
    pub after: usize,
    /// Inputs from one tap to the next.
    pub dilation: usize,
}

impl Axis {
    /// Rows and columns of a window; pairs are [height, width], `pad` is top, bottom, left, right.
    pub fn pair(
        input: [usize; 2],
        output: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        pad: [usize; 4],
        dilation: [usize; 2],
    ) -> [Self; 2] {
        [0, 1].map(|axis| Self {
            input: input[axis],
            output: output[axis],
            kernel: kernel[axis],
            stride: stride[axis],
            before: pad[2 * axis],
            after: pad[2 * axis + 1],
            dilation: dilation[axis],
        })
    }

    /// A window of one that moves by one: outputs are inputs.
    pub(super) fn identity(len: usize) -> Self {
        Self { input: len, output: len, kernel: 1, stride: 1, before: 0, after: 0, dilation: 1 }
    }

    /// The way back: the window under which every input meets, last tap first, the outputs that saw it. None with a stride
    /// above 1, or where windows lie in the padding entirely.
    pub(super) fn turned(&self) -> Option<Self> {
        let reach = self.dilation * (self.kernel - 1);
        (self.stride == 1 && self.before <= reach && self.after <= reach).then(|| Self {
            input: self.output,
            output: self.input,
            before: reach - self.before,
            after: reach - self.after,
            ..*self
        })
    }

    /// Padding on both sides.
    pub(super) fn pads(&self) -> usize {
        self.before + self.after
    }

    /// The outputs whose tap `k` lies on an input.
    pub fn outputs(&self, k: usize) -> Range<usize> {
        let tap = k * self.dilation;
        let start = self.before.saturating_sub(tap).div_ceil(self.stride);
        let end = (self.input + self.before).saturating_sub(tap).div_ceil(self.stride).min(self.output);
        start.min(end)..end
    }

    /// The taps of output `o` that lie on an input.
    pub fn taps(&self, o: usize) -> Range<usize> {
        let first = o * self.stride;
        let start = self.before.saturating_sub(first).div_ceil(self.dilation);
        let end = (self.input + self.before).saturating_sub(first).div_ceil(self.dilation).min(self.kernel);
        start.min(end)..end
    }

    /// The taps of output `o` that lie on an input or its padding, but not beyond. There are fewer than `kernel`
    /// where ceil mode lets the last window hang over.
    pub fn taps_in_bounds(&self, o: usize) -> usize {
        (self.input + self.before + self.after).saturating_sub(o * self.stride).div_ceil(self.dilation).min(self.kernel)
    }

    /// The input under tap `k` of output `o`, which [`Axis::outputs`] or [`Axis::taps`] admits.
    pub fn at(&self, o: usize, k: usize) -> usize {
        o * self.stride + k * self.dilation - self.before
    }

    /// How many whole windows fit: `floor((input + before + after - dilation (kernel - 1) - 1) / stride) + 1`.
    pub fn whole_windows(&self) -> usize {
        let reach = self.dilation * self.kernel.saturating_sub(1) + 1;
        match (self.input + self.before + self.after).checked_sub(reach) {
            Some(rest) => rest / self.stride + 1,
            None => 0,
        }
    }

    /// The windows of ceil mode: one that hangs over the end counts too, if it starts on the input or the padding in
    /// front of it.
    pub fn ceil_windows(&self) -> usize {
        let reach = self.dilation * self.kernel.saturating_sub(1) + 1;
        let Some(rest) = (self.input + self.before + self.after).checked_sub(reach) else {
            return 0;
        };
        let windows = rest.div_ceil(self.stride) + 1;
        let last = (windows - 1) * self.stride;
        if last >= self.input + self.before { windows - 1 } else { windows }
    }

    /// Panics if a size is zero or `output` is not the number of whole windows (with `ceil`: nor that of ceil mode).
    #[track_caller]
    pub(super) fn check(&self, op: &str, axis: &str, ceil: bool) {
        assert!(
            self.kernel > 0 && self.stride > 0 && self.dilation > 0,
            "{op}: kernel, stride and dilation are at least 1, not {self:?}; this is a bug in the calling code"
        );
        let whole = self.whole_windows();
        assert!(
            self.output == whole || ceil && self.output == self.ceil_windows(),
            "{op}: {axis} is said to be {}, the window gives {whole}; this is a bug in the calling code",
            self.output
        );
    }
}

/// `f(row[i], x[i stride])` along a row of outputs.
#[inline(always)]
pub(super) fn gather<A, B>(row: &mut [A], x: &[B], stride: usize, f: impl Fn(&mut A, &B)) {
    match stride {
        1 => row.iter_mut().zip(x).for_each(|(row, x)| f(row, x)),
        // in pairs, which become vectors; the last output may have no second of its pair
        2 => {
            let Some((last, row)) = row.split_last_mut() else { return };
            let at = 2 * row.len();
            row.iter_mut().zip(x[..at].chunks_exact(2)).for_each(|(row, x)| f(row, &x[0]));
            f(last, &x[at]);
        }
        _ => row.iter_mut().zip(x.iter().step_by(stride)).for_each(|(row, x)| f(row, x)),
    }
}

/// `f(x[i stride], row[i])` along a row of outputs.
#[inline(always)]
pub(super) fn scatter<A, B>(x: &mut [B], row: &[A], stride: usize, f: impl Fn(&mut B, &A)) {
    match stride {
        1 => x.iter_mut().zip(row).for_each(|(x, row)| f(x, row)),
        2 => {
            let Some((last, row)) = row.split_last() else { return };
            let at = 2 * row.len();
            x[..at].chunks_exact_mut(2).zip(row).for_each(|(x, row)| f(&mut x[0], row));
            f(&mut x[at], last);
        }
        _ => x.iter_mut().step_by(stride).zip(row).for_each(|(x, row)| f(x, row)),
    }
}

/// Outputs of a row that are computed together, in buffers on the stack.
pub(super) const RUN: usize = 64;

/// A row of so many outputs in runs.
pub(super) fn runs(outputs: usize) -> impl Iterator<Item = Range<usize>> {
    (0..outputs).step_by(RUN).map(move |start| start..(start + RUN).min(outputs))
}

/// Calls `f(outputs, from)` for every tap of the windows whose outputs are a run of row i, tap by tap in order: these
/// outputs, counted from the start of the run, see every `cols.stride`-th input from number `from` of the plane on.
#[inline(always)]
pub(super) fn row_taps([rows, cols]: [&Axis; 2], i: usize, run: &Range<usize>, mut f: impl FnMut(Range<usize>, usize)) {
    for u in rows.taps(i) {
        let row = rows.at(i, u) * cols.input;
        for v in 0..cols.kernel {
            let hit = cols.outputs(v);
            let outputs = hit.start.max(run.start)..hit.end.min(run.end);
            if outputs.start < outputs.end {
                let from = row + cols.at(outputs.start, v);
                f(outputs.start - run.start..outputs.end - run.start, from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `outputs`, `taps` and `taps_in_bounds` agree with their definition on every small window.
    #[test]
    fn ranges_agree_with_the_definition() {
        for bits in 0..3 * 3 * 3 * 3 * 3 * 6usize {
            let digit = |place: usize| bits / 3usize.pow(place as u32) % 3;
            let mut axis = Axis {
                kernel: digit(0) + 1,
                stride: digit(1) + 1,
                before: digit(2),
                after: digit(3),
                dilation: digit(4) + 1,
                input: bits / 243 + 1,
                output: 0,
            };
            axis.output = axis.ceil_windows();
            let position = |o: usize, k: usize| (o * axis.stride + k * axis.dilation) as isize - axis.before as isize;
            let inside = |o, k| (0..axis.input as isize).contains(&position(o, k));
            for k in 0..axis.kernel {
                let expected: Vec<_> = (0..axis.output).filter(|&o| inside(o, k)).collect();
                assert_eq!(axis.outputs(k).collect::<Vec<_>>(), expected, "{axis:?}");
            }
            for o in 0..axis.output {
                let expected: Vec<_> = (0..axis.kernel).filter(|&k| inside(o, k)).collect();
                assert_eq!(axis.taps(o).collect::<Vec<_>>(), expected, "{axis:?}");
                let bound = (axis.input + axis.after) as isize;
                let expected = (0..axis.kernel).filter(|&k| position(o, k) < bound).count();
                assert_eq!(axis.taps_in_bounds(o), expected, "{axis:?}");
            }
        }
    }
}

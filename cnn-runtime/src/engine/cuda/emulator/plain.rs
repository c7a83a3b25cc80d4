//! What stands for the library where kernels are emulated: plain loops over this process's memory.
//!
//! It is as choosy as cuDNN is, so that tests meet what a graphics processor meets: addresses must be aligned, some gradients it
//! does not compute, unfolded maps are faster, now rows and now windows, and it writes into its workspace.

use std::slice;

use crate::engine::cuda::cudnn::{ALIGNMENT, Addresses, Pass, Problem};
use crate::engine::cuda::device::{Failure, Planned};
use crate::engine::cuda::words::Number;
use crate::engine::operation::ConvShape;
use crate::kernels::window::Axis;

/// Bytes of workspace.
const WORKSPACE: usize = 300;

/// A convolution that it computes.
#[derive(Debug)]
pub(super) struct Plain {
    problem: Problem,
}

impl Plain {
    /// Nothing if it does not compute it, or not within so many bytes of workspace.
    pub fn new(problem: &Problem, most: Option<usize>) -> Option<Plain> {
        let refused = problem.pass != Pass::Forward && problem.shape.outputs.is_multiple_of(3);
        let fits = most.is_none_or(|most| most >= WORKSPACE);
        (!refused && fits && problem.epilogue.is_none()).then_some(Plain { problem: *problem })
    }
}

/// The input that a tap of an output lies on.
fn input(axis: &Axis, output: usize, tap: usize) -> Option<usize> {
    (output * axis.stride + tap * axis.dilation).checked_sub(axis.before).filter(|input| *input < axis.input)
}

/// Numbers of this process's memory.
///
/// # Safety
/// They are there, and nobody writes them meanwhile.
unsafe fn read(number: Number, address: u64, bytes: usize) -> Vec<f32> {
    let start = std::ptr::with_exposed_provenance::<u8>(address as usize);
    // SAFETY: the caller's.
    number.read(unsafe { slice::from_raw_parts(start, bytes) })
}

/// Sets one of them.
///
/// # Safety
/// It is there, and nobody else uses it meanwhile.
unsafe fn write(number: Number, address: u64, index: usize, value: f32) {
    let start = std::ptr::with_exposed_provenance_mut::<u8>(address as usize + index * number.bytes());
    let bytes = number.write(&[value]);
    // SAFETY: the caller's.
    unsafe { slice::from_raw_parts_mut(start, bytes.len()) }.copy_from_slice(&bytes);
}

impl Planned for Plain {
    fn workspace(&self) -> usize {
        WORKSPACE
    }

    fn milliseconds(&self) -> Option<f32> {
        let ConvShape { outputs, rows, cols, .. } = self.problem.shape;
        let is_column = cols.kernel == 1 && rows.kernel > 1 && outputs.is_multiple_of(4);
        Some(if is_column { 0.5 } else { (rows.kernel * cols.kernel) as f32 })
    }

    unsafe fn run(&self, addresses: &Addresses, workspace: u64) -> Result<(), Failure> {
        let Problem { pass, number, samples, shape, x_pitch, y_pitch, .. } = self.problem;
        let ConvShape { inputs, outputs, groups, rows, cols } = shape;
        let places = [addresses.x, addresses.filter, addresses.y];
        if let Some(address) = places.iter().find(|address| !address.is_multiple_of(ALIGNMENT)) {
            return Err(format!("{address:#x} is not aligned"));
        }
        // SAFETY: the caller's: so much workspace is there.
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(workspace as usize).write_bytes(0xff, WORKSPACE) };
        let written = match pass {
            Pass::Forward => 2,
            Pass::InputGradient => 0,
            Pass::WeightGradient => 1,
        };
        let bytes = self.problem.bytes();
        // SAFETY: the caller's: the tensors are there. What is written is not read.
        let tensors: [Vec<f32>; 3] =
            [0, 1, 2].map(|k| if k == written { Vec::new() } else { unsafe { read(number, places[k], bytes[k]) } });
        let [x, filter, y] = &tensors;
        let mut sums = vec![0.0f64; bytes[written] / number.bytes()];
        let (each, of_each) = (inputs / groups, outputs / groups);
        for (n, i, j) in (0..samples * rows.output * cols.output)
            .map(|pixel| (pixel / cols.output / rows.output, pixel / cols.output % rows.output, pixel % cols.output))
        {
            let y_at = ((n * rows.output + i) * cols.output + j) * y_pitch;
            for (u, v) in (0..rows.kernel * cols.kernel).map(|tap| (tap / cols.kernel, tap % cols.kernel)) {
                let (Some(row), Some(col)) = (input(&rows, i, u), input(&cols, j, v)) else { continue };
                let x_at = ((n * rows.input + row) * cols.input + col) * x_pitch;
                for k in 0..outputs {
                    let first = k / of_each * each;
                    let tap_at = ((k * rows.kernel + u) * cols.kernel + v) * each;
                    for c in 0..each {
                        let [x_at, tap_at, y_at] = [x_at + first + c, tap_at + c, y_at + k];
                        match pass {
                            Pass::Forward => sums[y_at] += f64::from(x[x_at]) * f64::from(filter[tap_at]),
                            Pass::InputGradient => sums[x_at] += f64::from(y[y_at]) * f64::from(filter[tap_at]),
                            Pass::WeightGradient => sums[tap_at] += f64::from(x[x_at]) * f64::from(y[y_at]),
                        }
                    }
                }
            }
        }
        let (pitch, channels) = match pass {
            Pass::Forward => (y_pitch, outputs),
            Pass::InputGradient => (x_pitch, inputs),
            Pass::WeightGradient => (1, 1),
        };
        for (index, sum) in sums.into_iter().enumerate().filter(|(index, _)| index % pitch < channels) {
            // SAFETY: the caller's: the tensor is there, and it is this run's to write.
            unsafe { write(number, places[written], index, sum as f32) };
        }
        Ok(())
    }
}

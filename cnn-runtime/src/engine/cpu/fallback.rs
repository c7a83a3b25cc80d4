//! Layers without a kernel of their own here: brought into the order of the reference kernels, sample by sample, and back.

use super::grid::Grid;
use super::rows::Scratch;
use super::team::Team;
use crate::engine::operation::{Layer, LayerGradient};
use crate::kernels::DynKernel;

/// The most inputs and parameters that a layer reads.
pub(super) const MOST_INPUTS: usize = 4;

/// What a layer reads: a map of each sample, or a parameter.
#[derive(Clone, Copy)]
pub(super) enum Read {
    Map(Grid),
    Parameter(Grid),
}

/// Copies a sample to where channels come first.
///
/// # Safety
/// There is such a sample.
pub(super) unsafe fn gather(map: &Grid, sample: usize, to: &mut [f32]) {
    let plane = map.plane();
    for pixel in 0..plane {
        // SAFETY: a pixel of the map.
        let from = unsafe { std::slice::from_raw_parts(map.at(sample, pixel), map.channels) };
        to[pixel..].iter_mut().step_by(plane).zip(from).for_each(|(to, &from)| *to = from);
    }
}

/// The way back.
///
/// # Safety
/// There is such a sample, and nobody else touches it.
unsafe fn scatter(from: &[f32], map: &Grid, sample: usize) {
    let plane = map.plane();
    for pixel in 0..plane {
        // SAFETY: a pixel of the map.
        let to = unsafe { std::slice::from_raw_parts_mut(map.at(sample, pixel), map.channels) };
        to.iter_mut().zip(from[pixel..].iter().step_by(plane)).for_each(|(to, &from)| *to = from);
    }
}

/// Numbers of scratch for each thread.
pub(super) fn forward_scratch(layer: &Layer) -> usize {
    layer.inputs.iter().map(|shape| shape.elements()).sum::<usize>() + layer.output.elements()
}

/// Numbers of scratch for each thread.
pub(super) fn backward_scratch(gradient: &LayerGradient) -> usize {
    2 * gradient.layer.inputs.iter().map(|shape| shape.elements()).sum::<usize>()
        + 2 * gradient.layer.output.elements()
        + gradient.parameters.iter().sum::<usize>()
}

/// The numbers of a parameter.
///
/// # Safety
/// Nobody writes them while the slice lives.
unsafe fn parameter<'a>(grid: &Grid) -> &'a [f32] {
    // SAFETY: the caller's; a parameter is a vector of one sample.
    unsafe { std::slice::from_raw_parts(grid.start, grid.channels) }
}

/// Computes a layer with the reference kernel for one sample.
pub(super) fn forward(
    team: &Team,
    layer: &Layer,
    kernel: &dyn DynKernel,
    reads: &[Read],
    y: Grid,
    scratch: &mut [f32],
) {
    let (each, scratch) = (forward_scratch(layer), Scratch::of(scratch));
    team.each(y.samples, |sample, lane| {
        // SAFETY: each lane has scratch of its own.
        let mut left = unsafe { scratch.part(lane * each, each) };
        let mut inputs: [&[f32]; MOST_INPUTS] = [&[]; MOST_INPUTS];
        for (input, read) in inputs.iter_mut().zip(reads) {
            match read {
                Read::Map(map) => {
                    let (to, rest) = std::mem::take(&mut left).split_at_mut(map.plane() * map.channels);
                    // SAFETY: a sample of the map.
                    unsafe { gather(map, sample, to) };
                    (*input, left) = (to, rest);
                }
                // SAFETY: no step writes a parameter that it reads.
                Read::Parameter(grid) => *input = unsafe { parameter(grid) },
            }
        }
        let to = &mut left[..layer.output.elements()];
        kernel.forward_f32(&inputs[..reads.len()], to);
        // SAFETY: tasks write different samples.
        unsafe { scatter(to, &y, sample) };
    });
}

/// What a gradient reads and writes.
pub(super) struct Gradients<'a> {
    /// Inputs and parameters, or nothing where the kernel does not need them.
    pub reads: &'a [Read],
    pub y: Option<Grid>,
    pub dy: Grid,
    /// For each input and parameter its gradient, where it is wanted, holding what is to be added to.
    pub wanted: [Option<Read>; MOST_INPUTS],
}

/// Computes the gradients of a layer with the reference kernel for one sample.
pub(super) fn backward(
    team: &Team,
    gradient: &LayerGradient,
    kernel: &dyn DynKernel,
    operands: &Gradients<'_>,
    scratch: &mut [f32],
) {
    let (each, scratch) = (backward_scratch(gradient), Scratch::of(scratch));
    let sample = |sample: usize, lane: usize| {
        // SAFETY: each lane has scratch of its own.
        let mut left = unsafe { scratch.part(lane * each, each) };
        let mut take = |len: usize| {
            let (taken, rest) = std::mem::take(&mut left).split_at_mut(len);
            left = rest;
            taken
        };
        let mut gathered = |map: &Grid| -> &[f32] {
            let to = take(map.plane() * map.channels);
            // SAFETY: a sample of the map.
            unsafe { gather(map, sample, to) };
            to
        };
        let mut inputs: [&[f32]; MOST_INPUTS] = [&[]; MOST_INPUTS];
        for (input, read) in inputs.iter_mut().zip(operands.reads) {
            *input = match read {
                Read::Map(map) => gathered(map),
                // SAFETY: no step writes a parameter that it reads.
                Read::Parameter(grid) => unsafe { parameter(grid) },
            };
        }
        let y = operands.y.as_ref().map_or(&[][..], &mut gathered);
        let dy = gathered(&operands.dy);
        let layer = &gradient.layer;
        let mut slices: [&mut [f32]; MOST_INPUTS] = std::array::from_fn(|_| &mut [][..]);
        let count = gradient.wanted.len();
        for (i, slice) in slices.iter_mut().enumerate().take(count) {
            let len = match layer.inputs.get(i) {
                Some(shape) => shape.elements(),
                None => gradient.parameters[i - layer.inputs.len()],
            };
            *slice = match &operands.wanted[i] {
                Some(Read::Map(map)) => {
                    let to = take(len);
                    // SAFETY: a sample of the map.
                    unsafe { gather(map, sample, to) };
                    to
                }
                // SAFETY: where a parameter's gradient is wanted, samples follow each other on one thread.
                Some(Read::Parameter(grid)) => unsafe { std::slice::from_raw_parts_mut(grid.start, len) },
                // Kernels write all gradients; those that nobody wants go here.
                None => take(len),
            };
        }
        kernel.backward_f32(&inputs[..operands.reads.len()], y, dy, &mut slices[..count]);
        for (slice, wanted) in slices.iter().zip(&operands.wanted) {
            if let Some(Read::Map(map)) = wanted {
                // SAFETY: tasks write different samples.
                unsafe { scatter(slice, map, sample) };
            }
        }
    };
    let apart = operands.wanted.iter().flatten().all(|wanted| matches!(wanted, Read::Map(_)));
    match apart {
        true => team.each(operands.dy.samples, sample),
        false => (0..operands.dy.samples).for_each(|index| sample(index, 0)),
    }
}

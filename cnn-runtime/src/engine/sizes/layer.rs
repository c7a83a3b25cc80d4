//! Layers of the language: what they read, write and learn, the language says.

use cnn_lang::graph::Op;

use super::{Checked, Size, Sizes};
use crate::engine::layers;
use crate::engine::operation::{Layer, LayerGradient};
use crate::engine::program::Extent;
use crate::engine::session::sizes_of_map;
use crate::kernels::Needs;

/// What a layer reads, its parameters behind its inputs, and what it writes.
struct Whole {
    reads: Vec<Size>,
    writes: Size,
    /// What its backward pass reads.
    needs: Needs,
}

impl Whole {
    fn of(layer: &Layer) -> Result<Whole, String> {
        let Layer { op, inputs, output } = layer;
        let size = |shape| Size::Map(sizes_of_map(Extent::Batch(shape)));
        // The language's rules are for something that arrives.
        let known = if inputs.is_empty() { None } else { op.output(inputs).ok() };
        if known.map(size) != Some(size(*output)) {
            return Err(format!("{} does not make {output} of {inputs:?}", op.keyword()));
        }
        let Some(kernel) = layers::find(layer, 1) else {
            return Err(format!("{} has an operation of its own", op.keyword()));
        };
        let parameters = op.tensors(inputs).into_iter().map(|tensor| Size::Numbers(tensor.elements() as usize));
        let reads = inputs.iter().map(|&shape| size(shape)).chain(parameters).collect();
        Ok(Whole { reads, writes: size(*output), needs: kernel.needs() })
    }
}

/// What a maximum over windows reads and writes.
fn pooled(layer: &Layer) -> Result<[Size; 2], String> {
    let Whole { reads, writes, .. } = Whole::of(layer)?;
    match (&layer.op, &reads[..]) {
        (Op::MaxPool(_), [x]) => Ok([*x, writes]),
        (other, _) => Err(format!("{} has no winners", other.keyword())),
    }
}

impl Sizes {
    pub(super) fn max_pool(&self, layer: &Layer) -> Checked {
        pooled(layer).and_then(|[x, y]| self.are(&[x], &[y, y]))
    }

    pub(super) fn max_pool_gradient(&self, layer: &Layer) -> Checked {
        pooled(layer).and_then(|[x, y]| self.are(&[y, y], &[x]))
    }

    pub(super) fn layer(&self, layer: &Layer) -> Checked {
        let whole = Whole::of(layer)?;
        self.are(&whole.reads, &[whole.writes])
    }

    pub(super) fn layer_gradient(&self, gradient: &LayerGradient) -> Checked {
        let Whole { reads: all, writes, needs } = Whole::of(&gradient.layer)?;
        if matches!(gradient.layer.op, Op::MaxPool(_)) {
            return Err("the gradient of a maximum needs winners".into());
        }
        let parameters = gradient.parameters.iter().map(|&count| Size::Numbers(count));
        if !all.iter().skip(gradient.layer.inputs.len()).copied().eq(parameters) || gradient.wanted.len() != all.len() {
            return Err("a gradient of other parameters".into());
        }
        if (gradient.reads_inputs, gradient.reads_output) != (needs == Needs::Inputs, needs == Needs::Output) {
            return Err("a gradient that reads something else".into());
        }
        let mut reads = if gradient.reads_inputs { all.clone() } else { Vec::new() };
        reads.extend(gradient.reads_output.then_some(writes));
        reads.push(writes);
        let wanted = all.into_iter().zip(&gradient.wanted).filter(|(_, wanted)| **wanted);
        let wanted: Vec<Size> = wanted.map(|(size, _)| size).collect();
        self.are(&reads, &wanted)
    }
}

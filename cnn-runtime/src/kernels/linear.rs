//! Fully connected layer: `y[b, o] = bias[o] + sum over i of weight[o, i] x[b, i]`. Rosenblatt 1958,
//! <https://doi.org/10.1037/h0042519>.

use rayon::prelude::*;

use super::parallel::Shared;
use super::product::{Matrix, WORKSPACE, dense};
use super::wide::wide;
use super::{Float, Kernel, Needs, expect_inputs, expect_len, object};

/// Inputs: x `[batch, inputs]`, weight `[outputs, inputs]` and, with `bias`, `[outputs]`. Output: `[batch, outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Vectors in the batch.
    pub batch: usize,
    /// Values in.
    pub inputs: usize,
    /// Values out.
    pub outputs: usize,
    /// Whether the bias is the third input.
    pub bias: bool,
}

/// Up to so many vectors the weight is read where it lies: there is too little work for it to be worth a copy.
const FEW: usize = 8;

/// Vectors that a row of the weight meets at once.
const TOGETHER: usize = 4;

/// Sums of one product that need not wait for one another.
const LANES: usize = 32;

/// Elements of the weight that are worth a thread's time.
const GRAIN: usize = 1 << 15;

/// The passes by themselves, on memory of the caller: nothing is allocated here.
///
/// `workspace` holds at least [`Linear::workspace`] of one lane; what is in it before does not matter. Every pass adds to
/// its result, and the result does not depend on the number of lanes.
impl Linear {
    fn check<E>(&self, inputs: &[&[E]], y: usize) {
        expect_inputs("linear", inputs.len(), 2 + usize::from(self.bias));
        if self.bias {
            expect_len("linear: bias", inputs[2].len(), self.outputs);
        }
        self.check_product(inputs[0].len(), inputs[1].len(), y);
    }

    fn check_product(&self, x: usize, weight: usize, y: usize) {
        expect_len("linear: x", x, self.batch * self.inputs);
        expect_len("linear: weight", weight, self.outputs * self.inputs);
        expect_len("linear: y", y, self.batch * self.outputs);
    }

    /// Elements of workspace that any of the passes needs to keep `lanes` threads busy: 480 KiB in f32 for each of them.
    pub fn workspace(&self, lanes: usize) -> usize {
        lanes.max(1) * WORKSPACE
    }

    /// Elements of workspace that the forward pass needs: none where the weight is read where it lies.
    pub fn forward_workspace(&self, lanes: usize) -> usize {
        if self.batch <= FEW { 0 } else { self.workspace(lanes) }
    }

    /// `y += weight x`, without bias. [`Linear::forward_workspace`] is enough.
    pub fn forward_onto<E: Float>(&self, x: &[E], weight: &[E], y: &mut [E], workspace: &mut [E]) {
        self.check_product(x.len(), weight.len(), y.len());
        if self.batch <= FEW {
            return self.few(x, weight, y);
        }
        let (x, weight) = (Matrix::new(x, self.inputs), Matrix::new(weight, self.inputs));
        dense(y, x, weight.t(), [self.batch, self.inputs, self.outputs], workspace);
    }

    /// `dx += weight^T dy`
    pub fn input_grad<E: Float>(&self, weight: &[E], dy: &[E], dx: &mut [E], workspace: &mut [E]) {
        self.check_product(dx.len(), weight.len(), dy.len());
        let (dy, weight) = (Matrix::new(dy, self.outputs), Matrix::new(weight, self.inputs));
        dense(dx, dy, weight, [self.batch, self.outputs, self.inputs], workspace);
    }

    /// `dweight += dy^T x`
    pub fn weight_grad<E: Float>(&self, x: &[E], dy: &[E], dweight: &mut [E], workspace: &mut [E]) {
        self.check_product(x.len(), dweight.len(), dy.len());
        let (x, dy) = (Matrix::new(x, self.inputs), Matrix::new(dy, self.outputs));
        dense(dweight, dy.t(), x, [self.outputs, self.batch, self.inputs], workspace);
    }

    /// `y += weight x` for few vectors, as fast as the weight comes from memory.
    fn few<E: Float>(&self, x: &[E], weight: &[E], y: &mut [E]) {
        let inputs = self.inputs.max(1);
        let rows = GRAIN.div_ceil(inputs);
        let y = Shared::new(y);
        let block = |block: usize| {
            for o in block * rows..((block + 1) * rows).min(self.outputs) {
                let weight = &weight[o * self.inputs..][..self.inputs];
                let put = |sample: usize, sum: E| {
                    // SAFETY: this block alone has output o.
                    let y = unsafe { y.part(sample * self.outputs + o, 1) };
                    y[0] += sum;
                };
                for (group, x) in x.chunks(TOGETHER * inputs).enumerate() {
                    let put = |(i, sum)| put(group * TOGETHER + i, sum);
                    match x.len() / inputs {
                        1 => wide(|| dots::<E, 1>(weight, x)).into_iter().enumerate().for_each(put),
                        2 => wide(|| dots::<E, 2>(weight, x)).into_iter().enumerate().for_each(put),
                        3 => wide(|| dots::<E, 3>(weight, x)).into_iter().enumerate().for_each(put),
                        _ => wide(|| dots::<E, TOGETHER>(weight, x)).into_iter().enumerate().for_each(put),
                    }
                }
            }
        };
        let blocks = self.outputs.div_ceil(rows);
        if blocks <= 1 { (0..blocks).for_each(block) } else { (0..blocks).into_par_iter().for_each(block) }
    }
}

/// The products of a row with so many vectors, one behind the other and as long as it.
#[inline(always)]
fn dots<E: Float, const VECTORS: usize>(row: &[E], x: &[E]) -> [E; VECTORS] {
    let len = row.len();
    let x: [&[E]; VECTORS] = std::array::from_fn(|i| &x[i * len..][..len]);
    let mut sums = [[E::ZERO; LANES]; VECTORS];
    let whole = len / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        let row = &row[at..][..LANES];
        for (sums, x) in sums.iter_mut().zip(&x) {
            let x = &x[at..][..LANES];
            for ((sum, &w), &x) in sums.iter_mut().zip(row).zip(x) {
                *sum += w * x;
            }
        }
    }
    std::array::from_fn(|i| {
        let mut lanes = sums[i];
        lanes.iter_mut().zip(row[whole..].iter().zip(&x[i][whole..])).for_each(|(sum, (&w, &x))| *sum += w * x);
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                lanes[lane] += lanes[lane + width];
            }
            width /= 2;
        }
        lanes[0]
    })
}

impl Kernel for Linear {
    const NEEDS: Needs = Needs::Inputs;

    fn forward<E: Float>(&self, inputs: &[&[E]], y: &mut [E]) {
        self.check(inputs, y.len());
        match inputs.get(2) {
            Some(bias) => y.chunks_mut(self.outputs.max(1)).for_each(|y| y.copy_from_slice(bias)),
            None => y.fill(E::ZERO),
        }
        let mut workspace = vec![E::ZERO; self.forward_workspace(rayon::current_num_threads())];
        self.forward_onto(inputs[0], inputs[1], y, &mut workspace);
    }

    fn backward<E: Float>(&self, inputs: &[&[E]], _: &[E], dy: &[E], grads: &mut [&mut [E]]) {
        self.check(inputs, dy.len());
        let [dx, dweight, dbias @ ..] = grads else { unreachable!("as many gradients as inputs") };
        let mut workspace = vec![E::ZERO; self.workspace(rayon::current_num_threads())];
        self.input_grad(inputs[1], dy, dx, &mut workspace);
        self.weight_grad(inputs[0], dy, dweight, &mut workspace);
        for dbias in dbias {
            for (o, dbias) in dbias.iter_mut().enumerate() {
                let column = dy.iter().skip(o).step_by(self.outputs);
                *dbias += E::of(column.map(|dy| dy.double()).sum());
            }
        }
    }
}

object!(Linear);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::*;

    #[test]
    fn by_hand() {
        let linear = Linear { batch: 2, inputs: 2, outputs: 3, bias: true };
        let mut y = [0.0f64; 6];
        linear.forward(&[&[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], &[10.0, 20.0, 30.0]], &mut y);
        assert_eq!(y, [11.0, 22.0, 33.0, 13.0, 24.0, 37.0]);
    }

    #[test]
    fn gradients() {
        for (batch, inputs, outputs, bias) in [(1, 1, 1, true), (3, 5, 4, true), (2, 7, 1, false), (11, 6, 3, true)] {
            let linear = Linear { batch, inputs, outputs, bias };
            let sizes = [batch * inputs, outputs * inputs, outputs];
            check_gradients(&linear, &randoms(&sizes[..2 + usize::from(bias)]), batch * outputs);
        }
    }

    /// Every pass against the sum written out: few vectors, many, and sizes that no block divides.
    #[test]
    fn passes_are_sums() {
        for batch in [1, 2, 3, 4, 5, 8, 9, 40] {
            let (inputs, outputs) = (301, 213);
            let linear = Linear { batch, inputs, outputs, bias: false };
            let inner = randoms(&[batch * inputs, outputs * inputs, batch * outputs]);
            let [x, weight, dy] = &inner[..] else { unreachable!() };
            let mut workspace = vec![f64::NAN; linear.workspace(3)];
            let near = |found: &[f64], expected: &dyn Fn(usize) -> f64| {
                for (i, found) in found.iter().enumerate() {
                    assert!((found - expected(i)).abs() < 1e-11, "batch {batch}: {found} is not {}", expected(i));
                }
            };
            let mut y = vec![1.0; batch * outputs];
            linear.forward_onto(x, weight, &mut y, &mut workspace);
            let dot = |b: usize, o: usize| (0..inputs).map(|i| weight[o * inputs + i] * x[b * inputs + i]).sum::<f64>();
            near(&y, &|at| 1.0 + dot(at / outputs, at % outputs));
            let mut dx = vec![1.0; batch * inputs];
            linear.input_grad(weight, dy, &mut dx, &mut workspace);
            let dot =
                |b: usize, i: usize| (0..outputs).map(|o| weight[o * inputs + i] * dy[b * outputs + o]).sum::<f64>();
            near(&dx, &|at| 1.0 + dot(at / inputs, at % inputs));
            let mut dweight = vec![1.0; outputs * inputs];
            linear.weight_grad(x, dy, &mut dweight, &mut workspace);
            let dot = |o: usize, i: usize| (0..batch).map(|b| x[b * inputs + i] * dy[b * outputs + o]).sum::<f64>();
            near(&dweight, &|at| 1.0 + dot(at / inputs, at % inputs));
        }
    }
}

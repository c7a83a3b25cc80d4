use super::bf16::Form;
use super::depthwise::{Depthwise, is_depthwise};
use super::depthwise_weight_gradient::DepthwiseWeightGradient;
use super::way::{Conv, Onto};
use super::weight_way::ConvWeight;
use crate::engine::cpu::grid::Grid;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::team::Team;
use crate::engine::operation::{Activation, ConvShape};
use crate::kernels::conv as reference;
use crate::kernels::window::Axis;

/// Numbers between -1 and 1 that look like chance.
pub(super) fn random(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// A map in memory with gaps: behind each pixel and each sample.
pub(super) struct Map {
    data: Vec<f32>,
    batch: usize,
    size: [usize; 3],
    pitch: usize,
    stride: usize,
}

impl Map {
    pub fn new(batch: usize, size: [usize; 3], gap: usize, dense: &[f32]) -> Map {
        let [channels, height, width] = size;
        let pitch = channels + gap;
        let stride = height * width * pitch + 5 * gap;
        let mut map = Map { data: vec![f32::NAN; batch * stride + gap], batch, size, pitch, stride };
        for n in 0..batch {
            for c in 0..channels {
                for p in 0..height * width {
                    map.data[gap + n * stride + p * pitch + c] = dense[(n * channels + c) * height * width + p];
                }
            }
        }
        map
    }

    pub fn grid(&mut self) -> Grid {
        let [channels, height, width] = self.size;
        let gap = self.pitch - channels;
        let start = self.data[gap..].as_mut_ptr();
        Grid { start, samples: self.batch, stride: self.stride, height, width, pitch: self.pitch, channels }
    }

    /// Channel by channel; panics if a gap was written.
    pub fn dense(&self) -> Vec<f32> {
        let [channels, height, width] = self.size;
        let gap = self.pitch - channels;
        let mut used = vec![false; self.data.len()];
        let mut dense = Vec::new();
        for n in 0..self.batch {
            for c in 0..channels {
                for p in 0..height * width {
                    let at = gap + n * self.stride + p * self.pitch + c;
                    used[at] = true;
                    dense.push(self.data[at]);
                }
            }
        }
        assert!(self.data.iter().zip(used).all(|(value, used)| used || value.is_nan()), "a gap was written");
        dense
    }
}

pub(super) fn near(what: &str, found: &[f32], expected: &[f32]) {
    let most = expected.iter().fold(1e-3f32, |most, x| most.max(x.abs()));
    let off = found.iter().zip(expected).map(|(a, b)| if a.is_nan() { f32::INFINITY } else { (a - b).abs() });
    let off = off.fold(0.0, f32::max);
    assert!(found.len() == expected.len() && off <= 3e-5 * most, "{what}: off by {off:e} of {most:e}");
}

pub(super) struct Case {
    pub shape: ConvShape,
    pub batch: usize,
}

/// Inputs, outputs, groups; height, width; kernel; stride; pad; dilation.
type Sizes = ([usize; 3], [usize; 2], [usize; 2], [usize; 2], [usize; 4], [usize; 2]);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    #[rustfmt::skip]
    let sizes: &[Sizes] = &[
        ([3, 8, 1],     [9, 11],  [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([16, 16, 1],   [8, 32],  [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([24, 40, 1],   [7, 7],   [1, 1], [1, 1], [0; 4],       [1, 1]),
        ([64, 64, 1],   [14, 14], [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([96, 24, 1],   [28, 28], [1, 1], [1, 1], [0; 4],       [1, 1]),
        ([20, 33, 1],   [8, 9],   [3, 3], [2, 2], [1, 1, 1, 1], [1, 1]),
        ([17, 18, 1],   [8, 8],   [1, 1], [2, 2], [0; 4],       [1, 1]),
        ([3, 20, 1],    [23, 21], [7, 7], [2, 2], [3, 3, 3, 3], [1, 1]),
        ([3, 10, 1],    [35, 37], [11, 11], [4, 4], [2, 2, 2, 2], [1, 1]),
        ([5, 7, 1],     [12, 10], [3, 2], [1, 2], [2, 1, 0, 1], [2, 3]),
        ([6, 6, 1],     [5, 6],   [1, 7], [1, 1], [0, 0, 3, 3], [1, 1]),
        ([2, 3, 1],     [3, 3],   [5, 5], [3, 3], [4, 4, 4, 4], [1, 1]),
        ([12, 20, 4],   [6, 7],   [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([32, 32, 8],   [6, 7],   [3, 3], [2, 2], [1, 1, 1, 1], [1, 1]),
        ([64, 32, 2],   [5, 5],   [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([4, 8, 4],     [6, 6],   [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([130, 70, 1],  [3, 3],   [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([300, 200, 1], [1, 1],   [1, 1], [1, 1], [0; 4],       [1, 1]),
        ([40, 40, 40],  [9, 10],  [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([19, 19, 19],  [9, 10],  [5, 5], [2, 2], [2, 2, 2, 2], [1, 1]),
        ([16, 16, 16],  [5, 4],   [5, 5], [1, 1], [2, 2, 2, 2], [1, 1]),
        ([115, 115, 115], [9, 8], [7, 7], [1, 1], [3, 3, 3, 3], [1, 1]),
        ([8, 8, 8],     [7, 9],   [3, 3], [1, 2], [0, 2, 1, 3], [2, 1]),
        ([16, 16, 16],  [8, 8],   [3, 3], [3, 3], [0, 0, 0, 0], [1, 1]),
        ([1, 1, 1],     [1, 1],   [1, 1], [1, 1], [0; 4],       [1, 1]),
        ([1, 17, 1],    [1, 1],   [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([5, 3, 1],     [1, 40],  [1, 7], [1, 1], [0, 0, 3, 3], [1, 1]),
        ([5, 18, 1],    [9, 9],   [2, 2], [5, 5], [0; 4],       [1, 1]),
        ([7, 9, 1],     [5, 5],   [3, 3], [9, 9], [1, 1, 1, 1], [1, 1]),
        ([4, 7, 1],     [6, 6],   [3, 3], [1, 1], [5, 5, 5, 5], [5, 5]),
        ([2, 18, 1],    [2, 2],   [7, 7], [1, 1], [6, 6, 6, 6], [1, 1]),
        ([15, 21, 3],   [6, 5],   [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([34, 51, 17],  [5, 5],   [3, 3], [2, 2], [1, 1, 1, 1], [1, 1]),
        ([34, 34, 2],   [5, 5],   [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([6, 3, 1],     [14, 14], [13, 13], [1, 1], [6, 6, 6, 6], [1, 1]),
        ([9, 9, 9],     [14, 14], [13, 13], [1, 1], [6, 6, 6, 6], [1, 1]),
        ([2, 2, 2],     [3, 3],   [1, 1], [4, 4], [0; 4],       [1, 1]),
        ([1, 6, 1],     [28, 28], [5, 5], [1, 1], [2, 2, 2, 2], [1, 1]),
        ([6, 16, 1],    [14, 14], [5, 5], [1, 1], [0; 4],       [1, 1]),
        ([64, 1, 1],    [10, 11], [9, 9], [1, 1], [4, 4, 4, 4], [1, 1]),
        ([3, 5, 1],     [20, 45], [3, 5], [2, 1], [1, 0, 2, 2], [1, 1]),
        ([5, 7, 1],     [9, 150], [3, 3], [1, 2], [1, 1, 1, 1], [2, 1]),
        ([40, 2, 1],    [30, 160],[5, 5], [1, 1], [2, 2, 2, 2], [1, 1]),
        ([2, 4, 1],     [5, 5],   [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([4, 3, 1],     [17, 17], [3, 3], [1, 1], [1, 1, 1, 1], [1, 1]),
    ];
    for &([inputs, outputs, groups], input, kernel, stride, pad, dilation) in sizes {
        let output = [0, 1].map(|axis| {
            let span = input[axis] + pad[2 * axis] + pad[2 * axis + 1] - dilation[axis] * (kernel[axis] - 1) - 1;
            span / stride[axis] + 1
        });
        let [rows, cols] = Axis::pair(input, output, kernel, stride, pad, dilation);
        // An interpreter takes minutes for the large ones, which hold no other kind of step.
        let macs = outputs * (inputs / groups) * kernel[0] * kernel[1] * output[0] * output[1];
        if cfg!(miri) && macs > 20_000 {
            continue;
        }
        cases.push(Case {
            shape: ConvShape { inputs, outputs, groups, rows, cols },
            batch: if cfg!(miri) { 2 } else { 3 },
        });
    }
    cases
}

impl Case {
    pub fn input(&self) -> [usize; 3] {
        [self.shape.inputs, self.shape.rows.input, self.shape.cols.input]
    }

    pub fn output(&self) -> [usize; 3] {
        [self.shape.outputs, self.shape.rows.output, self.shape.cols.output]
    }

    pub fn reference(&self) -> (reference::Conv, Vec<f32>) {
        let ConvShape { inputs, outputs, groups, rows, cols } = self.shape;
        let conv = reference::Conv { batch: self.batch, inputs, outputs, groups, rows, cols, bias: false };
        let workspace = vec![0.0; conv.workspace(1)];
        (conv, workspace)
    }
}

pub(super) fn elements(batch: usize, [channels, height, width]: [usize; 3]) -> usize {
    batch * channels * height * width
}

/// Forward on every kind of vectors: with bias, onto itself and another, activations, gaps, on one thread and two.
#[test]
fn forward_is_the_reference() {
    for case in cases() {
        let (shape, batch) = (case.shape, case.batch);
        let x = random(1, elements(batch, case.input()));
        let weight = random(2, shape.weights());
        let bias = random(3, shape.outputs);
        let base = random(4, elements(batch, case.output()));
        let (conv, mut workspace) = case.reference();
        let plane = shape.rows.output * shape.cols.output;
        let with_bias = |i: usize| bias[i / plane % shape.outputs];
        let mut plain: Vec<f32> = (0..base.len()).map(with_bias).collect();
        conv.forward_onto(&x, &weight, &mut plain, &mut workspace);
        let mut sum = base.clone();
        conv.forward_onto(&x, &weight, &mut sum, &mut workspace);
        for &isa in Isa::all() {
            for (gap, lanes) in [(0, 1), (3, 2)] {
                let what = format!("{shape:?} {} gap {gap}", isa.name());
                let mut x = Map::new(batch, case.input(), gap, &x);
                let mut other = Map::new(batch, case.output(), 2 * gap, &base);
                let runs: [(bool, u8, Option<Activation>); 4] = [
                    (true, 0, None),
                    (false, 1, Some(Activation::Relu)),
                    (false, 2, None),
                    (true, 0, Some(Activation::Silu)),
                ];
                for (biased, start, activation) in runs {
                    let mut y = Map::new(batch, case.output(), gap, &base);
                    let onto = [Onto::Nothing, Onto::Itself, Onto::Other(other.grid())][usize::from(start)];
                    let bias = if biased { &bias[..] } else { &[] };
                    let (from, to) = (x.grid(), y.grid());
                    Team::run(lanes, isa, |team| {
                        forward(team, isa, Form::Number, &shape, &weight, from, bias, onto, to, activation)
                    });
                    let mut expected = if biased { plain.clone() } else { sum.clone() };
                    activation.iter().for_each(|activation| activation.apply(&mut expected));
                    near(&what, &y.dense(), &expected);
                }
            }
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "operands of one computation")]
pub(super) fn forward(
    team: &Team,
    isa: Isa,
    form: Form,
    shape: &ConvShape,
    weight: &[f32],
    x: Grid,
    bias: &[f32],
    onto: Onto,
    y: Grid,
    activation: Option<Activation>,
) {
    let bias = if bias.is_empty() { std::ptr::null() } else { bias.as_ptr() };
    if is_depthwise(shape) {
        let kernel = Depthwise::forward(isa, shape);
        let mut filters = vec![0.0; kernel.filters()];
        kernel.pack(weight, &mut filters);
        unsafe { kernel.run(team, x, filters.as_ptr(), bias, onto, y, activation) };
    } else {
        let kernel = Conv::forward(isa, form, shape);
        let mut filters = vec![f32::NAN; kernel.filters()];
        let mut scratch = vec![f32::NAN; team.lanes() * kernel.scratch()];
        kernel.pack(team, weight, kernel.chunks(), &mut filters);
        let chunks = kernel.chunks();
        unsafe { kernel.run(team, x, filters.as_ptr(), chunks, bias, onto, y, activation, scratch.as_mut_ptr()) };
    }
}

#[test]
fn parts_are_packed_as_the_whole() {
    let mut divided = 0;
    for case in cases().iter().filter(|case| !is_depthwise(&case.shape)) {
        let weight = random(2, case.shape.weights());
        for &isa in Isa::all() {
            let kernel = Conv::forward(isa, Form::Number, &case.shape);
            let mut expected = vec![f32::NAN; kernel.filters()];
            Team::run(2, isa, |team| kernel.pack(team, &weight, kernel.chunks(), &mut expected));
            for most in [1, weight.len() / 2, weight.len()] {
                let mut found = vec![f32::NAN; kernel.filters()];
                let parts = kernel.parts(most);
                divided += usize::from(parts.len() > 1);
                for (chunks, numbers) in parts {
                    let (part, to) = (&weight[numbers], &mut found);
                    Team::run(2, isa, |team| kernel.pack_part(team, part, chunks, to));
                }
                assert_eq!(found, expected, "{:?} {} in parts of {most}", case.shape, isa.name());
            }
        }
    }
    assert!(divided > 0, "every weight is one part");
}

#[test]
fn input_gradients_are_the_reference() {
    for case in cases() {
        let (shape, batch) = (case.shape, case.batch);
        let dy = random(1, elements(batch, case.output()));
        let weight = random(2, shape.weights());
        let base = random(4, elements(batch, case.input()));
        let (conv, mut workspace) = case.reference();
        let mut sum = base.clone();
        conv.input_grad(&weight, &dy, &mut sum, &mut workspace);
        let mut plain = vec![0.0; base.len()];
        conv.input_grad(&weight, &dy, &mut plain, &mut workspace);
        for &isa in Isa::all() {
            for (gap, lanes) in [(0, 2), (3, 1)] {
                for (onto, expected) in [(Onto::Nothing, &plain), (Onto::Itself, &sum)] {
                    let mut dy = Map::new(batch, case.output(), gap, &dy);
                    let mut dx = Map::new(batch, case.input(), gap, &base);
                    let (from, to) = (dy.grid(), dx.grid());
                    Team::run(lanes, isa, |team| {
                        if is_depthwise(&shape) {
                            for kernel in Depthwise::backward(isa, &shape) {
                                let mut filters = vec![0.0; kernel.filters()];
                                kernel.pack(&weight, &mut filters);
                                unsafe { kernel.run(team, from, filters.as_ptr(), std::ptr::null(), onto, to, None) };
                            }
                            return;
                        }
                        for kernel in Conv::backward(isa, Form::Number, &shape) {
                            let mut filters = vec![f32::NAN; kernel.filters()];
                            let mut scratch = vec![f32::NAN; lanes * kernel.scratch()];
                            kernel.pack(team, &weight, kernel.chunks(), &mut filters);
                            let (filters, scratch) = (filters.as_ptr(), scratch.as_mut_ptr());
                            let chunks = kernel.chunks();
                            unsafe {
                                kernel.run(team, from, filters, chunks, std::ptr::null(), onto, to, None, scratch)
                            };
                        }
                    });
                    near(&format!("{shape:?} {} gap {gap}", isa.name()), &dx.dense(), expected);
                }
            }
        }
    }
}

#[test]
fn weight_gradients_are_the_reference() {
    for case in cases() {
        let (shape, batch) = (case.shape, case.batch);
        let x = random(1, elements(batch, case.input()));
        let dy = random(2, elements(batch, case.output()));
        let base = random(3, shape.weights());
        let (conv, mut workspace) = case.reference();
        let mut sum = base.clone();
        conv.weight_grad(&x, &dy, &mut sum, &mut workspace);
        let mut plain = vec![0.0; base.len()];
        conv.weight_grad(&x, &dy, &mut plain, &mut workspace);
        for &isa in Isa::all() {
            for (gap, onto) in [(0, false), (3, true)] {
                let results = [1, 2].map(|lanes| {
                    let mut x = Map::new(batch, case.input(), gap, &x);
                    let mut dy = Map::new(batch, case.output(), gap, &dy);
                    let (x, dy) = (x.grid(), dy.grid());
                    let mut dweight = base.clone();
                    Team::run(lanes, isa, |team| {
                        if is_depthwise(&shape) {
                            let kernel = DepthwiseWeightGradient::new(isa, &shape, batch);
                            let mut scratch = vec![f32::NAN; kernel.scratch()];
                            unsafe { kernel.run(team, x, dy, &mut dweight, onto, scratch.as_mut_ptr()) };
                        } else {
                            let kernel = ConvWeight::new(isa, Form::Number, &shape, batch);
                            let mut scratch = vec![f32::NAN; kernel.scratch(lanes)];
                            unsafe { kernel.run(team, x, dy, &mut dweight, onto, scratch.as_mut_ptr()) };
                        }
                    });
                    dweight
                });
                assert_eq!(results[0], results[1], "threads change bits");
                near(&format!("{shape:?} {}", isa.name()), &results[0], if onto { &sum } else { &plain });
            }
        }
    }
}

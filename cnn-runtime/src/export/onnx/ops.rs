//! One operation of the language as operations of ONNX.

use cnn_lang::graph::{Op, Shape};

use super::builder::Builder;
use super::tensors::{float, int, ints, one_float, text};

impl Builder<'_> {
    /// Adds what a node computes; the name of the result. (What hands on its input never comes here.)
    pub(super) fn operations(&mut self, index: usize) -> String {
        let node = &self.graph.nodes[index];
        let shapes = self.graph.input_shapes(node);
        let inputs: Vec<String> = node.inputs.iter().map(|id| self.values[id.0].clone()).collect();
        let x = inputs.first().map_or("", String::as_str);
        let from = shapes.first().copied().unwrap_or(node.shape);
        let one = |this: &mut Self, op: &str| this.push(index, op, &[x], Vec::new());
        match &node.op {
            Op::Conv(conv) => self.conv(index, conv, x, from),
            Op::Linear { out, bias, .. } => self.linear(index, *out, *bias, x, from),
            Op::Bn { eps, affine, .. } => self.bn(index, *eps, *affine, x, from),
            Op::Gn { groups, eps } => self.gn(index, *groups, *eps, x, from),
            Op::Ln { eps } => self.ln(index, *eps, x, from),
            Op::Lrn { size, alpha, beta, k } => self.lrn(index, *size, [*alpha, *beta, *k], x, from),
            Op::Relu => one(self, "Relu"),
            Op::Relu6 => {
                let [low, high] = [0.0, 6.0].map(|bound| self.scalar(bound));
                self.push(index, "Clip", &[x, &low, &high], Vec::new())
            }
            Op::Leaky { slope } => self.push(index, "LeakyRelu", &[x], vec![float("alpha", *slope)]),
            Op::Prelu { per_channel } => {
                let dims = if *per_channel { per_channel_dims(from) } else { vec![1] };
                let slope = self.tensor(index, 0, &dims);
                self.push(index, "PRelu", &[x, &slope], Vec::new())
            }
            Op::Sigmoid => one(self, "Sigmoid"),
            Op::Tanh => one(self, "Tanh"),
            Op::Silu => {
                let gate = one(self, "Sigmoid");
                self.push(index, "Mul", &[x, &gate], Vec::new())
            }
            Op::Hswish => one(self, "HardSwish"),
            Op::Hsigmoid => self.push(index, "HardSigmoid", &[x], vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)]),
            Op::Gelu => self.gelu(index, x),
            Op::Softmax => self.push(index, "Softmax", &[x], vec![int("axis", 1)]),
            Op::MaxPool(pool) => self.maxpool(index, pool, x, from, node.shape),
            Op::AvgPool { pool, count_pad } => self.avgpool(index, pool, *count_pad, x, from, node.shape),
            Op::AdaptiveAvgPool { out } => self.adaptive_avgpool(index, *out, x, from),
            Op::Gap => {
                let means = one(self, "GlobalAveragePool");
                self.push(index, "Flatten", &[&means], vec![int("axis", 1)])
            }
            Op::Pad { pad: [top, bottom, left, right] } => {
                self.pad(index, x, [0, *top, *left], [0, *bottom, *right], 0.0)
            }
            Op::Flatten => self.push(index, "Flatten", &[x], vec![int("axis", 1)]),
            Op::Zero { .. } => self.zero(index, x, node.shape),
            Op::Shift { kernel, dilation } => self.shift(index, *kernel, *dilation, x, from),
            Op::Shuffle { groups } => self.shuffle(index, *groups, x, from),
            Op::Upsample { scale, bilinear, align_corners } => {
                self.upsample(index, *scale, *bilinear, *align_corners, x)
            }
            Op::Scale { factor } => {
                let factor = self.scalar(*factor);
                self.push(index, "Mul", &[x, &factor], Vec::new())
            }
            Op::Affine { bias, .. } => {
                let dims = per_channel_dims(from);
                let scale = self.tensor(index, 0, &dims);
                let scaled = self.push(index, "Mul", &[x, &scale], Vec::new());
                if !bias {
                    return scaled;
                }
                let shift = self.tensor(index, 1, &dims);
                self.push(index, "Add", &[&scaled, &shift], Vec::new())
            }
            Op::Subsample { stride } => {
                let steps = stride.map(|step| step as i64);
                self.slice(index, x, [[0, i64::MAX]; 2], [2, 3], steps)
            }
            Op::PadChannels { before, out } => {
                let behind = (out - before - from.channels()) as i64;
                self.pad(index, x, [*before as i64, 0, 0], [behind, 0, 0], 0.0)
            }
            Op::Select { from, to } => self.slice(index, x, [[*from as i64, *to as i64]], [1], [1]),
            Op::Add => self.join(index, "Add", inputs),
            Op::Concat => {
                let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                self.push(index, "Concat", &inputs, vec![int("axis", 1)])
            }
            Op::Mul => {
                let inputs = inputs.into_iter().zip(shapes);
                // A vector beside maps is a number for each channel.
                let stretched = inputs.map(|(input, shape)| match (shape, node.shape) {
                    (Shape::Vector(_), Shape::Map { .. }) => {
                        let axes = self.ints([2, 3]);
                        self.push(index, "Unsqueeze", &[&input, &axes], Vec::new())
                    }
                    _ => input,
                });
                let stretched = stretched.collect();
                self.join(index, "Mul", stretched)
            }
            Op::Input | Op::Identity | Op::Dropout { .. } | Op::DropPath { .. } => {
                unreachable!("`{}` hands on what it gets", node.op.keyword())
            }
            Op::Custom { path, .. } => unreachable!("`custom {path}` was refused"),
        }
    }

    /// A join of many as one of pairs, from the first on.
    fn join(&mut self, index: usize, op: &str, inputs: Vec<String>) -> String {
        let pair = |left: String, right: String| self.push(index, op, &[&left, &right], Vec::new());
        inputs.into_iter().reduce(pair).unwrap_or_default()
    }

    /// `x (1 + erf(x / sqrt 2)) / 2`: readers recognise this form and have one kernel for it.
    fn gelu(&mut self, index: usize, x: &str) -> String {
        let [root, one, half] = [std::f64::consts::SQRT_2, 1.0, 0.5].map(|value| self.scalar(value));
        let scaled = self.push(index, "Div", &[x, &root], Vec::new());
        let erf = self.push(index, "Erf", &[&scaled], Vec::new());
        let sum = self.push(index, "Add", &[&erf, &one], Vec::new());
        let product = self.push(index, "Mul", &[x, &sum], Vec::new());
        self.push(index, "Mul", &[&product, &half], Vec::new())
    }

    /// A border of `value` around a map: channels, rows, columns in front and behind. Negative ones crop.
    pub(super) fn pad(&mut self, index: usize, x: &str, before: [i64; 3], after: [i64; 3], value: f64) -> String {
        let pads = [&[0], &before[..], &[0], &after[..]].concat();
        let (pads, value) = (self.ints(pads), self.scalar(value));
        self.push(index, "Pad", &[x, &pads, &value], vec![text("mode", "constant")])
    }

    fn slice<const N: usize>(
        &mut self,
        index: usize,
        x: &str,
        ranges: [[i64; 2]; N],
        axes: [i64; N],
        steps: [i64; N],
    ) -> String {
        let parts = [ranges.map(|[start, _]| start), ranges.map(|[_, end]| end), axes, steps];
        let [starts, ends, axes, steps] = parts.map(|part| self.ints(part));
        self.push(index, "Slice", &[x, &starts, &ends, &axes, &steps], Vec::new())
    }

    /// Zeros, whatever the input holds; its batch may be open.
    fn zero(&mut self, index: usize, x: &str, to: Shape) -> String {
        let batch = self.push(index, "Shape", &[x], vec![int("start", 0), int("end", 1)]);
        let sample = self.ints(to.dims().into_iter().map(|size| size as i64));
        let sizes = self.push(index, "Concat", &[&batch, &sample], vec![int("axis", 0)]);
        self.push(index, "ConstantOfShape", &[&sizes], vec![one_float("value", 0.0)])
    }

    /// Groups of channels each see the input under one tap of the window: a depthwise convolution whose filters are 1 there
    /// and 0 elsewhere.
    fn shift(&mut self, index: usize, kernel: [usize; 2], dilation: [usize; 2], x: &str, from: Shape) -> String {
        let (channels, window) = (from.channels(), kernel[0] * kernel[1]);
        let middle = kernel[0] / 2 * kernel[1] + kernel[1] / 2;
        let each = channels / window;
        let mut filters = vec![0.0; channels * window];
        for (channel, filter) in filters.chunks_exact_mut(window).enumerate() {
            filter[if channel < each * window { channel / each } else { middle }] = 1.0;
        }
        let weight = self.floats(&[channels, 1, kernel[0], kernel[1]], filters);
        let before = [0, 1].map(|axis| kernel[axis] / 2 * dilation[axis]);
        let after = [0, 1].map(|axis| (kernel[axis] - 1 - kernel[axis] / 2) * dilation[axis]);
        let attributes = vec![
            ints("kernel_shape", &kernel),
            ints("pads", &[before, after].concat()),
            ints("dilations", &dilation),
            int("group", channels),
        ];
        self.push(index, "Conv", &[x, &weight], attributes)
    }

    fn shuffle(&mut self, index: usize, groups: usize, x: &str, from: Shape) -> String {
        let (sizes, each) = (from.dims(), from.channels() / groups);
        let matrix = [&[0, groups, each], &sizes[1..]].concat();
        let back = [&[0], &sizes[..]].concat();
        let order = [&[0, 2, 1], &[3, 4][..sizes.len() - 1]].concat();
        let matrix = self.reshape(index, x, &matrix);
        let turned = self.push(index, "Transpose", &[&matrix], vec![ints("perm", &order)]);
        self.reshape(index, &turned, &back)
    }

    /// Other sizes for the same numbers; 0 keeps the size that is there, as the batch does.
    pub(super) fn reshape(&mut self, index: usize, x: &str, sizes: &[usize]) -> String {
        let sizes = self.ints(sizes.iter().map(|&size| size as i64));
        self.push(index, "Reshape", &[x, &sizes], Vec::new())
    }

    fn upsample(&mut self, index: usize, scale: [usize; 2], bilinear: bool, corners: bool, x: &str) -> String {
        let scales = self.floats(&[4], [1.0, 1.0, scale[0] as f64, scale[1] as f64]);
        let place = match (bilinear, corners) {
            (false, _) => "asymmetric",
            (true, false) => "half_pixel",
            (true, true) => "align_corners",
        };
        let mut attributes = vec![
            text("mode", if bilinear { "linear" } else { "nearest" }),
            text("coordinate_transformation_mode", place),
        ];
        if !bilinear {
            attributes.push(text("nearest_mode", "floor"));
        }
        self.push(index, "Resize", &[x, "", &scales], attributes)
    }
}

/// The sizes under which a number for each channel meets a tensor of this size.
pub(super) fn per_channel_dims(shape: Shape) -> Vec<usize> {
    match shape {
        Shape::Map { channels, .. } => vec![channels, 1, 1],
        Shape::Vector(length) => vec![length],
    }
}

//! The size rules, the only ones in the project.

mod join;
mod window;

use super::fault::Fault;
use super::op::{Conv, Op};
use super::shape::{LARGEST_TENSOR, Shape};
use window::Window;

impl Op {
    /// Size of the result from the sizes of what arrives.
    pub fn output(&self, inputs: &[Shape]) -> Result<Shape, Fault> {
        let shape = self.output_unlimited(inputs)?;
        let elements = shape.dims().iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        if elements.is_none_or(|n| n > LARGEST_TENSOR) {
            return Err(Fault::new(format!("{} would make a tensor of {shape}, over 2^40 numbers", self.keyword())));
        }
        for tensor in self.tensors(inputs) {
            if tensor.elements() > LARGEST_TENSOR as u64 {
                let name = if tensor.name.is_empty() { "weight" } else { tensor.name };
                let (word, shape) = (self.keyword(), &tensor.shape);
                return Err(Fault::new(format!("{word}'s {name} would be {shape:?}, over 2^40 numbers")));
            }
        }
        Ok(shape)
    }

    fn output_unlimited(&self, inputs: &[Shape]) -> Result<Shape, Fault> {
        let shape = inputs[0];
        match self {
            Op::Input => Ok(shape),
            Op::Conv(conv) => {
                let [channels, height, width] = need_map(self, shape)?;
                for (what, count, at) in [("input", channels, "groups"), ("output", conv.out, "groups")] {
                    if !count.is_multiple_of(conv.groups) {
                        return Err(Fault::new(format!(
                            "{} groups do not divide {count} {what} channels",
                            conv.groups
                        ))
                        .at(at)
                        .help(near_divisors(conv.groups, channels, conv.out)));
                    }
                }
                if let Some(table) = &conv.connect {
                    check_connections(table, channels, conv)?;
                }
                let [height, width] = Window::of_conv(self, conv).output(height, width)?;
                Ok(Shape::map(conv.out, height, width))
            }
            Op::Linear { out, pixelwise: true, .. } => {
                need_map(self, shape)?;
                Ok(shape.with_channels(*out))
            }
            Op::Linear { out, .. } => match shape {
                Shape::Vector(_) => Ok(Shape::Vector(*out)),
                Shape::Map { channels, .. } => Err(Fault::new(format!(
                    "linear needs a vector, but a feature map of {shape} arrives"
                ))
                .help(format!(
                    "write `flatten -> linear({out})` ({} inputs) or `gap -> linear({out})` ({channels} inputs)",
                    shape.elements()
                ))),
            },
            Op::Bn { .. }
            | Op::Ln { .. }
            | Op::Relu
            | Op::Relu6
            | Op::Leaky { .. }
            | Op::Prelu { .. }
            | Op::Sigmoid
            | Op::Tanh
            | Op::Silu
            | Op::Hswish
            | Op::Hsigmoid
            | Op::Gelu
            | Op::Softmax
            | Op::Dropout { .. }
            | Op::DropPath { .. }
            | Op::Identity
            | Op::Scale { .. }
            | Op::Affine { .. } => Ok(shape),
            Op::Gn { groups, .. } | Op::Shuffle { groups } => {
                let channels = shape.channels();
                if !channels.is_multiple_of(*groups) {
                    return Err(Fault::new(format!("{groups} groups do not divide {channels} channels"))
                        .at("groups")
                        .help(near_divisors(*groups, channels, channels)));
                }
                Ok(shape)
            }
            Op::Lrn { .. } => need_map(self, shape).map(|_| shape),
            Op::MaxPool(pool) | Op::AvgPool { pool, .. } => {
                let [channels, height, width] = need_map(self, shape)?;
                for side in 0..4 {
                    let reach = pool.dilation[side / 2] * (pool.kernel[side / 2] - 1) + 1;
                    if pool.pad[side] * 2 > reach {
                        return Err(Fault::new(format!(
                            "padding {} is more than half of the window of {reach}, so some windows would see only padding",
                            pool.pad[side]
                        ))
                        .at("pad")
                        .help(format!("pad at most {}", reach / 2)));
                    }
                }
                let [height, width] = Window::of_pool(self, pool).output(height, width)?;
                Ok(Shape::map(channels, height, width))
            }
            Op::AdaptiveAvgPool { out } => {
                let [channels, ..] = need_map(self, shape)?;
                Ok(Shape::map(channels, out[0], out[1]))
            }
            Op::Gap => need_map(self, shape).map(|[channels, ..]| Shape::Vector(channels)),
            Op::Flatten => Ok(Shape::Vector(shape.elements())),
            Op::Pad { pad } => {
                let [channels, height, width] = need_map(self, shape)?;
                let one = |size: usize, before: i64, after: i64, word: &str| {
                    i64::try_from(size)
                        .ok()
                        .and_then(|size| size.checked_add(before)?.checked_add(after))
                        .filter(|&n| n > 0)
                        .and_then(|n| usize::try_from(n).ok())
                        .ok_or_else(|| {
                            Fault::new(format!("padding {before} and {after} leaves nothing of the {word} {size}"))
                                .at("pad")
                                .help(format!("crop at most {} in all", size - 1))
                        })
                };
                Ok(Shape::map(channels, one(height, pad[0], pad[1], "height")?, one(width, pad[2], pad[3], "width")?))
            }
            Op::Zero { stride } | Op::Subsample { stride } => {
                if *stride == [1, 1] {
                    return Ok(shape);
                }
                let [channels, height, width] = need_map(self, shape)?;
                Ok(Shape::map(channels, height.div_ceil(stride[0]), width.div_ceil(stride[1])))
            }
            Op::Shift { .. } => need_map(self, shape).map(|_| shape),
            Op::Upsample { scale, .. } => {
                let [channels, height, width] = need_map(self, shape)?;
                Ok(Shape::map(channels, height.saturating_mul(scale[0]), width.saturating_mul(scale[1])))
            }
            Op::PadChannels { before, out } => {
                let [channels, ..] = need_map(self, shape)?;
                if before + channels > *out {
                    return Err(Fault::new(format!(
                        "pad_channels makes {out} channels, fewer than the {channels} that arrive with {before} in front"
                    ))
                    .at("out")
                    .help(format!("write `pad_channels({})` or more", before + channels)));
                }
                Ok(shape.with_channels(*out))
            }
            Op::Select { from, to } => {
                let channels = shape.channels();
                if *to > channels || from >= to {
                    return Err(Fault::new(format!("select takes channels {from}..{to} of {channels}"))
                        .at(if from >= to { "from" } else { "to" })
                        .help(format!("the first channel is 0 and the end is at most {channels}")));
                }
                Ok(shape.with_channels(to - from))
            }
            Op::Add => join::equal(inputs),
            Op::Concat => join::channels(inputs),
            Op::Mul => join::broadcast(inputs),
            // What the user says; rustc compares it with what the module delivers.
            Op::Custom { output, .. } => Ok(*output),
        }
    }
}

fn need_map(op: &Op, shape: Shape) -> Result<[usize; 3], Fault> {
    match shape {
        Shape::Map { channels, height, width } => Ok([channels, height, width]),
        Shape::Vector(length) => {
            Err(Fault::new(format!("{} needs a feature map, but a vector of {length} arrives", op.keyword()))
                .help("move it in front of the gap, flatten or linear that made the vector"))
        }
    }
}

fn near_divisors(groups: usize, channels: usize, out: usize) -> String {
    let (mut both, mut rest) = (channels, out);
    while rest > 0 {
        (both, rest) = (rest, both % rest);
    }
    let pairs = (1..).take_while(|&g| g * g <= both).filter(|&g| both.is_multiple_of(g));
    let mut common: Vec<usize> = pairs.flat_map(|g| [g, both / g]).collect();
    common.sort_unstable();
    common.dedup();
    common.sort_by_key(|g| g.abs_diff(groups));
    common.truncate(3);
    common.sort_unstable();
    let list: Vec<String> = common.iter().map(usize::to_string).collect();
    format!("nearest that divide: {}", list.join(", "))
}

fn check_connections(table: &[Vec<usize>], channels: usize, conv: &Conv) -> Result<(), Fault> {
    if conv.groups != 1 || conv.std {
        let other = if conv.std { "standardisation" } else { "groups" };
        return Err(Fault::new(format!("a connection table and {other} exclude one another"))
            .at("connect")
            .help("leave one of the two out"));
    }
    let (rows, out) = (table.len(), conv.out);
    if rows != out {
        return Err(Fault::new(format!("the connection table has {rows} rows for {out} output channels"))
            .at("connect")
            .help("give every output channel the list of input channels that it sees"));
    }
    match table.iter().flatten().find(|&&channel| channel >= channels) {
        Some(channel) => {
            Err(Fault::new(format!("the connection table names input channel {channel}, but {channels} arrive"))
                .at("connect")
                .help(format!("channels are counted from 0: the last is {}", channels - 1)))
        }
        None => Ok(()),
    }
}

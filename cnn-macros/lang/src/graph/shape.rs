//! The size rules, the only ones in the project.

use std::fmt;

use super::op::{Op, Pool};

/// Size of a tensor for one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A feature map: channels × height × width.
    Map {
        /// Channels.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// A vector.
    Vector(usize),
}

impl Shape {
    /// A feature map.
    pub fn map(channels: usize, height: usize, width: usize) -> Shape {
        Shape::Map { channels, height, width }
    }

    /// Channels of a map, length of a vector.
    pub fn channels(self) -> usize {
        match self {
            Shape::Map { channels, .. } => channels,
            Shape::Vector(length) => length,
        }
    }

    /// Height and width; a vector has neither.
    pub fn spatial(self) -> Option<[usize; 2]> {
        match self {
            Shape::Map { height, width, .. } => Some([height, width]),
            Shape::Vector(_) => None,
        }
    }

    /// Numbers in one sample.
    pub fn elements(self) -> usize {
        match self {
            Shape::Map { channels, height, width } => channels * height * width,
            Shape::Vector(length) => length,
        }
    }

    /// `[c, h, w]` or `[n]`.
    pub fn dims(self) -> Vec<usize> {
        match self {
            Shape::Map { channels, height, width } => vec![channels, height, width],
            Shape::Vector(length) => vec![length],
        }
    }

    fn with_channels(self, channels: usize) -> Shape {
        match self {
            Shape::Map { height, width, .. } => Shape::Map { channels, height, width },
            Shape::Vector(_) => Shape::Vector(channels),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Map { channels, height, width } => write!(f, "{channels}x{height}x{width}"),
            Shape::Vector(length) => write!(f, "{length}"),
        }
    }
}

/// Which word of a layer is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The keyword.
    Keyword,
    /// The argument of this name.
    Argument(&'static str),
    /// The branch with this index.
    Branch(usize),
}

/// Why an operation cannot follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which word is at fault.
    pub at: At,
    /// What is wrong, with the numbers.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Fault {
    /// A fault of the layer as a whole.
    pub fn new(message: impl Into<String>) -> Fault {
        Fault { at: At::Keyword, message: message.into(), help: None }
    }

    /// The word at fault.
    pub fn at(mut self, argument: &'static str) -> Fault {
        self.at = At::Argument(argument);
        self
    }

    /// The branch at fault.
    pub fn branch(mut self, index: usize) -> Fault {
        self.at = At::Branch(index);
        self
    }

    /// How to mend it.
    pub fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }
}

/// Tensors larger than this for one sample are refused: no network is meant so.
pub const LARGEST_TENSOR: usize = 1 << 40;

/// How many times a window fits.
///
/// `⌊(size + pads − dilation·(kernel − 1) − 1) / stride⌋ + 1`; with `ceil` the quotient is rounded up, unless the last
/// window would begin in the padding behind.
pub(super) fn windows(
    size: usize,
    pad: [usize; 2],
    kernel: usize,
    stride: usize,
    dilation: usize,
    ceil: bool,
) -> Option<usize> {
    let extent = dilation.checked_mul(kernel - 1)?.checked_add(1)?;
    let room = size.checked_add(pad[0])?.checked_add(pad[1])?.checked_sub(extent)?;
    let mut count = room / stride + 1;
    if ceil && !room.is_multiple_of(stride) && count * stride < size + pad[0] {
        count += 1;
    }
    Some(count)
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

struct Window<'a> {
    op: &'a Op,
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 4],
    dilation: [usize; 2],
    ceil: bool,
}

impl Window<'_> {
    fn output(&self, height: usize, width: usize) -> Result<[usize; 2], Fault> {
        let one = |axis: usize, size: usize| {
            let pad = [self.pad[2 * axis], self.pad[2 * axis + 1]];
            windows(size, pad, self.kernel[axis], self.stride[axis], self.dilation[axis], self.ceil).ok_or_else(|| {
                let word = ["height", "width"][axis];
                let extent = self.dilation[axis].saturating_mul(self.kernel[axis] - 1).saturating_add(1);
                let spread = if self.dilation[axis] > 1 {
                    format!(" (kernel {} with dilation {})", self.kernel[axis], self.dilation[axis])
                } else {
                    String::new()
                };
                let padded = if pad == [0, 0] { String::new() } else { format!(" plus {} of padding", pad[0] + pad[1]) };
                Fault::new(format!(
                    "{}'s window covers {extent} of the {word}{spread}, but its input {height}x{width} has {size}{padded}",
                    self.op.keyword()
                ))
                .at("kernel")
                .help(format!(
                    "make the kernel at most {}, add padding, or shrink the input less before it",
                    (size + pad[0] + pad[1] - 1) / self.dilation[axis] + 1
                ))
            })
        };
        Ok([one(0, height)?, one(1, width)?])
    }
}

fn pool_window<'a>(op: &'a Op, pool: &Pool) -> Window<'a> {
    Window { op, kernel: pool.kernel, stride: pool.stride, pad: pool.pad, dilation: pool.dilation, ceil: pool.ceil }
}

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
                let (word, name, shape) = (self.keyword(), tensor.name, &tensor.shape);
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
                let window = Window {
                    op: self,
                    kernel: conv.kernel,
                    stride: conv.stride,
                    pad: conv.pad,
                    dilation: conv.dilation,
                    ceil: false,
                };
                let [height, width] = window.output(height, width)?;
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
                let [height, width] = pool_window(self, pool).output(height, width)?;
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
                            Fault::new(format!("cropping {before} and {after} leaves nothing of the {word} {size}"))
                                .at("pad")
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
                    .at("out"));
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
            Op::Add => joined_equal(inputs),
            Op::Concat => joined_channels(inputs),
            Op::Mul => joined_broadcast(inputs),
            // What the user says; rustc compares it with what the module delivers.
            Op::Custom { output, .. } => Ok(*output),
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

fn check_connections(table: &[Vec<usize>], channels: usize, conv: &super::Conv) -> Result<(), Fault> {
    if conv.groups != 1 || conv.std {
        let other = if conv.std { "standardisation" } else { "groups" };
        return Err(Fault::new(format!("a connection table and {other} exclude one another")).at("connect"));
    }
    if table.len() != conv.out {
        return Err(Fault::new(format!(
            "the connection table has {} rows for {} output channels",
            table.len(),
            conv.out
        ))
        .at("connect"));
    }
    match table.iter().flatten().find(|&&channel| channel >= channels) {
        Some(channel) => {
            Err(Fault::new(format!("the connection table names input channel {channel} of {channels}, counted from 0"))
                .at("connect"))
        }
        None => Ok(()),
    }
}

fn joined_equal(inputs: &[Shape]) -> Result<Shape, Fault> {
    let first = inputs[0];
    let Some((index, &other)) = inputs.iter().enumerate().find(|(_, shape)| **shape != first) else {
        return Ok(first);
    };
    let fault = Fault::new(format!("add joins {first} and {other}")).branch(index);
    Err(match (first, other) {
        (Shape::Map { .. }, Shape::Map { .. }) => fault.help(projection(first, other)),
        _ => fault.help("both branches must be feature maps or both vectors: put gap or flatten in one of them"),
    })
}

/// What a shortcut of `second` would need to become `first`, or the other way round.
fn projection(first: Shape, second: Shape) -> String {
    let ([h1, w1], [h2, w2]) = (first.spatial().unwrap_or([1, 1]), second.spatial().unwrap_or([1, 1]));
    let (from, to, [hf, wf], [ht, wt]) =
        if h1 * w1 >= h2 * w2 { (first, second, [h1, w1], [h2, w2]) } else { (second, first, [h2, w2], [h1, w1]) };
    let (sh, sw) = (hf.div_ceil(ht), wf.div_ceil(wt));
    // A few pixels less are a window without padding, not a stride.
    if hf.div_ceil(2) < ht && wf.div_ceil(2) < wt && (hf, wf) != (ht, wt) {
        return format!("keep the size on the way to {to}: `pad = same`, or crop {from}");
    }
    if hf.div_ceil(sh) != ht || wf.div_ceil(sw) != wt {
        return format!("bring {from} and {to} to one size: check stride and padding of the two branches");
    }
    let stride = match (sh, sw) {
        (1, 1) => String::new(),
        (a, b) if a == b => format!(", stride = {a}"),
        (a, b) => format!(", stride = {a}x{b}"),
    };
    let (from, to) = if from.channels() == to.channels() && stride.is_empty() { (second, first) } else { (from, to) };
    format!("give the shortcut of {from} a projection: conv({}, 1{stride})", to.channels())
}

fn joined_channels(inputs: &[Shape]) -> Result<Shape, Fault> {
    let first = inputs[0];
    let mut channels = 0usize;
    for (index, shape) in inputs.iter().enumerate() {
        if shape.spatial() != first.spatial() {
            let fault =
                Fault::new(format!("concat joins {first} and {shape}, whose height and width differ")).branch(index);
            return Err(match (first.spatial(), shape.spatial()) {
                (Some(_), Some(_)) => fault.help("give both branches the same strides and padding (`pad = same`)"),
                _ => fault.help("all branches must be feature maps or all vectors: put gap or flatten in one of them"),
            });
        }
        channels = channels.checked_add(shape.channels()).ok_or_else(|| Fault::new("concat overflows"))?;
    }
    Ok(first.with_channels(channels))
}

fn joined_broadcast(inputs: &[Shape]) -> Result<Shape, Fault> {
    let mut joined = inputs[0];
    for (index, &shape) in inputs.iter().enumerate().skip(1) {
        joined = broadcast(joined, shape).ok_or_else(|| {
            Fault::new(format!("mul joins {joined} and {shape}"))
                .branch(index)
                .help("sizes must be equal or 1 on each axis: adaptive_avgpool(1) makes C x 1 x 1")
        })?;
    }
    Ok(joined)
}

fn broadcast(a: Shape, b: Shape) -> Option<Shape> {
    let axis = |a: usize, b: usize| {
        if a == b || b == 1 {
            Some(a)
        } else if a == 1 {
            Some(b)
        } else {
            None
        }
    };
    match (a, b) {
        (Shape::Vector(a), Shape::Vector(b)) => axis(a, b).map(Shape::Vector),
        (map @ Shape::Map { channels, .. }, Shape::Vector(n))
        | (Shape::Vector(n), map @ Shape::Map { channels, .. }) => (n == channels).then_some(map),
        (Shape::Map { channels: ca, height: ha, width: wa }, Shape::Map { channels: cb, height: hb, width: wb }) => {
            Some(Shape::map(axis(ca, cb)?, axis(ha, hb)?, axis(wa, wb)?))
        }
    }
}

//! The table of layers: keyword, arguments in order with defaults, and how they become an [`Op`].
//!
//! docs/language.md shows this table; a test holds the two together.

use super::op::{Conv, Op, Pool};
use super::shape::{Fault, Shape};

/// A layer of the language.
pub struct Layer {
    /// The word of the language.
    pub keyword: &'static str,
    /// Arguments in order.
    pub arguments: &'static [Argument],
    /// What it computes, in a sentence.
    pub about: &'static str,
    /// Size rule, for the documentation.
    pub size: &'static str,
    /// Tensors and their shapes, for the documentation.
    pub tensors: &'static str,
    /// Multiply-adds, for the documentation.
    pub macs: &'static str,
    /// From arguments to operation.
    pub(crate) lower: fn(&Arguments, Shape) -> Result<Op, Fault>,
}

/// One argument of a layer.
pub struct Argument {
    /// As written in `name = value`.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What it is where it is left out; `None`: it must be given.
    pub default: Option<DefaultValue>,
}

/// What values an argument takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// An integer of at least this.
    Int(i64),
    /// One or two integers of at least this: height and width.
    Pair(i64),
    /// `n`, `[h, w]`, `[top, bottom, left, right]`, `same`.
    Padding,
    /// As [`Kind::Padding`], without `same`, negative numbers crop.
    Crop,
    /// A number of at least the first and, where there is one, below the second.
    Float(f64, Option<f64>),
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of lists of channels.
    Table,
}

/// What an argument is where it is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum DefaultValue {
    Int(i64),
    Float(f64),
    Bool(bool),
    Word(&'static str),
    /// The value of an earlier argument.
    Same(&'static str),
    /// No table.
    Nothing,
}

/// A checked argument.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum ArgValue {
    Int(i64),
    Pair([i64; 2]),
    Padding(Padding),
    Float(f64),
    Bool(bool),
    Word(&'static str),
    Table(Vec<Vec<usize>>),
    Nothing,
}

/// Padding as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Top, bottom, left, right.
    Sides([i64; 4]),
    /// TensorFlow's: output = ⌈input / stride⌉, the odd zero behind.
    Same,
}

/// The arguments of one call, in the order of the table.
pub struct Arguments {
    /// The layer's table.
    pub layer: &'static Layer,
    /// One value for each argument of the table.
    pub values: Vec<ArgValue>,
}

impl Arguments {
    fn value(&self, name: &str) -> &ArgValue {
        let index = self.layer.arguments.iter().position(|argument| argument.name == name);
        &self.values[index.unwrap_or_else(|| unreachable!("{} has no argument {name}", self.layer.keyword))]
    }

    fn int(&self, name: &str) -> usize {
        match self.value(name) {
            ArgValue::Int(value) => usize::try_from(*value).unwrap_or_default(),
            _ => unreachable!("the table says that {name} is an integer"),
        }
    }

    fn pair(&self, name: &str) -> [usize; 2] {
        match self.value(name) {
            ArgValue::Pair(pair) => pair.map(|n| usize::try_from(n).unwrap_or_default()),
            _ => unreachable!("the table says that {name} is a pair"),
        }
    }

    fn float(&self, name: &str) -> f64 {
        match self.value(name) {
            ArgValue::Float(value) => *value,
            _ => unreachable!("the table says that {name} is a number"),
        }
    }

    fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            ArgValue::Bool(value) => *value,
            _ => unreachable!("the table says that {name} is a boolean"),
        }
    }

    fn word(&self, name: &str) -> &'static str {
        match self.value(name) {
            ArgValue::Word(word) => word,
            _ => unreachable!("the table says that {name} is a word"),
        }
    }

    fn table(&self, name: &str) -> Option<Vec<Vec<usize>>> {
        match self.value(name) {
            ArgValue::Table(table) => Some(table.clone()),
            _ => None,
        }
    }

    fn crop(&self, name: &str) -> [i64; 4] {
        match self.value(name) {
            ArgValue::Padding(Padding::Sides(sides)) => *sides,
            _ => unreachable!("the table says that {name} has four sides"),
        }
    }

    /// Zeros on each side, `same` worked out for this input.
    fn padding(&self, name: &str, input: Shape, window: [[usize; 2]; 3]) -> [usize; 4] {
        let sides = match self.value(name) {
            ArgValue::Padding(padding) => *padding,
            _ => unreachable!("the table says that {name} is padding"),
        };
        match (sides, input.spatial()) {
            (Padding::Sides(sides), _) => sides.map(|n| usize::try_from(n).unwrap_or_default()),
            (Padding::Same, Some(size)) => {
                let [kernel, stride, dilation] = window;
                let total = [0, 1].map(|axis| {
                    let extent = dilation[axis].saturating_mul(kernel[axis] - 1).saturating_add(1);
                    let last = (size[axis].div_ceil(stride[axis]).max(1) - 1).saturating_mul(stride[axis]);
                    last.saturating_add(extent).saturating_sub(size[axis])
                });
                [total[0] / 2, total[0].div_ceil(2), total[1] / 2, total[1].div_ceil(2)]
            }
            // The size rule refuses a vector.
            (Padding::Same, None) => [0; 4],
        }
    }
}

const fn required(name: &'static str, kind: Kind) -> Argument {
    Argument { name, kind, default: None }
}

const fn optional(name: &'static str, kind: Kind, default: DefaultValue) -> Argument {
    Argument { name, kind, default: Some(default) }
}

const OUT: Argument = required("out", Kind::Int(1));
const KERNEL: Argument = required("kernel", Kind::Pair(1));
const STRIDE: Argument = optional("stride", Kind::Pair(1), DefaultValue::Int(1));
const POOL_STRIDE: Argument = optional("stride", Kind::Pair(1), DefaultValue::Same("kernel"));
const PAD: Argument = optional("pad", Kind::Padding, DefaultValue::Int(0));
const DILATION: Argument = optional("dilation", Kind::Pair(1), DefaultValue::Int(1));
const GROUPS: Argument = required("groups", Kind::Int(1));
const BIAS: Argument = optional("bias", Kind::Bool, DefaultValue::Bool(true));
const EPS: Argument = optional("eps", Kind::Float(0.0, None), DefaultValue::Float(1e-5));
const CEIL: Argument = optional("ceil", Kind::Bool, DefaultValue::Bool(false));
const RATE: Kind = Kind::Float(0.0, Some(1.0));

const SAME_SIZE: &str = "as it arrives";
const WINDOWS: &str = "`C×H'×W'`, H' = windows(H)";

/// The layer of this keyword.
pub fn layer(keyword: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.keyword == keyword)
}

const fn plain(keyword: &'static str, about: &'static str, lower: fn(&Arguments, Shape) -> Result<Op, Fault>) -> Layer {
    Layer { keyword, arguments: &[], about, size: SAME_SIZE, tensors: "", macs: "", lower }
}

/// Every layer of the language.
pub const LAYERS: &[Layer] = &[
    Layer {
        keyword: "conv",
        arguments: &[
            OUT,
            KERNEL,
            STRIDE,
            PAD,
            DILATION,
            optional("groups", Kind::Int(1), DefaultValue::Int(1)),
            BIAS,
            optional("std", Kind::Bool, DefaultValue::Bool(false)),
            optional("connect", Kind::Table, DefaultValue::Nothing),
        ],
        about: "Convolution. `std` standardises each filter (mean 0, variance 1) before use; `connect` lists for each output channel the input channels it sees",
        size: "`out×H'×W'`, H' = windows(H)",
        tensors: "`weight` [out, C/groups, kh, kw], `bias` [out]",
        macs: "out·H'·W'·(C/groups)·kh·kw",
        lower: |args, input| {
            let (kernel, stride, dilation) = (args.pair("kernel"), args.pair("stride"), args.pair("dilation"));
            Ok(Op::Conv(Conv {
                out: args.int("out"),
                kernel,
                stride,
                pad: args.padding("pad", input, [kernel, stride, dilation]),
                dilation,
                groups: args.int("groups"),
                bias: args.flag("bias"),
                std: args.flag("std"),
                connect: args.table("connect"),
            }))
        },
    },
    Layer {
        keyword: "dwconv",
        arguments: &[KERNEL, STRIDE, PAD, DILATION, optional("multiplier", Kind::Int(1), DefaultValue::Int(1)), BIAS],
        about: "Depthwise convolution: `conv` with a group for each channel",
        size: "`C·multiplier×H'×W'`, H' = windows(H)",
        tensors: "`weight` [C·multiplier, 1, kh, kw], `bias` [C·multiplier]",
        macs: "C·multiplier·H'·W'·kh·kw",
        lower: |args, input| {
            let (kernel, stride, dilation) = (args.pair("kernel"), args.pair("stride"), args.pair("dilation"));
            let out = input.channels().checked_mul(args.int("multiplier"));
            Ok(Op::Conv(Conv {
                out: out.ok_or_else(|| Fault::new("dwconv's channels overflow").at("multiplier"))?,
                kernel,
                stride,
                pad: args.padding("pad", input, [kernel, stride, dilation]),
                dilation,
                groups: input.channels(),
                bias: args.flag("bias"),
                std: false,
                connect: None,
            }))
        },
    },
    Layer {
        keyword: "linear",
        arguments: &[OUT, BIAS, optional("pixelwise", Kind::Bool, DefaultValue::Bool(false))],
        about: "Fully connected layer on a vector; with `pixelwise` on the channels of every pixel of a map",
        size: "`out`; pixelwise `out×H×W`",
        tensors: "`weight` [out, C], `bias` [out]",
        macs: "out·C; pixelwise out·C·H·W",
        lower: |args, _| {
            Ok(Op::Linear { out: args.int("out"), bias: args.flag("bias"), pixelwise: args.flag("pixelwise") })
        },
    },
    Layer {
        keyword: "bn",
        arguments: &[
            EPS,
            optional("momentum", RATE, DefaultValue::Float(0.1)),
            optional("affine", Kind::Bool, DefaultValue::Bool(true)),
        ],
        about: "Batch normalisation. Ioffe & Szegedy 2015",
        size: SAME_SIZE,
        tensors: "`weight` [C], `bias` [C], `running_mean` [C], `running_var` [C], `num_batches_tracked` []",
        macs: "",
        lower: |args, _| {
            Ok(Op::Bn { eps: args.float("eps"), momentum: args.float("momentum"), affine: args.flag("affine") })
        },
    },
    Layer {
        keyword: "gn",
        arguments: &[GROUPS, EPS],
        about: "Group normalisation. Wu & He 2018",
        size: "as it arrives; groups divide C",
        tensors: "`weight` [C], `bias` [C]",
        macs: "",
        lower: |args, _| Ok(Op::Gn { groups: args.int("groups"), eps: args.float("eps") }),
    },
    Layer {
        keyword: "ln",
        arguments: &[EPS],
        about: "Layer normalisation over the channels (of every pixel, on a map). Ba et al. 2016",
        size: SAME_SIZE,
        tensors: "`weight` [C], `bias` [C]",
        macs: "",
        lower: |args, _| Ok(Op::Ln { eps: args.float("eps") }),
    },
    Layer {
        keyword: "lrn",
        arguments: &[
            required("size", Kind::Int(1)),
            optional("alpha", Kind::Float(0.0, None), DefaultValue::Float(1e-4)),
            optional("beta", Kind::Float(0.0, None), DefaultValue::Float(0.75)),
            optional("k", Kind::Float(0.0, None), DefaultValue::Float(1.0)),
        ],
        about: "Local response normalisation across channels, alpha divided by size. Krizhevsky et al. 2012",
        size: SAME_SIZE,
        tensors: "",
        macs: "",
        lower: |args, _| {
            Ok(Op::Lrn {
                size: args.int("size"),
                alpha: args.float("alpha"),
                beta: args.float("beta"),
                k: args.float("k"),
            })
        },
    },
    plain("relu", "max(x, 0)", |_, _| Ok(Op::Relu)),
    plain("relu6", "min(max(x, 0), 6)", |_, _| Ok(Op::Relu6)),
    Layer {
        keyword: "leaky",
        arguments: &[optional("slope", Kind::Float(0.0, None), DefaultValue::Float(0.01))],
        about: "x where x > 0, else slope·x",
        size: SAME_SIZE,
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::Leaky { slope: args.float("slope") }),
    },
    Layer {
        keyword: "prelu",
        arguments: &[optional("per_channel", Kind::Bool, DefaultValue::Bool(false))],
        about: "x where x > 0, else weight·x, starting at 0.25. He et al. 2015",
        size: SAME_SIZE,
        tensors: "`weight` [1], per channel [C]",
        macs: "",
        lower: |args, _| Ok(Op::Prelu { per_channel: args.flag("per_channel") }),
    },
    plain("sigmoid", "1 / (1 + e⁻ˣ)", |_, _| Ok(Op::Sigmoid)),
    plain("tanh", "tanh(x)", |_, _| Ok(Op::Tanh)),
    plain("silu", "x·sigmoid(x), also named swish", |_, _| Ok(Op::Silu)),
    plain("hswish", "x·hsigmoid(x). Howard et al. 2019", |_, _| Ok(Op::Hswish)),
    plain("hsigmoid", "relu6(x + 3) / 6", |_, _| Ok(Op::Hsigmoid)),
    plain("gelu", "x·Φ(x), Φ the normal distribution function (exact)", |_, _| Ok(Op::Gelu)),
    plain("softmax", "Softmax over the channels", |_, _| Ok(Op::Softmax)),
    Layer {
        keyword: "maxpool",
        arguments: &[KERNEL, POOL_STRIDE, PAD, DILATION, CEIL],
        about: "Maximum of each window; padding never wins",
        size: WINDOWS,
        tensors: "",
        macs: "",
        lower: |args, input| {
            let (kernel, stride, dilation) = (args.pair("kernel"), args.pair("stride"), args.pair("dilation"));
            let pad = args.padding("pad", input, [kernel, stride, dilation]);
            Ok(Op::MaxPool(Pool { kernel, stride, pad, dilation, ceil: args.flag("ceil") }))
        },
    },
    Layer {
        keyword: "avgpool",
        arguments: &[KERNEL, POOL_STRIDE, PAD, CEIL, optional("count_pad", Kind::Bool, DefaultValue::Bool(true))],
        about: "Mean of each window; `count_pad` counts the padding's zeros in the divisor",
        size: WINDOWS,
        tensors: "",
        macs: "",
        lower: |args, input| {
            let (kernel, stride, dilation) = (args.pair("kernel"), args.pair("stride"), [1, 1]);
            let pad = args.padding("pad", input, [kernel, stride, dilation]);
            let pool = Pool { kernel, stride, pad, dilation, ceil: args.flag("ceil") };
            Ok(Op::AvgPool { pool, count_pad: args.flag("count_pad") })
        },
    },
    Layer {
        keyword: "adaptive_avgpool",
        arguments: &[required("out", Kind::Pair(1))],
        about: "Mean over a grid of `out` bins, bin i from ⌊i·H/out⌋ to ⌈(i+1)·H/out⌉",
        size: "`C×out×out`",
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::AdaptiveAvgPool { out: args.pair("out") }),
    },
    Layer {
        keyword: "gap",
        arguments: &[],
        about: "Global average pooling to a vector. Lin et al. 2013",
        size: "`C`",
        tensors: "",
        macs: "",
        lower: |_, _| Ok(Op::Gap),
    },
    Layer {
        keyword: "pad",
        arguments: &[required("pad", Kind::Crop)],
        about: "Zeros around the map; negative numbers crop",
        size: "`C×(H+top+bottom)×(W+left+right)`",
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::Pad { pad: args.crop("pad") }),
    },
    Layer {
        keyword: "dropout",
        arguments: &[optional("p", RATE, DefaultValue::Float(0.5))],
        about: "In training zeroes each number with probability p and scales the rest by 1/(1−p). Srivastava et al. 2014",
        size: SAME_SIZE,
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::Dropout { p: args.float("p") }),
    },
    Layer {
        keyword: "drop_path",
        arguments: &[required("p", RATE)],
        about: "In training zeroes a whole sample with probability p and scales the rest by 1/(1−p) (stochastic depth). Huang et al. 2016",
        size: SAME_SIZE,
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::DropPath { p: args.float("p") }),
    },
    Layer {
        keyword: "flatten",
        arguments: &[],
        about: "The numbers of a map as a vector, in the order C, H, W",
        size: "`C·H·W`",
        tensors: "",
        macs: "",
        lower: |_, _| Ok(Op::Flatten),
    },
    plain("identity", "x", |_, _| Ok(Op::Identity)),
    Layer {
        keyword: "zero",
        arguments: &[STRIDE],
        about: "Zeros: the absent edge of cell spaces",
        size: "`C×⌈H/stride⌉×⌈W/stride⌉`",
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::Zero { stride: args.pair("stride") }),
    },
    Layer {
        keyword: "shift",
        arguments: &[optional("kernel", Kind::Pair(1), DefaultValue::Int(3)), DILATION],
        about: "Moves the j-th group of ⌊C/(kh·kw)⌋ channels by the j-th offset of the kernel, row by row, zeros moving in; channels left over stay. Wu et al. 2017",
        size: SAME_SIZE,
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::Shift { kernel: args.pair("kernel"), dilation: args.pair("dilation") }),
    },
    Layer {
        keyword: "shuffle",
        arguments: &[GROUPS],
        about: "Transposes channels seen as groups × C/groups. Zhang et al. 2017",
        size: "as it arrives; groups divide C",
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::Shuffle { groups: args.int("groups") }),
    },
    Layer {
        keyword: "upsample",
        arguments: &[
            required("scale", Kind::Pair(1)),
            optional("mode", Kind::Word(&["nearest", "bilinear"]), DefaultValue::Word("nearest")),
            optional("align_corners", Kind::Bool, DefaultValue::Bool(false)),
        ],
        about: "Enlarges the map",
        size: "`C×H·scale×W·scale`",
        tensors: "",
        macs: "",
        lower: |args, _| {
            let bilinear = args.word("mode") == "bilinear";
            let align_corners = args.flag("align_corners");
            if align_corners && !bilinear {
                return Err(Fault::new("align_corners means something for `mode = bilinear` only").at("align_corners"));
            }
            Ok(Op::Upsample { scale: args.pair("scale"), bilinear, align_corners })
        },
    },
    Layer {
        keyword: "scale",
        arguments: &[required("factor", Kind::Float(f64::NEG_INFINITY, None))],
        about: "factor·x, a constant",
        size: SAME_SIZE,
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::Scale { factor: args.float("factor") }),
    },
    Layer {
        keyword: "affine",
        arguments: &[BIAS, optional("init", Kind::Float(f64::NEG_INFINITY, None), DefaultValue::Float(1.0))],
        about: "weight·x + bias for each channel; the weight starts at `init`, the bias at 0",
        size: SAME_SIZE,
        tensors: "`weight` [C], `bias` [C]",
        macs: "",
        lower: |args, _| Ok(Op::Affine { bias: args.flag("bias"), init: args.float("init") }),
    },
    Layer {
        keyword: "subsample",
        arguments: &[required("stride", Kind::Pair(1))],
        about: "Every stride-th row and column from the first (option A of He et al. 2015)",
        size: "`C×⌈H/stride⌉×⌈W/stride⌉`",
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::Subsample { stride: args.pair("stride") }),
    },
    Layer {
        keyword: "pad_channels",
        arguments: &[OUT, optional("before", Kind::Int(0), DefaultValue::Int(0))],
        about: "Channels of zeros: `before` in front, the rest behind",
        size: "`out×H×W`, out ≥ C + before",
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::PadChannels { before: args.int("before"), out: args.int("out") }),
    },
    Layer {
        keyword: "select",
        arguments: &[required("from", Kind::Int(0)), required("to", Kind::Int(1))],
        about: "Channels from `from` up to, not including, `to`",
        size: "`(to − from)×H×W`",
        tensors: "",
        macs: "",
        lower: |args, _| Ok(Op::Select { from: args.int("from"), to: args.int("to") }),
    },
];

impl Layer {
    /// `conv(out, kernel, stride = 1, …)`.
    pub fn signature(&self) -> String {
        if self.arguments.is_empty() {
            return self.keyword.to_owned();
        }
        let list: Vec<String> = self
            .arguments
            .iter()
            .map(|argument| match argument.default {
                None => argument.name.to_owned(),
                Some(DefaultValue::Int(n)) => format!("{} = {n}", argument.name),
                Some(DefaultValue::Float(x)) => format!("{} = {x:?}", argument.name),
                Some(DefaultValue::Bool(b)) => format!("{} = {b}", argument.name),
                Some(DefaultValue::Word(word) | DefaultValue::Same(word)) => format!("{} = {word}", argument.name),
                Some(DefaultValue::Nothing) => format!("{} = all", argument.name),
            })
            .collect();
        format!("{}({})", self.keyword, list.join(", "))
    }
}

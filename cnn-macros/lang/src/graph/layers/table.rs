//! The table of layers: a line for each word, with its arguments and how they become an [`Op`].

use super::arguments::Arguments;
use super::{Argument, DefaultValue, Kind, Layer};
use crate::graph::fault::Fault;
use crate::graph::op::{Conv, Op, Pool};
use crate::graph::shape::Shape;

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
                return Err(Fault::new("align_corners means something for `mode = bilinear` only")
                    .at("align_corners")
                    .help("write `mode = bilinear`, or leave align_corners out"));
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
        arguments: &[
            BIAS,
            optional("init", Kind::Float(f64::NEG_INFINITY, None), DefaultValue::Float(1.0)),
            optional("bare", Kind::Bool, DefaultValue::Bool(false)),
        ],
        about: "weight·x + bias for each channel; the weight starts at `init`, the bias at 0. With `bare` the weight is a parameter of the scope around, called as the layer",
        size: SAME_SIZE,
        tensors: "`weight` [C], `bias` [C]; bare the label itself [C, 1, 1]",
        macs: "",
        lower: |args, _| {
            let (bias, bare) = (args.flag("bias"), args.flag("bare"));
            if bias && bare {
                return Err(Fault::new(
                    "a bare affine is one tensor under the layer's name, which leaves none for the bias",
                )
                .at("bare")
                .help("write `bias = false`, or leave bare out"));
            }
            Ok(Op::Affine { bias, init: args.float("init"), bare })
        },
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

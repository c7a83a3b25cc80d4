//! One operation: the type of its layer and the call that runs it.

use cnn_lang::graph::{Conv, Op, Pool, Shape};

/// Which of the two forward functions is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `forward`: running statistics, no dropout, no tape.
    Inference,
    /// `forward_mut`: batch statistics, dropout, gradients.
    Training,
}

/// `cnn_runtime::Map<B, 64, 56, 56, E, D>`.
pub fn tensor_type(shape: Shape) -> String {
    match shape {
        Shape::Map { channels, height, width } => format!("cnn_runtime::Map<B, {channels}, {height}, {width}, E, D>"),
        Shape::Vector(length) => format!("cnn_runtime::Vector<B, {length}, E, D>"),
    }
}

/// The type with a tape that records: what training takes and gives.
pub fn taped_type(shape: Shape) -> String {
    let sizes: String = shape.dims().iter().map(|n| format!(", cnn_runtime::Const<{n}>")).collect();
    format!("cnn_runtime::Tensor<(B{sizes}), E, D, cnn_runtime::OwnedTape<E, D>>")
}

/// Type of the layer that holds the operation's tensors; `None` if it has none.
pub fn layer_type(op: &Op, input: Shape) -> Option<String> {
    let channels = input.channels();
    match op {
        Op::Conv(conv) => {
            let kind = if conv.bias { "BiasedConv" } else { "Conv" };
            let (out, group, [kh, kw]) = (conv.out, channels / conv.groups, conv.kernel);
            Some(format!("cnn_runtime::layers::{kind}<{out}, {group}, {kh}, {kw}, E, D>"))
        }
        Op::Linear { out, bias, .. } => {
            let kind = if *bias { "BiasedLinear" } else { "Linear" };
            Some(format!("cnn_runtime::layers::{kind}<{out}, {channels}, E, D>"))
        }
        Op::Bn { affine, .. } => {
            let kind = if *affine { "Bn" } else { "PlainBn" };
            Some(format!("cnn_runtime::layers::{kind}<{channels}, E, D>"))
        }
        Op::Custom { path, args, .. } => {
            let args: String = args.iter().map(|arg| format!("{arg}, ")).collect();
            Some(format!("{path}<{args}E, D>"))
        }
        _ => None,
    }
}

/// Whether the typed module can run it. The others can be defined and costed.
pub fn runs(op: &Op) -> bool {
    match op {
        Op::Input
        | Op::Conv(_)
        | Op::Linear { pixelwise: false, .. }
        | Op::Bn { .. }
        | Op::Relu
        | Op::Sigmoid
        | Op::Tanh
        | Op::MaxPool(_)
        | Op::AvgPool { .. }
        | Op::AdaptiveAvgPool { .. }
        | Op::Gap
        | Op::Dropout { .. }
        | Op::Flatten
        | Op::Identity
        | Op::Subsample { .. }
        | Op::PadChannels { .. }
        | Op::Add
        | Op::Concat
        | Op::Custom { .. } => true,
        Op::Linear { pixelwise: true, .. }
        | Op::Gn { .. }
        | Op::Ln { .. }
        | Op::Lrn { .. }
        | Op::Relu6
        | Op::Leaky { .. }
        | Op::Prelu { .. }
        | Op::Silu
        | Op::Hswish
        | Op::Hsigmoid
        | Op::Gelu
        | Op::Softmax
        | Op::Pad { .. }
        | Op::DropPath { .. }
        | Op::Zero { .. }
        | Op::Shift { .. }
        | Op::Shuffle { .. }
        | Op::Upsample { .. }
        | Op::Scale { .. }
        | Op::Affine { .. }
        | Op::Select { .. }
        | Op::Mul => false,
    }
}

/// Whether the result is the input itself.
pub fn passes_through(op: &Op, mode: Mode) -> bool {
    match op {
        Op::Identity => true,
        Op::Dropout { p } => mode == Mode::Inference || *p == 0.0,
        Op::Subsample { stride } => *stride == [1, 1],
        _ => false,
    }
}

/// The call: `self.conv1.forward(&x0, …, tape)?`. `layer` is the path of the layer, `inputs` are references.
pub fn call(op: &Op, output: Shape, layer: &str, inputs: &[&str], mode: Mode) -> String {
    let x = inputs[0];
    match op {
        Op::Conv(conv) => {
            let args = conv_args(conv);
            match (&conv.connect, conv.std) {
                (Some(table), _) => {
                    let rows: Vec<String> = table.iter().map(|row| format!("&{row:?}")).collect();
                    format!("{layer}.forward_connected({x}, {args}, &[{}], tape)?", rows.join(", "))
                }
                (None, true) => format!("{layer}.forward_standardized({x}, {args}, tape)?"),
                (None, false) => format!("{layer}.forward({x}, {args}, tape)?"),
            }
        }
        Op::Linear { .. } => format!("{layer}.forward({x}, tape)?"),
        Op::Bn { eps, momentum, .. } => match mode {
            Mode::Inference => format!("{layer}.forward({x}, {eps:?})?"),
            Mode::Training => format!("{layer}.forward_mut({x}, {eps:?}, {momentum:?}, tape)?"),
        },
        Op::Relu | Op::Sigmoid | Op::Tanh | Op::Gap | Op::Flatten | Op::AdaptiveAvgPool { .. } => {
            format!("cnn_runtime::layers::{}({x}, tape)?", op.keyword())
        }
        Op::MaxPool(pool) => format!("cnn_runtime::layers::maxpool({x}, {}, tape)?", pool_args(pool)),
        Op::AvgPool { pool, count_pad } => {
            format!("cnn_runtime::layers::avgpool({x}, {}, {count_pad}, tape)?", pool_args(pool))
        }
        Op::Dropout { p } => format!("cnn_runtime::layers::dropout({x}, {p:?}, tape)?"),
        Op::Subsample { stride } => format!("cnn_runtime::layers::subsample({x}, {stride:?}, tape)?"),
        Op::PadChannels { before, .. } => format!("cnn_runtime::layers::pad_channels({x}, {before}, tape)?"),
        Op::Add => format!("cnn_runtime::layers::add(&[{}], tape)?", inputs.join(", ")),
        Op::Concat => {
            let parts: String = inputs.iter().map(|x| format!(".with({x})?")).collect();
            let kind = if output.spatial().is_some() { "Concat" } else { "ConcatVectors" };
            format!("cnn_runtime::layers::{kind}::new(){parts}.forward(tape)?")
        }
        // A user's module is any dfdx module: it takes the tape with its tensor and gives it back.
        Op::Custom { .. } => match mode {
            Mode::Inference => format!("cnn_runtime::Module::try_forward(&{layer}, ::core::clone::Clone::clone({x}))?"),
            Mode::Training => format!(
                "cnn_runtime::__private::taped({x}, tape, |x| cnn_runtime::ModuleMut::try_forward_mut(&mut {layer}, x))?"
            ),
        },
        _ => unreachable!("`{}` has no module, which was reported", op.keyword()),
    }
}

fn conv_args(conv: &Conv) -> String {
    let Conv { stride, pad, dilation, groups, .. } = conv;
    format!(
        "cnn_runtime::layers::ConvArgs {{ stride: {stride:?}, pad: {pad:?}, dilation: {dilation:?}, groups: {groups} }}"
    )
}

fn pool_args(pool: &Pool) -> String {
    let Pool { kernel, stride, pad, dilation, .. } = pool;
    format!(
        "cnn_runtime::layers::PoolArgs {{ kernel: {kernel:?}, stride: {stride:?}, pad: {pad:?}, dilation: {dilation:?} }}"
    )
}

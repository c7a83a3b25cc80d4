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
        Op::Gn { .. } => Some(format!("cnn_runtime::layers::Gn<{channels}, E, D>")),
        Op::Ln { .. } => Some(format!("cnn_runtime::layers::Ln<{channels}, E, D>")),
        Op::Prelu { per_channel } => {
            let weights = if *per_channel { channels } else { 1 };
            Some(format!("cnn_runtime::layers::Prelu<{weights}, E, D>"))
        }
        Op::Affine { bias, init, bare } => {
            let kind = match (bare, bias) {
                (true, _) => "BareAffine",
                (false, true) => "BiasedAffine",
                (false, false) => "Affine",
            };
            Some(format!(
                "cnn_runtime::layers::{kind}<{channels}, {{ ::core::primitive::f64::to_bits({init:?}) }}, E, D>"
            ))
        }
        Op::Input
        | Op::Lrn { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Leaky { .. }
        | Op::Sigmoid
        | Op::Tanh
        | Op::Silu
        | Op::Hswish
        | Op::Hsigmoid
        | Op::Gelu
        | Op::Softmax
        | Op::MaxPool(_)
        | Op::AvgPool { .. }
        | Op::AdaptiveAvgPool { .. }
        | Op::Gap
        | Op::Pad { .. }
        | Op::Dropout { .. }
        | Op::DropPath { .. }
        | Op::Flatten
        | Op::Identity
        | Op::Zero { .. }
        | Op::Shift { .. }
        | Op::Shuffle { .. }
        | Op::Upsample { .. }
        | Op::Scale { .. }
        | Op::Subsample { .. }
        | Op::PadChannels { .. }
        | Op::Select { .. }
        | Op::Add
        | Op::Concat
        | Op::Mul => None,
    }
}

/// Whether the result is the input itself.
pub fn passes_through(op: &Op, mode: Mode) -> bool {
    match op {
        Op::Identity => true,
        Op::Dropout { p } | Op::DropPath { p } => mode == Mode::Inference || *p == 0.0,
        Op::Subsample { stride } => *stride == [1, 1],
        Op::Input
        | Op::Conv(_)
        | Op::Linear { .. }
        | Op::Bn { .. }
        | Op::Gn { .. }
        | Op::Ln { .. }
        | Op::Lrn { .. }
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
        | Op::MaxPool(_)
        | Op::AvgPool { .. }
        | Op::AdaptiveAvgPool { .. }
        | Op::Gap
        | Op::Pad { .. }
        | Op::Flatten
        | Op::Zero { .. }
        | Op::Shift { .. }
        | Op::Shuffle { .. }
        | Op::Upsample { .. }
        | Op::Scale { .. }
        | Op::Affine { .. }
        | Op::PadChannels { .. }
        | Op::Select { .. }
        | Op::Add
        | Op::Concat
        | Op::Mul
        | Op::Custom { .. } => false,
    }
}

/// The call: `self.conv1.forward(&x0, …, tape)?`. `layer` is the path of the layer, `inputs` are references, `shapes`
/// their sizes.
pub fn call(op: &Op, shapes: &[Shape], output: Shape, layer: &str, inputs: &[&str], mode: Mode) -> String {
    let x = inputs[0];
    let is_map = |shape: Shape| shape.spatial().is_some();
    let function = |arguments: &str| format!("cnn_runtime::layers::{}({x}, {arguments}tape)?", op.keyword());
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
        Op::Linear { pixelwise: true, .. } => format!("{layer}.forward_pixelwise({x}, tape)?"),
        Op::Linear { .. } | Op::Prelu { .. } | Op::Affine { .. } => format!("{layer}.forward({x}, tape)?"),
        Op::Bn { eps, momentum, .. } => match mode {
            Mode::Inference => format!("{layer}.forward({x}, {eps:?})?"),
            Mode::Training => format!("{layer}.forward_mut({x}, {eps:?}, {momentum:?}, tape)?"),
        },
        Op::Gn { groups, eps } => format!("{layer}.forward({x}, {groups}, {eps:?}, tape)?"),
        Op::Ln { eps } => format!("{layer}.forward({x}, {eps:?}, tape)?"),
        Op::Lrn { size, alpha, beta, k } => function(&format!(
            "cnn_runtime::layers::LrnArgs {{ size: {size}, alpha: {alpha:?}, beta: {beta:?}, k: {k:?} }}, "
        )),
        Op::Relu
        | Op::Relu6
        | Op::Sigmoid
        | Op::Tanh
        | Op::Silu
        | Op::Hswish
        | Op::Hsigmoid
        | Op::Gelu
        | Op::Softmax
        | Op::Gap
        | Op::Flatten
        | Op::AdaptiveAvgPool { .. } => function(""),
        Op::Leaky { slope } => function(&format!("{slope:?}, ")),
        Op::MaxPool(pool) => function(&format!("{}, ", pool_args(pool))),
        Op::AvgPool { pool, count_pad } => function(&format!("{}, {count_pad}, ", pool_args(pool))),
        Op::Pad { pad } => function(&format!("{pad:?}, ")),
        Op::Dropout { p } | Op::DropPath { p } => function(&format!("{p:?}, ")),
        Op::Zero { stride: [1, 1] } => function(""),
        Op::Zero { .. } => format!("cnn_runtime::layers::zero_strided({x}, tape)?"),
        Op::Shift { kernel, dilation } => function(&format!("{kernel:?}, {dilation:?}, ")),
        Op::Shuffle { groups } => function(&format!("{groups}, ")),
        Op::Upsample { bilinear, align_corners, .. } => {
            let mode =
                if *bilinear { format!("Bilinear {{ align_corners: {align_corners} }}") } else { "Nearest".into() };
            function(&format!("cnn_runtime::layers::Mode::{mode}, "))
        }
        Op::Scale { factor } => function(&format!("{factor:?}, ")),
        Op::Subsample { stride } => function(&format!("{stride:?}, ")),
        Op::PadChannels { before, .. } => function(&format!("{before}, ")),
        Op::Select { from, .. } if is_map(output) => function(&format!("{from}, ")),
        Op::Select { from, .. } => format!("cnn_runtime::layers::select_vector({x}, {from}, tape)?"),
        Op::Add => format!("cnn_runtime::layers::add(&[{}], tape)?", inputs.join(", ")),
        Op::Concat => {
            let parts: String = inputs.iter().map(|x| format!(".with({x})?")).collect();
            let kind = if is_map(output) { "Concat" } else { "ConcatVectors" };
            format!("cnn_runtime::layers::{kind}::new(){parts}.forward(tape)?")
        }
        // A user's module is any dfdx module: it takes the tape with its tensor and gives it back.
        Op::Custom { .. } => match mode {
            Mode::Inference => format!("cnn_runtime::Module::try_forward(&{layer}, ::core::clone::Clone::clone({x}))?"),
            Mode::Training => format!(
                "cnn_runtime::__private::taped({x}, tape, |x| cnn_runtime::ModuleMut::try_forward_mut(&mut {layer}, x))?"
            ),
        },
        Op::Mul => {
            let with = |(x, shape): (&&str, &Shape)| {
                let method = if is_map(*shape) { "with" } else { "with_vector" };
                format!(".{method}({x}, tape)?")
            };
            let parts: String = inputs.iter().zip(shapes).map(with).collect();
            let forward = if is_map(output) { "forward" } else { "forward_vector" };
            format!("cnn_runtime::layers::Mul::new(){parts}.{forward}(tape)?")
        }
        Op::Input | Op::Identity => unreachable!("`{}` passes through, nothing is called", op.keyword()),
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

//! Blocks that many papers share: `network! { use cnn_runtime::blocks::squeeze_excite; … }`.
//!
//! Definitions only: one that is not used costs nothing.

crate::define! {
    /// Convolution, batch normalisation, ReLU; the size stays where the stride is 1. Ioffe & Szegedy 2015.
    pub block conv_bn_relu(out, kernel, stride = 1, groups = 1) {
        conv(out, kernel, stride, pad = kernel / 2, groups = groups, bias = false) -> bn -> relu
    }

    /// Depthwise, then pointwise convolution, each with batch normalisation and ReLU. Howard et al. 2017, figure 3.
    pub block separable(out, kernel = 3, stride = 1) {
        dwconv(kernel, stride, pad = kernel / 2, bias = false) -> bn -> relu -> conv(out, 1, bias = false) -> bn -> relu
    }

    /// Squeeze and excite: every channel is weighted by what the whole map says of it, through `squeezed` channels.
    /// Hu et al. 2017, figure 2. `swish` between the two layers as in EfficientNet, `hard` sigmoid behind them as in
    /// MobileNetV3.
    pub block squeeze_excite(squeezed, swish = false, hard = false) {
        let channels = in.channels;
        mul {
            identity;
            { adaptive_avgpool(1) -> fc1: conv(squeezed, 1) -> if swish { silu } else { relu }
              -> fc2: conv(channels, 1) -> if hard { hsigmoid } else { sigmoid } };
        }
    }
}

/// Every block: its name, and its source, which stands alone.
pub const ALL: &[(&str, &str)] =
    &[("conv_bn_relu", conv_bn_relu!()), ("separable", separable!()), ("squeeze_excite", squeeze_excite!())];

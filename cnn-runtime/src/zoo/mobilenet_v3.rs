//! MobileNetV3. Howard et al., "Searching for MobileNetV3", 2019, tables 1 (Large) and 2 (Small).
//!
//! As in torchvision: eps 1e-3 and momentum 0.01 in every batch normalisation, dropout before the last layer.

crate::define! {
    use crate::blocks::squeeze_excite;

    /// Convolution, batch normalisation and h-swish (`hs`) or ReLU, or no activation.
    block conv_bn(out, kernel, stride = 1, groups = 1, hs = false, linear = false) {
        conv(out, kernel, stride, pad = kernel / 2, groups = groups, bias = false)
          -> bn(eps = 0.001, momentum = 0.01)
          -> if !linear { if hs { hswish } else { relu } }
    }

    /// The bottleneck: expand, filter depthwise, squeeze and excite (`se`), project.
    block bneck(kernel, exp, out, se, hs, stride) {
        let arriving = in.channels;
        add {
            { block: {
                if exp != arriving { conv_bn(exp, 1, hs = hs) }
                -> conv_bn(exp, kernel, stride, groups = exp, hs = hs)
                -> if se { squeeze_excite(divisible(in.channels / 4, 8), hard = true) }
                -> conv_bn(out, 1, linear = true)
            } };
            if stride == 1 && arriving == out { identity; }
        }
    }

    /// MobileNetV3-Large. Table 1. Howard et al. 2019.         5.5 M parameters, 0.22 G multiply-adds
    pub MobileNetV3Large(classes = 1000, dropout = 0.2): 3x224x224 -> classes;
    stem features: { conv_bn(16, 3, stride = 2, hs = true)     @ 16x112x112 };
    body features: {
    //           kernel  exp   out    se     hs   stride
            bneck(3,      16,   16, false, false, 1)           @ 16x112x112
         -> bneck(3,      64,   24, false, false, 2)           @ 24x56x56
         -> bneck(3,      72,   24, false, false, 1)           @ 24x56x56
         -> bneck(5,      72,   40, true,  false, 2)           @ 40x28x28
         -> bneck(5,     120,   40, true,  false, 1)           @ 40x28x28
         -> bneck(5,     120,   40, true,  false, 1)           @ 40x28x28
         -> bneck(3,     240,   80, false, true,  2)           @ 80x14x14
         -> bneck(3,     200,   80, false, true,  1)           @ 80x14x14
         -> bneck(3,     184,   80, false, true,  1)           @ 80x14x14
         -> bneck(3,     184,   80, false, true,  1)           @ 80x14x14
         -> bneck(3,     480,  112, true,  true,  1)           @ 112x14x14
         -> bneck(3,     672,  112, true,  true,  1)           @ 112x14x14
         -> bneck(5,     672,  160, true,  true,  2)           @ 160x7x7
         -> bneck(5,     960,  160, true,  true,  1)           @ 160x7x7
         -> bneck(5,     960,  160, true,  true,  1)           @ 160x7x7
         -> conv_bn(960, 1, hs = true)                         @ 960x7x7
    };
    head gap -> classifier: { linear(1280) -> hswish -> dropout(dropout) -> linear(classes) };

    /// MobileNetV3-Small. Table 2. Howard et al. 2019.         2.5 M parameters, 0.057 G multiply-adds
    pub MobileNetV3Small(classes = 1000, dropout = 0.2): 3x224x224 -> classes;
    stem features: { conv_bn(16, 3, stride = 2, hs = true)     @ 16x112x112 };
    body features: {
    //           kernel  exp   out    se     hs   stride
            bneck(3,      16,   16, true,  false, 2)           @ 16x56x56
         -> bneck(3,      72,   24, false, false, 2)           @ 24x28x28
         -> bneck(3,      88,   24, false, false, 1)           @ 24x28x28
         -> bneck(5,      96,   40, true,  true,  2)           @ 40x14x14
         -> bneck(5,     240,   40, true,  true,  1)           @ 40x14x14
         -> bneck(5,     240,   40, true,  true,  1)           @ 40x14x14
         -> bneck(5,     120,   48, true,  true,  1)           @ 48x14x14
         -> bneck(5,     144,   48, true,  true,  1)           @ 48x14x14
         -> bneck(5,     288,   96, true,  true,  2)           @ 96x7x7
         -> bneck(5,     576,   96, true,  true,  1)           @ 96x7x7
         -> bneck(5,     576,   96, true,  true,  1)           @ 96x7x7
         -> conv_bn(576, 1, hs = true)                         @ 576x7x7
    };
    head gap -> classifier: { linear(1024) -> hswish -> dropout(dropout) -> linear(classes) };
}

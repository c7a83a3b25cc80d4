//! EfficientNet as its authors' weights are: TensorFlow's padding (`same`: the odd zero behind) and eps 1e-3. Tan and Le 2019;
//! L2: Xie et al., "Self-training with Noisy Student improves ImageNet classification", 2020. Names are timm's.

crate::define! {
    /// Squeeze and excite with timm's names. Hu et al. 2017.
    pub(crate) block excite(squeezed, swish) {
        let channels = in.channels;
        mul {
            identity;
            { adaptive_avgpool(1) -> conv_reduce: conv(squeezed, 1) -> if swish { silu } else { relu }
              -> conv_expand: conv(channels, 1) -> sigmoid };
        }
    }

    /// The inverted residual with timm's names: expand, filter depthwise, squeeze to a part `squeeze` of the arriving channels
    /// and excite (0: not at all), project. `tf`: swish and TensorFlow's padding in place of ReLU and symmetric padding.
    pub(crate) block inverted_residual(expand, kernel, stride, out, squeeze, tf, eps = 1e-5, drop = 0.0) {
        let arriving = in.channels;
        let joins = stride == 1 && arriving == out;
        let margin = kernel / 2;
        add {
            { if expand != 1 { conv_pw: conv(expand * arriving, 1, bias = false) -> bn1: bn(eps) -> if tf { silu } else { relu } }
              -> if tf { conv_dw: dwconv(kernel, stride, pad = same, bias = false) }
                 else { conv_dw: dwconv(kernel, stride, pad = margin, bias = false) }
              -> if expand != 1 { bn2: bn(eps) } else { bn1: bn(eps) } -> if tf { silu } else { relu }
              -> if squeeze > 0 { se: excite(round(squeeze * arriving), tf) }
              -> if expand != 1 { conv_pwl: conv(out, 1, bias = false) -> bn3: bn(eps) }
                 else { conv_pw: conv(out, 1, bias = false) -> bn2: bn(eps) }
              -> if joins && drop > 0.0 { drop_path(drop) } };
            if joins { identity; }
        }
    }

    /// A row of table 1; `before` is the number of blocks in the rows above, of `blocks` in all.
    block stage(expand, kernel, stride, channels, layers, before, of) {
        let (width, blocks, drop) = of;
        let out = divisible(channels * width, 8);
        for i in 0..layers {
            inverted_residual(expand, kernel, if i == 0 { stride } else { 1 }, out, 0.25, true, 1e-3, drop * (before + i) / blocks)
        }
    }

    /// EfficientNet-B0. Tan & Le 2019.                         5.3 M parameters, 0.39 G multiply-adds
    pub TfEfficientNetB0(classes = 1000, width = 1.0, depth = 1.0, dropout = 0.2, drop = 0.2): 3x224x224 -> classes;
    stem conv_stem: conv(divisible(32 * width, 8), 3, stride = 2, pad = same, bias = false) -> bn1: bn(1e-3) -> silu @ 32x112x112;
    body blocks: {
         let one = ceil(depth);
         let two = ceil(2 * depth);
         let three = ceil(3 * depth);
         let four = ceil(4 * depth);
         let of = (width, 2 * one + 2 * two + 2 * three + four, drop);
    //           expand kernel stride channels layers before
            stage(1,    3,     1,     16,      one,   0,                               of)    @ 16x112x112
         -> stage(6,    3,     2,     24,      two,   one,                             of)    @ 24x56x56
         -> stage(6,    5,     2,     40,      two,   one + two,                       of)    @ 40x28x28
         -> stage(6,    3,     2,     80,      three, one + 2 * two,                   of)    @ 80x14x14
         -> stage(6,    5,     1,     112,     three, one + 2 * two + three,           of)    @ 112x14x14
         -> stage(6,    5,     2,     192,     four,  one + 2 * two + 2 * three,       of)    @ 192x7x7
         -> stage(6,    3,     1,     320,     one,   one + 2 * two + 2 * three + four, of)   @ 320x7x7
    };
         conv_head: conv(divisible(1280 * width, 8), 1, bias = false) -> bn2: bn(1e-3) -> silu     @ 1280x7x7;
    head gap -> dropout(dropout) -> classifier: linear(classes);

    /// EfficientNet-L2. Xie et al. 2020.                       480.3 M parameters, 475.7 G multiply-adds
    pub EfficientNetL2 = TfEfficientNetB0(width = 4.3, depth = 5.3, dropout = 0.5): 3x800x800;
}

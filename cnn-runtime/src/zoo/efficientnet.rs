//! EfficientNet. Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019, table 1.
//!
//! One baseline; B1 to B7 are the compound-scaling rule (section 3.3, [`scaling::CompoundScaling`](super::scaling::CompoundScaling))
//! at the published factors: `width` multiplies the channels, which are then rounded to multiples of 8, `depth` the blocks of
//! a row, rounded up; the resolution is the instance's input. As in torchvision: symmetric padding, resolutions of its weights,
//! eps 1e-3 and momentum 0.01 from B5 on, and stochastic depth whose probability grows from block to block.

crate::define! {
    use crate::blocks::squeeze_excite;

    /// Convolution, batch normalisation (`norm`: eps, momentum) and swish, or no activation.
    block conv_bn(out, kernel, norm, stride = 1, groups = 1, linear = false) {
        conv(out, kernel, stride, pad = kernel / 2, groups = groups, bias = false) -> bn(norm[0], norm[1]) -> if !linear { silu }
    }

    /// MBConv: expand, filter depthwise, squeeze and excite, project. A quarter of the arriving channels is squeezed to.
    block mbconv(expand, kernel, stride, out, drop, norm) {
        let arriving = in.channels;
        let width = expand * arriving;
        let joins = stride == 1 && arriving == out;
        add {
            { block: {
                if expand != 1 { conv_bn(width, 1, norm) }
                -> conv_bn(width, kernel, norm, stride, groups = width)
                -> squeeze_excite(max(1, arriving / 4), swish = true)
                -> conv_bn(out, 1, norm, linear = true)
              } -> if joins && drop > 0.0 { drop_path(drop) } };
            if joins { identity; }
        }
    }

    /// A row of the table, as wide as `of` says; `before` is the number of blocks in the rows above, of `blocks` in all.
    block stage(expand, kernel, stride, channels, layers, before, of) {
        let (width, blocks, drop, norm) = of;
        let out = divisible(channels * width, 8);
        for i in 0..layers {
            mbconv(expand, kernel, if i == 0 { stride } else { 1 }, out, drop * (before + i) / blocks, norm)
        }
    }

    /// EfficientNet-B0. Tan & Le 2019.                         5.3 M parameters, 0.39 G multiply-adds
    pub EfficientNetB0(classes = 1000, width = 1.0, depth = 1.0, dropout = 0.2, drop = 0.2, norm = (1e-5, 0.1)): 3x224x224 -> classes;
    stem features: { conv_bn(divisible(32 * width, 8), 3, norm, stride = 2)       @ 32x112x112 };
    body features: {
         let one = ceil(depth);
         let two = ceil(2 * depth);
         let three = ceil(3 * depth);
         let four = ceil(4 * depth);
         let of = (width, 2 * one + 2 * two + 2 * three + four, drop, norm);
    //           expand kernel stride channels layers before
            stage(1,    3,     1,     16,      one,   0,                               of)    @ 16x112x112
         -> stage(6,    3,     2,     24,      two,   one,                             of)    @ 24x56x56
         -> stage(6,    5,     2,     40,      two,   one + two,                       of)    @ 40x28x28
         -> stage(6,    3,     2,     80,      three, one + 2 * two,                   of)    @ 80x14x14
         -> stage(6,    5,     1,     112,     three, one + 2 * two + three,           of)    @ 112x14x14
         -> stage(6,    5,     2,     192,     four,  one + 2 * two + 2 * three,       of)    @ 192x7x7
         -> stage(6,    3,     1,     320,     one,   one + 2 * two + 2 * three + four, of)   @ 320x7x7
         -> conv_bn(4 * in.channels, 1, norm)                                                 @ 1280x7x7
    };
    head gap -> classifier: { dropout(dropout) -> linear(classes) };

    /// EfficientNet-B1. Tan & Le 2019.                         7.8 M parameters, 0.69 G multiply-adds
    pub EfficientNetB1 = EfficientNetB0(depth = 1.1): 3x240x240;
    /// EfficientNet-B2. Tan & Le 2019.                         9.1 M parameters, 1.1 G multiply-adds
    pub EfficientNetB2 = EfficientNetB0(width = 1.1, depth = 1.2, dropout = 0.3): 3x288x288;
    /// EfficientNet-B3. Tan & Le 2019.                         12.2 M parameters, 1.8 G multiply-adds
    pub EfficientNetB3 = EfficientNetB0(width = 1.2, depth = 1.4, dropout = 0.3): 3x300x300;
    /// EfficientNet-B4. Tan & Le 2019.                         19.3 M parameters, 4.4 G multiply-adds
    pub EfficientNetB4 = EfficientNetB0(width = 1.4, depth = 1.8, dropout = 0.4): 3x380x380;
    /// EfficientNet-B5. Tan & Le 2019.                         30.4 M parameters, 10.3 G multiply-adds
    pub EfficientNetB5 = EfficientNetB0(width = 1.6, depth = 2.2, dropout = 0.4, norm = (1e-3, 0.01)): 3x456x456;
    /// EfficientNet-B6. Tan & Le 2019.                         43.0 M parameters, 19.1 G multiply-adds
    pub EfficientNetB6 = EfficientNetB0(width = 1.8, depth = 2.6, dropout = 0.5, norm = (1e-3, 0.01)): 3x528x528;
    /// EfficientNet-B7. Tan & Le 2019.                         66.3 M parameters, 37.7 G multiply-adds
    pub EfficientNetB7 = EfficientNetB0(width = 2.0, depth = 3.1, dropout = 0.5, norm = (1e-3, 0.01)): 3x600x600;
}

//! EfficientNet. Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019, table 1.
//!
//! As in torchvision: symmetric padding, and stochastic depth whose probability grows from block to block.

crate::define! {
    use crate::blocks::squeeze_excite;

    /// Convolution, batch normalisation and swish, or no activation.
    block conv_bn(out, kernel, stride = 1, groups = 1, linear = false) {
        conv(out, kernel, stride, pad = kernel / 2, groups = groups, bias = false) -> bn -> if !linear { silu }
    }

    /// MBConv: expand, filter depthwise, squeeze and excite, project. A quarter of the arriving channels is squeezed to.
    block mbconv(expand, kernel, stride, out, drop) {
        let arriving = in.channels;
        let width = expand * arriving;
        let joins = stride == 1 && arriving == out;
        add {
            { block: {
                if expand != 1 { conv_bn(width, 1) }
                -> conv_bn(width, kernel, stride, groups = width)
                -> squeeze_excite(max(1, arriving / 4), swish = true)
                -> conv_bn(out, 1, linear = true)
              } -> if joins && drop > 0.0 { drop_path(drop) } };
            if joins { identity; }
        }
    }

    /// A row of the table; `before` is the number of blocks in the rows above, of 16 in all.
    block stage(expand, kernel, stride, channels, layers, before, drop) {
        for i in 0..layers {
            mbconv(expand, kernel, if i == 0 { stride } else { 1 }, channels, drop * (before + i) / 16)
        }
    }

    /// EfficientNet-B0. Tan & Le 2019.                         5.3 M parameters, 0.39 G multiply-adds
    pub EfficientNetB0(classes = 1000, dropout = 0.2, drop = 0.2): 3x224x224 -> classes;
    stem features: { conv_bn(32, 3, stride = 2)                @ 32x112x112 };
    body features: {
    //           expand kernel stride channels layers before
            stage(1,    3,     1,     16,      1,     0,  drop)    @ 16x112x112
         -> stage(6,    3,     2,     24,      2,     1,  drop)    @ 24x56x56
         -> stage(6,    5,     2,     40,      2,     3,  drop)    @ 40x28x28
         -> stage(6,    3,     2,     80,      3,     5,  drop)    @ 80x14x14
         -> stage(6,    5,     1,     112,     3,     8,  drop)    @ 112x14x14
         -> stage(6,    5,     2,     192,     4,     11, drop)    @ 192x7x7
         -> stage(6,    3,     1,     320,     1,     15, drop)    @ 320x7x7
         -> conv_bn(1280, 1)                                       @ 1280x7x7
    };
    head gap -> classifier: { dropout(dropout) -> linear(classes) };
}

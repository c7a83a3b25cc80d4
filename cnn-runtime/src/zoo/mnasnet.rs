//! MnasNet. Tan et al., "MnasNet: platform-aware neural architecture search for mobile", 2019, figure 7.
//!
//! B1 is the searched network without squeeze and excite, A1 with it. `MnasNetB1` bears torchvision's names and momentum
//! (0.0003), the other two timm's.

crate::define! {
    use crate::zoo::efficientnet_tf::inverted_residual;

    /// MBConv: expand, filter depthwise, project.
    block mbconv(expand, kernel, stride, out) {
        let arriving = in.channels;
        let margin = kernel / 2;
        add {
            { layers: {
                conv(expand * arriving, 1, bias = false) -> bn(momentum = 0.0003) -> relu
                -> dwconv(kernel, stride, pad = margin, bias = false) -> bn(momentum = 0.0003) -> relu
                -> conv(out, 1, bias = false) -> bn(momentum = 0.0003)
            } };
            if stride == 1 && arriving == out { identity; }
        }
    }

    /// A row of the figure: the first of its layers has the stride.
    block stage(expand, kernel, stride, out, layers) {
        mbconv(expand, kernel, stride, out) -> mbconv(expand, kernel, 1, out) * (layers - 1)
    }

    /// MnasNet-B1; `width` multiplies the channels. Tan et al. 2019.   4.4 M parameters, 0.31 G multiply-adds
    pub MnasNetB1(classes = 1000, width = 1.0, dropout = 0.2): 3x224x224 -> classes;
    stem layers: {
         conv(divisible(32 * width, 8), 3, stride = 2, pad = 1, bias = false) -> bn(momentum = 0.0003) -> relu   @ 32x112x112
         -> dwconv(3, pad = 1, bias = false) -> bn(momentum = 0.0003) -> relu
         -> conv(divisible(16 * width, 8), 1, bias = false) -> bn(momentum = 0.0003)                             @ 16x112x112
    };
    body layers: {
    //           expand kernel stride channels                   layers
            stage(3,    3,     2,     divisible(24 * width, 8),  3)    @ 24x56x56
         -> stage(3,    5,     2,     divisible(40 * width, 8),  3)    @ 40x28x28
         -> stage(6,    5,     2,     divisible(80 * width, 8),  3)    @ 80x14x14
         -> stage(6,    3,     1,     divisible(96 * width, 8),  2)    @ 96x14x14
         -> stage(6,    5,     2,     divisible(192 * width, 8), 4)    @ 192x7x7
         -> stage(6,    3,     1,     divisible(320 * width, 8), 1)    @ 320x7x7
         -> conv(1280, 1, bias = false) -> bn(momentum = 0.0003) -> relu  @ 1280x7x7
    };
    head gap -> classifier: { dropout(dropout) -> linear(classes) };

    /// A row of the figure with timm's names; `squeeze` to this part of the arriving channels, 0 without squeeze and excite.
    block row(expand, kernel, stride, out, layers, squeeze) {
        inverted_residual(expand, kernel, stride, out, squeeze, false)
        -> inverted_residual(expand, kernel, 1, out, squeeze, false) * (layers - 1)
    }

    /// MnasNet-A1. Figure 7 (a). Tan et al. 2019.              3.9 M parameters, 0.31 G multiply-adds
    pub MnasNetA1(classes = 1000, dropout = 0.2, squeeze = 0.25): 3x224x224 -> classes;
    stem conv_stem: conv(32, 3, stride = 2, pad = 1, bias = false) -> bn1: bn -> relu    @ 32x112x112;
    body blocks: {
    //         expand kernel stride channels layers squeeze
            row(1,    3,     1,     16,      1,     0)           @ 16x112x112
         -> row(6,    3,     2,     24,      2,     0)           @ 24x56x56
         -> row(3,    5,     2,     40,      3,     squeeze)     @ 40x28x28
         -> row(6,    3,     2,     80,      4,     0)           @ 80x14x14
         -> row(6,    3,     1,     112,     2,     squeeze)     @ 112x14x14
         -> row(6,    5,     2,     160,     3,     squeeze)     @ 160x7x7
         -> row(6,    3,     1,     320,     1,     0)           @ 320x7x7
    };
         conv_head: conv(1280, 1, bias = false) -> bn2: bn -> relu    @ 1280x7x7;
    head gap -> dropout(dropout) -> classifier: linear(classes);

    /// MnasNet-B1 with timm's names and its momentum of 0.1. Tan et al. 2019.   4.4 M parameters, 0.31 G multiply-adds
    pub MnasNetB1Timm(classes = 1000, dropout = 0.2): 3x224x224 -> classes;
    stem conv_stem: conv(32, 3, stride = 2, pad = 1, bias = false) -> bn1: bn -> relu    @ 32x112x112;
    body blocks: {
    //         expand kernel stride channels layers squeeze
            row(1,    3,     1,     16,      1,     0)           @ 16x112x112
         -> row(3,    3,     2,     24,      3,     0)           @ 24x56x56
         -> row(3,    5,     2,     40,      3,     0)           @ 40x28x28
         -> row(6,    5,     2,     80,      3,     0)           @ 80x14x14
         -> row(6,    3,     1,     96,      2,     0)           @ 96x14x14
         -> row(6,    5,     2,     192,     4,     0)           @ 192x7x7
         -> row(6,    3,     1,     320,     1,     0)           @ 320x7x7
    };
         conv_head: conv(1280, 1, bias = false) -> bn2: bn -> relu    @ 1280x7x7;
    head gap -> dropout(dropout) -> classifier: linear(classes);
}

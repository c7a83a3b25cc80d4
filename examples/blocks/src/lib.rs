//! Blocks that other crates import: a definition costs nothing until a network uses it.

cnn_runtime::define! {
    /// Convolution, batch normalisation, ReLU; the size stays. Ioffe & Szegedy 2015.
    pub block conv_bn(out, kernel) {
        conv: conv(out, kernel, pad = same, bias = false) -> bn: bn -> relu
    }

    /// Four branches joined along the channels; `middle` and `wide` reduce before they look around.
    /// Szegedy et al. 2014, figure 2 (b), the 5×5 as two 3×3.
    pub block inception(narrow, middle, wide, pooled) {
        concat {
            branch1: conv_bn(narrow, 1);
            branch2: { conv_bn(middle[0], 1) -> conv_bn(middle[1], 3) };
            branch3: { conv_bn(wide[0], 1) -> conv_bn(wide[1], 3) -> conv_bn(wide[1], 3) };
            branch4: { maxpool(3, stride = 1, pad = 1) -> conv_bn(pooled, 1) };
        }
    }
}

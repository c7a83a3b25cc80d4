//! Tan et al. 2019, "MnasNet: Platform-Aware Neural Architecture Search for Mobile", section 4.1: a factorised hierarchical
//! space. Each of seven blocks chooses what its layers are; all layers of a block are equal.

crate::define! {
    /// Squeeze-and-excite with `ratio` of the channels in the middle. Hu et al. 2018.
    block excite(ratio) {
        let out = in.channels;
        let mid = max(1, floor(out * ratio));
        mul { identity; { adaptive_avgpool(1) -> conv(mid, 1) -> relu -> conv(out, 1) -> sigmoid }; }
    }

    /// What a layer computes beside its shortcut.
    block main(op, kernel, ratio, out, stride) {
        let (regular, separable, inverted3, inverted6) = (0, 1, 2, 3);
        let wide = in.channels * (if op == inverted6 { 6 } else { 3 });
        { if op == regular {
              conv(out, kernel, stride, pad = same, bias = false) -> bn -> relu
          } else {
              { if op == inverted3 || op == inverted6 { conv(wide, 1, bias = false) -> bn -> relu } }
              -> dwconv(kernel, stride, pad = same, bias = false) -> bn -> relu
          } }
        -> { if ratio > 0 { excite(ratio) } }
        -> { if op != regular { conv(out, 1, bias = false) -> bn } }
    }

    /// A layer with its shortcut, where sizes fit.
    block layer(op, kernel, ratio, skip, out, stride) {
        let (none, residual, pooling) = (0, 1, 2);
        let fits = in.channels == out;
        add {
            main(op, kernel, ratio, out, stride);
            if fits && skip == residual && stride == 1 { identity; };
            if fits && skip == pooling { avgpool(3, stride, pad = 1, count_pad = false); };
        }
    }

    /// A block of the space: `filters` and `layers` are MobileNetV2's, which choices vary.
    block stage(filters, layers, stride) {
        let (regular, separable, inverted3, inverted6) = (0, 1, 2, 3);
        let (none, residual, pooling) = (0, 1, 2);
        let op = choose(regular, separable, inverted3, inverted6);
        let kernel = choose(3, 5);
        let ratio = choose(0, 0.25);
        let skip = choose(none, residual, pooling);
        let out = divisible(filters * choose(0.75, 1.0, 1.25), 8);
        let depth = layers + (if layers == 1 { choose(0, 1) } else { choose(-1, 0, 1) });
        layer(op, kernel, ratio, skip, out, stride) -> layer(op, kernel, ratio, skip, out, 1) * (depth - 1)
    }

    /// MnasNet's space: seven blocks, each with its convolution, kernel, squeeze-and-excite ratio, shortcut, width and depth.
    /// Tan et al. 2019, section 4.1. Bottlenecks expand three- or sixfold, as in the networks that the paper found.
    pub MnasNetSpace(classes = 1000): 3x224x224 -> classes;
    stem stem: { conv(32, 3, stride = 2, pad = 1, bias = false) -> bn -> relu };
    //                filters  layers  stride
    body block1: stage(16,     1,      1);
         block2: stage(24,     2,      2);
         block3: stage(32,     3,      2);
         block4: stage(64,     4,      2);
         block5: stage(96,     3,      1);
         block6: stage(160,    3,      2);
         block7: stage(320,    1,      1);
    head last: { conv(1280, 1, bias = false) -> bn -> relu } -> gap -> dropout(0.2) -> linear(classes);
}

//! ConvNeXt. Liu et al., "A ConvNet for the 2020s", 2022, table 9.
//!
//! As in torchvision.

crate::define! {
    /// The block: 7×7 depthwise, layer normalisation, an inverted bottleneck of two layers on every pixel, a learned scale for
    /// each channel that starts near 0, stochastic depth. Figure 4.
    pub block convnext_block(scale, drop = 0.0) {
        let channels = in.channels;
        add {
            identity;
            { block: {
                "0": dwconv(7, pad = 3)
                -> "2": ln(eps = 1e-6)
                -> "3": linear(4 * channels, pixelwise = true) -> gelu
                -> "5": linear(channels, pixelwise = true)
              } -> layer_scale: affine(bias = false, init = scale, bare = true) -> if drop > 0.0 { drop_path(drop) } };
        }
    }

    /// A stage; the probability of dropping grows over all blocks of the network, of which `before` precede.
    block stage(blocks, before, last, scale, drop) {
        for i in 0..blocks { convnext_block(scale, drop * (before + i) / last) }
    }

    /// Between the stages: half the pixels on either side.
    block downsample(out) { ln(eps = 1e-6) -> conv(out, 2, stride = 2) }

    /// ConvNeXt-T. Liu et al. 2022.                            28.6 M parameters, 4.5 G multiply-adds
    pub ConvNeXtTiny(classes = 1000, widths = [96, 192, 384, 768], blocks = [3, 3, 9, 3], scale = 1e-6, drop = 0.1): 3x224x224 -> classes;
    stem features: { "0": { conv(widths[0], 4, stride = 4) -> ln(eps = 1e-6) } }            @ 96x56x56;
    body features: {
         let before = [0, blocks[0], blocks[0] + blocks[1], blocks[0] + blocks[1] + blocks[2]];
         let last = max(1, before[3] + blocks[3] - 1);
            "1": stage(blocks[0], before[0], last, scale, drop)                             @ 96x56x56
         -> "2": downsample(widths[1])  -> "3": stage(blocks[1], before[1], last, scale, drop) @ 192x28x28
         -> "4": downsample(widths[2])  -> "5": stage(blocks[2], before[2], last, scale, drop) @ 384x14x14
         -> "6": downsample(widths[3])  -> "7": stage(blocks[3], before[3], last, scale, drop) @ 768x7x7
    };
    head gap -> classifier: { "0": ln(eps = 1e-6) -> "2": linear(classes) };
}

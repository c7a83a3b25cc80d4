//! Radosavovic et al. 2020, "Designing Network Design Spaces": networks of four stages of residual bottlenecks with groups,
//! whose depths and widths are chosen.

crate::define! {
    /// The X block with a bottleneck ratio of 1. Fig. 4.
    block x(out, stride, group) {
        add {
            { conv(out, 1, bias = false) -> bn -> relu
              -> conv(out, 3, stride, pad = 1, groups = out / group, bias = false) -> bn -> relu
              -> conv(out, 1, bias = false) -> bn };
            { if stride != 1 || in.channels != out { conv(out, 1, stride, bias = false) -> bn } };
        } -> relu
    }

    /// A stage: at least as wide as the one before it.
    block stage(group) {
        let wider = choose(0, 32, 64, 96, 128, 192, 256);
        let depth = choose(1, 2, 3, 4, 6, 8, 12, 16);
        let out = in.channels + wider;
        x(out, 2, group) -> x(out, 1, group) * (depth - 1)
    }

    /// AnyNetX with what the paper settles: a bottleneck ratio of 1, one group width for all stages, and widths that do not fall
    /// (AnyNetX E without its last rule). Section 3.2; 200 to 400 million multiply-adds, the paper's smallest regime.
    pub AnyNet(classes = 1000): 3x224x224 -> classes;
    stem stem: { conv(32, 3, stride = 2, pad = 1, bias = false) -> bn -> relu };
    body {
        let group = choose(8, 16, 32);
        stage1: stage(group) -> stage2: stage(group) -> stage3: stage(group) -> stage4: stage(group)
    };
    head gap -> linear(classes);
    where macs >= 200M, macs <= 400M;
}

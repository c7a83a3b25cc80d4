//! RegNet. Radosavovic, Kosaraju, Girshick, He and Dollár, "Designing network design spaces", 2020, table of RegNetX models.
//!
//! Widths and depths are those that the quantised linear parameterisation comes to: w₀ = 24, w_a = 24.48, w_m = 2.54, d = 22.

crate::define! {
    /// The X block: a residual bottleneck of ratio 1 with grouped convolution.
    pub block x_block(out, stride, group) {
        add {
            { if stride != 1 || in.channels != out { proj: { conv(out, 1, stride, bias = false) -> bn } } };
            { f: {
                a: { conv(out, 1, bias = false) -> bn -> relu }
                -> b: { conv(out, 3, stride, pad = 1, groups = out / group, bias = false) -> bn -> relu }
                -> c: { conv(out, 1, bias = false) -> bn }
            } };
        } -> relu
    }

    /// A stage: the first of its blocks halves the map.
    block stage(number, width, depth, group) {
        for i in 0..depth { "block{number}-{i}": x_block(width, if i == 0 { 2 } else { 1 }, group) }
    }

    /// RegNetX-400MF. Radosavovic et al. 2020.                 5.5 M parameters, 0.41 G multiply-adds
    pub RegNetX400MF(classes = 1000): 3x224x224 -> classes;
    stem stem: { conv(32, 3, stride = 2, pad = 1, bias = false) -> bn -> relu }               @ 32x112x112;
    body trunk_output: {
    //                    number width depth group
           block1: stage( 1,     32,   1,    16)                                              @ 32x56x56
        -> block2: stage( 2,     64,   2,    16)                                              @ 64x28x28
        -> block3: stage( 3,     160,  7,    16)                                              @ 160x14x14
        -> block4: stage( 4,     400,  12,   16)                                              @ 400x7x7
    };
    head gap -> fc: linear(classes);
}

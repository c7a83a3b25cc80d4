//! Stochastic depth. Huang, Sun, Liu, Sedra and Weinberger, "Deep networks with stochastic depth", 2016, equations 2 to 5.
//!
//! In training the residual branch of unit l of L is left out with probability 1 − p, p = 1 − l/L·(1 − p_L); in inference it is
//! weighted by p. Here it is left out of each sample by itself.

crate::define! {
    /// A unit whose branch survives with probability `survival`. `drop_path` divides by it, `scale` takes that back: training
    /// adds the branch as it is, as the paper does.
    block unit(out, stride, survival) {
        add {
            { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(out, 3, pad = 1, bias = false)      -> bn2: bn
              -> drop_path(1.0 - survival) -> scale(survival) };
            { if stride != 1 || in.channels != out { subsample(stride) -> pad_channels(out) } };
        } -> relu
    }

    /// Units `from` to `to` of `all`; `last` is the survival of the last of all.
    block units(out, stride, from, to, all, last) {
        for l in from..=to { unit(out, if l == from { stride } else { 1 }, 1.0 - l / (1.0 * all) * (1.0 - last)) }
    }

    /// ResNet-110 with stochastic depth. Huang et al. 2016.    1.73 M parameters, 0.253 G multiply-adds
    ///
    /// 6n + 2 layers; the last unit survives with probability `last`.
    pub ResNet110CifarStochasticDepth(classes = 10, n = 18, last = 0.5): 3x32x32 -> classes;
    stem conv1: conv(16, 3, pad = 1, bias = false) -> bn1: bn -> relu                         @ 16x32x32;
    //                 out stride  from         to     all
    body layer1: units(16, 1,      1,           n,     3 * n, last)                           @ 16x32x32;
         layer2: units(32, 2,      n + 1,       2 * n, 3 * n, last)                           @ 32x16x16;
         layer3: units(64, 2,      2 * n + 1,   3 * n, 3 * n, last)                           @ 64x8x8;
    head gap -> fc: linear(classes);
}

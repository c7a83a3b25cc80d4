//! LeNet-5. LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998, fig. 2.
//!
//! As printed, and in the form that courses teach: full connections, average pooling and a plain linear layer on top.

crate::define! {
    /// LeNet-5 for 28×28 digits. LeCun et al. 1998.           61.7 K parameters, 0.42 M multiply-adds
    pub LeNet5(classes = 10): 1x28x28 -> classes;
    //          maps kernel
    stem net: { conv(6,  5, pad = 2) -> sigmoid -> avgpool(2) }                               @ 6x14x14;
    body net: { conv(16, 5)          -> sigmoid -> avgpool(2) }                               @ 16x5x5;
    head net: { flatten -> linear(120) -> sigmoid -> linear(84) -> sigmoid -> linear(classes) };

    /// The activation, 1.7159 tanh(2x/3): f(1) = 1. Appendix A.
    block scaled_tanh() {
        scale(2.0 / 3.0) -> tanh -> scale(1.7159)
    }

    /// What a subsampling layer weighs by a coefficient and a bias for each map: the sum over 2×2. Section II.B.
    block sums() {
        avgpool(2) -> scale(4.0)
    }

    /// LeNet-5 as printed, but for its output: a linear layer where the paper measures distances (radial basis functions).
    /// LeCun et al. 1998.                                      61.8 K parameters, 0.33 M multiply-adds
    ///
    /// The 900 weights of C3 that table I leaves out are stored and never used: 60,000 are learned up to F6, as printed.
    pub LeNet5Paper(classes = 10): 1x32x32 -> classes;
    //   layer      maps kernel
    stem c1: conv(  6,   5) -> scaled_tanh                                                    @ 6x28x28;
         sums -> s2: affine -> scaled_tanh                                                    @ 6x14x14;
    body {
             // Table I: which maps of S2 each map of C3 sees.
             let table = [
                 [0, 1, 2],    [1, 2, 3],    [2, 3, 4],    [3, 4, 5],    [0, 4, 5],    [0, 1, 5],
                 [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [0, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 5],
                 [0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5], [0, 1, 2, 3, 4, 5]
             ];
             c3: conv(16, 5, connect = table) -> scaled_tanh
         }                                                                                    @ 16x10x10;
         sums -> s4: affine -> scaled_tanh                                                    @ 16x5x5;
         c5: conv(120, 5) -> scaled_tanh                                                      @ 120x1x1;
    head flatten -> f6: linear(84) -> scaled_tanh -> out: linear(classes);
}

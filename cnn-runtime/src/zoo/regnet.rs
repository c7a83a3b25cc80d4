//! RegNet. Radosavovic, Kosaraju, Girshick, He and Dollár, "Designing network design spaces", 2020, tables of RegNetX and
//! RegNetY models.
//!
//! One definition. Widths and depths of an instance are what the quantised linear parameterisation (equations 2 to 4) comes to
//! at the published d, w₀, w_a and w_m, which stand behind each; [`scaling::QuantisedLinear`](super::scaling::QuantisedLinear)
//! computes them, and others. RegNetY squeezes to a quarter of each block's arriving channels.

crate::define! {
    use crate::blocks::squeeze_excite;

    /// The X block: a residual bottleneck of ratio 1 with grouped convolution; the Y block where `squeezed` is not 0.
    pub block x_block(out, stride, group, squeezed = 0) {
        add {
            { if stride != 1 || in.channels != out { proj: { conv(out, 1, stride, bias = false) -> bn } } };
            { f: {
                a: { conv(out, 1, bias = false) -> bn -> relu }
                -> b: { conv(out, 3, stride, pad = 1, groups = out / group, bias = false) -> bn -> relu }
                -> if squeezed > 0 { se: squeeze_excite(squeezed) }
                -> c: { conv(out, 1, bias = false) -> bn }
            } };
        } -> relu
    }

    /// A stage: the first of its blocks halves the map.
    block stage(number, width, depth, group, squeeze) {
        for i in 0..depth {
            "block{number}-{i}": x_block(width, if i == 0 { 2 } else { 1 }, min(group, width), round(squeeze * in.channels))
        }
    }

    /// RegNetX-400MF: d = 22, w₀ = 24, w_a = 24.48, w_m = 2.54. Radosavovic et al. 2020.   5.5 M parameters, 0.41 G multiply-adds
    pub RegNetX400MF(classes = 1000, widths = [32, 64, 160, 400], depths = [1, 2, 7, 12], group = 16, squeeze = 0.0): 3x224x224 -> classes;
    stem stem: { conv(32, 3, stride = 2, pad = 1, bias = false) -> bn -> relu }               @ 32x112x112;
    body trunk_output: {
         for i in 0..len(widths) { "block{i + 1}": stage(i + 1, widths[i], depths[i], group, squeeze) }
    }                                                                                         @ 400x7x7;
    head gap -> fc: linear(classes);

    /// RegNetX-800MF: d = 16, w₀ = 56, w_a = 35.73, w_m = 2.28. Radosavovic et al. 2020.   7.3 M parameters, 0.80 G multiply-adds
    pub RegNetX800MF = RegNetX400MF(widths = [64, 128, 288, 672], depths = [1, 3, 7, 5]);
    /// RegNetX-1.6GF: d = 18, w₀ = 80, w_a = 34.01, w_m = 2.25. Radosavovic et al. 2020.   9.2 M parameters, 1.6 G multiply-adds
    pub RegNetX1600MF = RegNetX400MF(widths = [72, 168, 408, 912], depths = [2, 4, 10, 2], group = 24);
    /// RegNetX-3.2GF: d = 25, w₀ = 88, w_a = 26.31, w_m = 2.25. Radosavovic et al. 2020.   15.3 M parameters, 3.2 G multiply-adds
    pub RegNetX3200MF = RegNetX400MF(widths = [96, 192, 432, 1008], depths = [2, 6, 15, 2], group = 48);
    /// RegNetX-8GF: d = 23, w₀ = 80, w_a = 49.56, w_m = 2.88. Radosavovic et al. 2020.     39.6 M parameters, 8.0 G multiply-adds
    pub RegNetX8GF = RegNetX400MF(widths = [80, 240, 720, 1920], depths = [2, 5, 15, 1], group = 120);
    /// RegNetX-16GF: d = 22, w₀ = 216, w_a = 55.59, w_m = 2.1. Radosavovic et al. 2020.    54.3 M parameters, 15.9 G multiply-adds
    pub RegNetX16GF = RegNetX400MF(widths = [256, 512, 896, 2048], depths = [2, 6, 13, 1], group = 128);
    /// RegNetX-32GF: d = 23, w₀ = 320, w_a = 69.86, w_m = 2. Radosavovic et al. 2020.      107.8 M parameters, 31.7 G multiply-adds
    pub RegNetX32GF = RegNetX400MF(widths = [336, 672, 1344, 2520], depths = [2, 7, 13, 1], group = 168);

    /// RegNetY-400MF: d = 16, w₀ = 48, w_a = 27.89, w_m = 2.09. Radosavovic et al. 2020.   4.3 M parameters, 0.40 G multiply-adds
    pub RegNetY400MF = RegNetX400MF(widths = [48, 104, 208, 440], depths = [1, 3, 6, 6], group = 8, squeeze = 0.25);
    /// RegNetY-800MF: d = 14, w₀ = 56, w_a = 38.84, w_m = 2.4. Radosavovic et al. 2020.    6.4 M parameters, 0.83 G multiply-adds
    pub RegNetY800MF = RegNetX400MF(widths = [64, 144, 320, 784], depths = [1, 3, 8, 2], squeeze = 0.25);
    /// RegNetY-1.6GF: d = 27, w₀ = 48, w_a = 20.71, w_m = 2.65. Radosavovic et al. 2020.   11.2 M parameters, 1.6 G multiply-adds
    pub RegNetY1600MF = RegNetX400MF(widths = [48, 120, 336, 888], depths = [2, 6, 17, 2], group = 24, squeeze = 0.25);
    /// RegNetY-3.2GF: d = 21, w₀ = 80, w_a = 42.63, w_m = 2.66. Radosavovic et al. 2020.   19.4 M parameters, 3.2 G multiply-adds
    pub RegNetY3200MF = RegNetX400MF(widths = [72, 216, 576, 1512], depths = [2, 5, 13, 1], group = 24, squeeze = 0.25);
    /// RegNetY-8GF: d = 17, w₀ = 192, w_a = 76.82, w_m = 2.19. Radosavovic et al. 2020.    39.4 M parameters, 8.5 G multiply-adds
    pub RegNetY8GF = RegNetX400MF(widths = [224, 448, 896, 2016], depths = [2, 4, 10, 1], group = 56, squeeze = 0.25);
    /// RegNetY-16GF: d = 18, w₀ = 200, w_a = 106.23, w_m = 2.48. Radosavovic et al. 2020.  83.6 M parameters, 15.9 G multiply-adds
    pub RegNetY16GF = RegNetX400MF(widths = [224, 448, 1232, 3024], depths = [2, 4, 11, 1], group = 112, squeeze = 0.25);
    /// RegNetY-32GF: d = 20, w₀ = 232, w_a = 115.89, w_m = 2.53. Radosavovic et al. 2020.  145.0 M parameters, 32.3 G multiply-adds
    pub RegNetY32GF = RegNetX400MF(widths = [232, 696, 1392, 3712], depths = [2, 5, 12, 1], group = 232, squeeze = 0.25);
    /// RegNetY-128GF: d = 27, w₀ = 456, w_a = 160.83, w_m = 2.52. Radosavovic et al. 2020. 644.8 M parameters, 127.5 G multiply-adds
    pub RegNetY128GF = RegNetX400MF(widths = [528, 1056, 2904, 7392], depths = [2, 7, 17, 1], group = 264, squeeze = 0.25);
}

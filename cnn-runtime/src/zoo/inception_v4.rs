//! Inception v4 and Inception-ResNet-v2. Szegedy, Ioffe, Vanhoucke and Alemi, "Inception-v4, Inception-ResNet and the impact
//! of residual connections on learning", 2017, figures 3 to 19.
//!
//! As in timm: batch normalisation with eps 1e-3; averages leave the padding out.

crate::define! {
    use super::basic_conv;

    /// Figure 4: 35×35.
    block inception_a() {
        concat {
            branch0: basic_conv(96, 1);
            branch1: { basic_conv(64, 1) -> basic_conv(96, 3) };
            branch2: { basic_conv(64, 1) -> basic_conv(96, 3) -> basic_conv(96, 3) };
            branch3: { avgpool(3, stride = 1, pad = 1, count_pad = false) -> basic_conv(96, 1) };
        }                                                                                     @ [384, in.height, in.width]
    }

    /// Figure 5: 17×17.
    block inception_b() {
        concat {
            branch0: basic_conv(384, 1);
            branch1: { basic_conv(192, 1) -> basic_conv(224, 1x7, pad = [0, 3]) -> basic_conv(256, 7x1, pad = [3, 0]) };
            branch2: { basic_conv(192, 1)
                       -> basic_conv(192, 7x1, pad = [3, 0]) -> basic_conv(224, 1x7, pad = [0, 3])
                       -> basic_conv(224, 7x1, pad = [3, 0]) -> basic_conv(256, 1x7, pad = [0, 3]) };
            branch3: { avgpool(3, stride = 1, pad = 1, count_pad = false) -> basic_conv(128, 1) };
        }                                                                                     @ [1024, in.height, in.width]
    }

    /// Figure 6: 8×8.
    block inception_c() {
        concat {
            branch0: basic_conv(256, 1);
            { branch1_0: basic_conv(384, 1) -> concat {
                  branch1_1a: basic_conv(256, 1x3, pad = [0, 1]);
                  branch1_1b: basic_conv(256, 3x1, pad = [1, 0]);
              } };
            { branch2_0: basic_conv(384, 1)
              -> branch2_1: basic_conv(448, 3x1, pad = [1, 0]) -> branch2_2: basic_conv(512, 1x3, pad = [0, 1]) -> concat {
                  branch2_3a: basic_conv(256, 1x3, pad = [0, 1]);
                  branch2_3b: basic_conv(256, 3x1, pad = [1, 0]);
              } };
            branch3: { avgpool(3, stride = 1, pad = 1, count_pad = false) -> basic_conv(256, 1) };
        }                                                                                     @ [1536, in.height, in.width]
    }

    /// Figure 7, from 35×35 to 17×17, with the widths of table 1: k, l, m and n.
    block reduction_a(k, l, m, n) {
        concat {
            branch0: basic_conv(n, 3, stride = 2, pad = 0);
            branch1: { basic_conv(k, 1) -> basic_conv(l, 3) -> basic_conv(m, 3, stride = 2, pad = 0) };
            maxpool(3, stride = 2);
        }                                                                     @ [n + m + in.channels, (in.height - 1) / 2, (in.width - 1) / 2]
    }

    /// Figure 8, from 17×17 to 8×8.
    block reduction_b() {
        concat {
            branch0: { basic_conv(192, 1) -> basic_conv(192, 3, stride = 2, pad = 0) };
            branch1: { basic_conv(256, 1) -> basic_conv(256, 1x7, pad = [0, 3]) -> basic_conv(320, 7x1, pad = [3, 0])
                       -> basic_conv(320, 3, stride = 2, pad = 0) };
            maxpool(3, stride = 2);
        }
    }

    /// The stem's joins. Figure 3.
    block stem_3a() {
        concat { maxpool(3, stride = 2); conv: basic_conv(96, 3, stride = 2, pad = 0); }
    }

    block stem_4a() {
        concat {
            branch0: { basic_conv(64, 1) -> basic_conv(96, 3, pad = 0) };
            branch1: { basic_conv(64, 1) -> basic_conv(64, 1x7, pad = [0, 3]) -> basic_conv(64, 7x1, pad = [3, 0])
                       -> basic_conv(96, 3, pad = 0) };
        }
    }

    block stem_5a() {
        concat { conv: basic_conv(192, 3, stride = 2, pad = 0); maxpool(3, stride = 2); }
    }

    /// Inception v4, figure 9. Szegedy et al. 2017.           42.7 M parameters, 12.3 G multiply-adds
    pub InceptionV4(classes = 1000, dropout = 0.2): 3x299x299 -> classes;
    stem features: { basic_conv(32, 3, stride = 2, pad = 0)                                   @ 32x149x149
                     -> basic_conv(32, 3, pad = 0) -> basic_conv(64, 3)                       @ 64x147x147
                     -> stem_3a                                                               @ 160x73x73
                     -> stem_4a                                                               @ 192x71x71
                     -> stem_5a };
    body features: { inception_a * 4                                                          @ 384x35x35
                     -> reduction_a(192, 224, 256, 384)
                     -> inception_b * 7                                                       @ 1024x17x17
                     -> reduction_b
                     -> inception_c * 3 }                                                     @ 1536x8x8;
    head gap -> dropout(dropout) -> last_linear: linear(classes);

    /// The mixed module in front of the residual ones, in place of Inception v4's stem.
    block mixed_5b() {
        concat {
            branch0: basic_conv(96, 1);
            branch1: { basic_conv(48, 1) -> basic_conv(64, 5) };
            branch2: { basic_conv(64, 1) -> basic_conv(96, 3) -> basic_conv(96, 3) };
            branch3: { avgpool(3, stride = 1, pad = 1, count_pad = false) -> basic_conv(64, 1) };
        }
    }

    /// Figure 16: 35×35. What a unit adds is scaled down, section 3.3.
    block residual_a(factor) {
        let channels = in.channels;
        add {
            { concat {
                  branch0: basic_conv(32, 1);
                  branch1: { basic_conv(32, 1) -> basic_conv(32, 3) };
                  branch2: { basic_conv(32, 1) -> basic_conv(48, 3) -> basic_conv(64, 3) };
              } -> conv2d: conv(channels, 1) -> scale(factor) };
            identity;
        } -> relu
    }

    /// Figure 17: 17×17.
    block residual_b(factor) {
        let channels = in.channels;
        add {
            { concat {
                  branch0: basic_conv(192, 1);
                  branch1: { basic_conv(128, 1) -> basic_conv(160, 1x7, pad = [0, 3]) -> basic_conv(192, 7x1, pad = [3, 0]) };
              } -> conv2d: conv(channels, 1) -> scale(factor) };
            identity;
        } -> relu
    }

    /// Figure 19: 8×8. The last unit is neither scaled nor followed by an activation.
    block residual_c(factor, last = false) {
        let channels = in.channels;
        add {
            { concat {
                  branch0: basic_conv(192, 1);
                  branch1: { basic_conv(192, 1) -> basic_conv(224, 1x3, pad = [0, 1]) -> basic_conv(256, 3x1, pad = [1, 0]) };
              } -> conv2d: conv(channels, 1) -> if !last { scale(factor) } };
            identity;
        } -> if !last { relu }
    }

    /// Figure 18, from 17×17 to 8×8.
    block residual_reduction_b() {
        concat {
            branch0: { basic_conv(256, 1) -> basic_conv(384, 3, stride = 2, pad = 0) };
            branch1: { basic_conv(256, 1) -> basic_conv(288, 3, stride = 2, pad = 0) };
            branch2: { basic_conv(256, 1) -> basic_conv(288, 3) -> basic_conv(320, 3, stride = 2, pad = 0) };
            maxpool(3, stride = 2);
        }
    }

    /// Inception-ResNet-v2, figure 15. Szegedy et al. 2017.   55.8 M parameters, 13.2 G multiply-adds
    pub InceptionResNetV2(classes = 1000, dropout = 0.2, factors = [0.17, 0.1, 0.2]): 3x299x299 -> classes;
    stem conv2d_1a: basic_conv(32, 3, stride = 2, pad = 0)                                    @ 32x149x149;
         conv2d_2a: basic_conv(32, 3, pad = 0) -> conv2d_2b: basic_conv(64, 3)                @ 64x147x147;
         maxpool(3, stride = 2)                                                               @ 64x73x73;
         conv2d_3b: basic_conv(80, 1) -> conv2d_4a: basic_conv(192, 3, pad = 0)               @ 192x71x71;
         maxpool(3, stride = 2)                                                               @ 192x35x35;
    body mixed_5b: mixed_5b                                                                   @ 320x35x35;
         repeat: residual_a(factors[0]) * 10                                                  @ 320x35x35;
         mixed_6a: reduction_a(256, 256, 384, 384)                                            @ 1088x17x17;
         repeat_1: residual_b(factors[1]) * 20                                                @ 1088x17x17;
         mixed_7a: residual_reduction_b                                                       @ 2080x8x8;
         repeat_2: residual_c(factors[2]) * 9                                                 @ 2080x8x8;
         block8: residual_c(1.0, last = true)                                                 @ 2080x8x8;
         conv2d_7b: basic_conv(1536, 1)                                                       @ 1536x8x8;
    head gap -> dropout(dropout) -> classif: linear(classes);
}

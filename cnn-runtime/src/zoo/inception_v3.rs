//! Inception v3. Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception architecture for computer vision",
//! 2016, table 1.
//!
//! As in torchvision: figures 5 to 7 with its widths, batch normalisation with eps 1e-3.

crate::define! {
    use super::basic_conv;

    /// Figure 5, with one 5×5 window kept.
    block figure5(pool) {
        concat {
            branch1x1: basic_conv(64, 1);
            { branch5x5_1: basic_conv(48, 1) -> branch5x5_2: basic_conv(64, 5) };
            { branch3x3dbl_1: basic_conv(64, 1) -> branch3x3dbl_2: basic_conv(96, 3) -> branch3x3dbl_3: basic_conv(96, 3) };
            { avgpool(3, stride = 1, pad = 1) -> branch_pool: basic_conv(pool, 1) };
        }                                                                                     @ [224 + pool, in.height, in.width]
    }

    /// Figure 6: 7×7 windows as 1×7 and 7×1, `width` channels between them.
    block figure6(width) {
        concat {
            branch1x1: basic_conv(192, 1);
            { branch7x7_1: basic_conv(width, 1) -> branch7x7_2: basic_conv(width, 1x7, pad = [0, 3])
              -> branch7x7_3: basic_conv(192, 7x1, pad = [3, 0]) };
            { branch7x7dbl_1: basic_conv(width, 1)
              -> branch7x7dbl_2: basic_conv(width, 7x1, pad = [3, 0]) -> branch7x7dbl_3: basic_conv(width, 1x7, pad = [0, 3])
              -> branch7x7dbl_4: basic_conv(width, 7x1, pad = [3, 0]) -> branch7x7dbl_5: basic_conv(192, 1x7, pad = [0, 3]) };
            { avgpool(3, stride = 1, pad = 1) -> branch_pool: basic_conv(192, 1) };
        }                                                                                     @ [768, in.height, in.width]
    }

    /// Figure 7: 1×3 and 3×1 side by side, for the coarsest maps.
    block figure7() {
        concat {
            branch1x1: basic_conv(320, 1);
            { branch3x3_1: basic_conv(384, 1) -> concat {
                  branch3x3_2a: basic_conv(384, 1x3, pad = [0, 1]);
                  branch3x3_2b: basic_conv(384, 3x1, pad = [1, 0]);
              } };
            { branch3x3dbl_1: basic_conv(448, 1) -> branch3x3dbl_2: basic_conv(384, 3) -> concat {
                  branch3x3dbl_3a: basic_conv(384, 1x3, pad = [0, 1]);
                  branch3x3dbl_3b: basic_conv(384, 3x1, pad = [1, 0]);
              } };
            { avgpool(3, stride = 1, pad = 1) -> branch_pool: basic_conv(192, 1) };
        }                                                                                     @ [2048, in.height, in.width]
    }

    /// Figure 10: half the pixels, pooling and convolutions side by side, here in front of figure 6.
    block reduction6() {
        concat {
            branch3x3: basic_conv(384, 3, stride = 2, pad = 0);
            { branch3x3dbl_1: basic_conv(64, 1) -> branch3x3dbl_2: basic_conv(96, 3)
              -> branch3x3dbl_3: basic_conv(96, 3, stride = 2, pad = 0) };
            maxpool(3, stride = 2);
        }
    }

    /// The same in front of figure 7.
    block reduction7() {
        concat {
            { branch3x3_1: basic_conv(192, 1) -> branch3x3_2: basic_conv(320, 3, stride = 2, pad = 0) };
            { branch7x7x3_1: basic_conv(192, 1) -> branch7x7x3_2: basic_conv(192, 1x7, pad = [0, 3])
              -> branch7x7x3_3: basic_conv(192, 7x1, pad = [3, 0]) -> branch7x7x3_4: basic_conv(192, 3, stride = 2, pad = 0) };
            maxpool(3, stride = 2);
        }
    }

    /// Inception v3, for inference. Szegedy et al. 2016.      23.8 M parameters, 5.7 G multiply-adds
    pub InceptionV3(classes = 1000, auxiliary = false, dropout = 0.5): 3x299x299 -> classes;
    stem Conv2d_1a_3x3: basic_conv(32, 3, stride = 2, pad = 0)                                @ 32x149x149;
         Conv2d_2a_3x3: basic_conv(32, 3, pad = 0)                                            @ 32x147x147;
         Conv2d_2b_3x3: basic_conv(64, 3)                                                     @ 64x147x147;
         maxpool(3, stride = 2)                                                               @ 64x73x73;
         Conv2d_3b_1x1: basic_conv(80, 1)                                                     @ 80x73x73;
         Conv2d_4a_3x3: basic_conv(192, 3, pad = 0)                                           @ 192x71x71;
         maxpool(3, stride = 2)                                                               @ 192x35x35;
    body Mixed_5b: figure5(pool = 32)                                                         @ 256x35x35;
         Mixed_5c: figure5(pool = 64) -> Mixed_5d: figure5(pool = 64)                         @ 288x35x35;
         Mixed_6a: reduction6                                                                 @ 768x17x17;
         Mixed_6b: figure6(128) -> Mixed_6c: figure6(160)                                     @ 768x17x17;
         Mixed_6d: figure6(160) -> Mixed_6e: figure6(192)                                     @ 768x17x17;
    // Figure 8.
         if auxiliary {
             AuxLogits: aux {
                 avgpool(5, stride = 3)                                                       @ 768x5x5
                   -> conv0: basic_conv(128, 1) -> conv1: basic_conv(768, 5, pad = 0)         @ 768x1x1
                   -> gap -> fc: linear(classes)
             }
         };
         Mixed_7a: reduction7                                                                 @ 1280x8x8;
         Mixed_7b: figure7 -> Mixed_7c: figure7                                               @ 2048x8x8;
    head gap -> dropout(dropout) -> fc: linear(classes);

    /// Inception v3 with its auxiliary classifier, for training. Szegedy et al. 2016.
    ///                                                        27.2 M parameters, 5.7 G multiply-adds
    pub InceptionV3Aux = InceptionV3(auxiliary = true);
}

//! BN-Inception ("Inception v2"). Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing
//! internal covariate shift", 2015, figure 5.
//!
//! GoogLeNet with batch normalisation (eps 1e-3) behind every convolution, two 3×3 windows for each 5×5, and average
//! pooling in most modules. Convolutions have no bias, which the normalisation would take away again.

crate::define! {
    use super::basic_conv;

    /// A row of the table whose stride is 1; the columns are its arguments. `max` pools by the maximum.
    block module(conv1, reduce3, conv3, reduce_double, double, pool, max = false) {
        concat {
            branch1x1: basic_conv(conv1, 1);
            { branch3x3_1: basic_conv(reduce3, 1) -> branch3x3_2: basic_conv(conv3, 3) };
            { branch3x3dbl_1: basic_conv(reduce_double, 1) -> branch3x3dbl_2: basic_conv(double, 3)
              -> branch3x3dbl_3: basic_conv(double, 3) };
            { if max { maxpool(3, stride = 1, pad = 1) } else { avgpool(3, stride = 1, pad = 1) }
              -> branch_pool: basic_conv(pool, 1) };
        }                                                                    @ [conv1 + conv3 + double + pool, in.height, in.width]
    }

    /// A row whose stride is 2: no 1×1, and the pooling passes through.
    block reduction(reduce3, conv3, reduce_double, double) {
        concat {
            { branch3x3_1: basic_conv(reduce3, 1) -> branch3x3_2: basic_conv(conv3, 3, stride = 2) };
            { branch3x3dbl_1: basic_conv(reduce_double, 1) -> branch3x3dbl_2: basic_conv(double, 3)
              -> branch3x3dbl_3: basic_conv(double, 3, stride = 2) };
            maxpool(3, stride = 2, ceil = true);
        }                                                                    @ [conv3 + double + in.channels, in.height / 2, in.width / 2]
    }

    /// BN-Inception. Ioffe & Szegedy 2015.                    11.3 M parameters, 2.0 G multiply-adds
    pub BNInception(classes = 1000): 3x224x224 -> classes;
    stem conv1: basic_conv(64, 7, stride = 2)                                                 @ 64x112x112;
         maxpool(3, stride = 2, ceil = true)                                                  @ 64x56x56;
         conv2_reduce: basic_conv(64, 1) -> conv2: basic_conv(192, 3)                         @ 192x56x56;
         maxpool(3, stride = 2, ceil = true)                                                  @ 192x28x28;
    //                         1x1 reduce 3x3 reduce double pool
    body inception3a: module(   64,  64,  64,  64,  96,  32)                                  @ 256x28x28;
         inception3b: module(   64,  64,  96,  64,  96,  64)                                  @ 320x28x28;
         inception3c: reduction(    128, 160,  64,  96)                                       @ 576x14x14;
         inception4a: module(  224,  64,  96,  96, 128, 128)                                  @ 576x14x14;
         inception4b: module(  192,  96, 128,  96, 128, 128)                                  @ 576x14x14;
         inception4c: module(  160, 128, 160, 128, 160, 128)                                  @ 608x14x14;
         inception4d: module(   96, 128, 192, 160, 192, 128)                                  @ 608x14x14;
         inception4e: reduction(    128, 192, 192, 256)                                       @ 1056x7x7;
         inception5a: module(  352, 192, 320, 160, 224, 128)                                  @ 1024x7x7;
         inception5b: module(  352, 192, 320, 192, 224, 128, max = true)                      @ 1024x7x7;
    head gap -> fc: linear(classes);
}

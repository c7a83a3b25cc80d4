//! DenseNets for CIFAR. Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", 2017, table 2.
//!
//! Three dense blocks over maps of 32, 16 and 8 pixels: 3n + 4 layers of 3×3 convolutions, or with bottlenecks and compression
//! (BC) 6n + 4. The paper drops with rate 0.2 where images are not augmented.

crate::define! {
    use crate::zoo::densenet::dense_block;
    use crate::zoo::densenet::transition;

    /// Appends `growth` channels to what arrives, without a bottleneck.
    block plain_layer(growth, drop) {
        concat {
            identity;
            { norm: bn -> relu -> conv: conv(growth, 3, pad = 1, bias = false) -> if drop > 0.0 { dropout(drop) } };
        }
    }

    /// A quarter of the pixels, all of the channels.
    block plain_transition(drop) {
        norm: bn -> relu -> conv: conv(in.channels, 1, bias = false) -> if drop > 0.0 { dropout(drop) } -> avgpool(2)
    }

    /// DenseNet (L = 40, k = 12). Huang et al. 2017.           1.0 M parameters,  0.26 G multiply-adds
    pub DenseNet40K12(classes = 10, depth = 40, growth = 12, drop = 0.0): 3x32x32 -> classes;
    stem conv0: conv(16, 3, pad = 1, bias = false)                                            @ 16x32x32;
    body block1: plain_layer(growth, drop) * ((depth - 4) / 3)                                @ 160x32x32;
         trans1: plain_transition(drop)                                                       @ 160x16x16;
         block2: plain_layer(growth, drop) * ((depth - 4) / 3)                                @ 304x16x16;
         trans2: plain_transition(drop)                                                       @ 304x8x8;
         block3: plain_layer(growth, drop) * ((depth - 4) / 3)                                @ 448x8x8;
         norm_final: bn -> relu;
    head gap -> fc: linear(classes);

    /// DenseNet (L = 100, k = 12). Huang et al. 2017.          7.0 M parameters,  1.77 G multiply-adds
    pub DenseNet100K12 = DenseNet40K12(depth = 100);

    /// DenseNet-BC (L = 100, k = 12). Huang et al. 2017.       0.77 M parameters, 0.29 G multiply-adds
    pub DenseNetBC100K12(classes = 10, depth = 100, growth = 12, drop = 0.0, bn_size = 4, compression = 0.5): 3x32x32 -> classes;
    stem features: { conv0: conv(2 * growth, 3, pad = 1, bias = false) }                      @ 24x32x32;
    body features: { denseblock1: dense_block((depth - 4) / 6, growth, drop, bn_size) }       @ 216x32x32;
         features: { transition1: transition(compression) }                                   @ 108x16x16;
         features: { denseblock2: dense_block((depth - 4) / 6, growth, drop, bn_size) }       @ 300x16x16;
         features: { transition2: transition(compression) }                                   @ 150x8x8;
         features: { denseblock3: dense_block((depth - 4) / 6, growth, drop, bn_size) -> norm5: bn } -> relu @ 342x8x8;
    head gap -> classifier: linear(classes);

    /// DenseNet-BC (L = 250, k = 24). Huang et al. 2017.       15.3 M parameters, 5.4 G multiply-adds
    pub DenseNetBC250K24 = DenseNetBC100K12(depth = 250, growth = 24);
    /// DenseNet-BC (L = 190, k = 40). Huang et al. 2017.       25.6 M parameters, 9.3 G multiply-adds
    pub DenseNetBC190K40 = DenseNetBC100K12(depth = 190, growth = 40);
}

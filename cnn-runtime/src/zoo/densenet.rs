//! DenseNet. Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", 2017, table 1.
//!
//! DenseNet-BC: bottlenecks of `bn_size`·k channels (4k), `compression` between blocks (a half).

crate::define! {
    /// Appends `growth` channels to what arrives.
    pub block dense_layer(growth, drop = 0.0, bn_size = 4) {
        concat {
            identity;
            { norm1: bn -> relu -> conv1: conv(bn_size * growth, 1, bias = false)
              -> norm2: bn -> relu -> conv2: conv(growth, 3, pad = 1, bias = false) -> if drop > 0.0 { dropout(drop) } };
        }
    }

    /// Each layer sees all layers before it.
    pub block dense_block(layers, growth, drop = 0.0, bn_size = 4) {
        for i in 1..=layers { "denselayer{i}": dense_layer(growth, drop, bn_size) }
            @ [in.channels + layers * growth, in.height, in.width]
    }

    /// Half the channels (`compression` of them), a quarter of the pixels.
    pub block transition(compression = 0.5) {
        norm: bn -> relu -> conv: conv(floor(in.channels * compression), 1, bias = false) -> pool: avgpool(2)
    }

    /// DenseNet-121. Huang et al. 2017.                        8.0 M parameters,  2.8 G multiply-adds
    pub DenseNet121(classes = 1000, layers = [6, 12, 24, 16], growth = 32, drop = 0.0, initial = 2 * growth, bn_size = 4,
                    compression = 0.5): 3x224x224 -> classes;
    stem features: { conv0: conv(initial, 7, stride = 2, pad = 3, bias = false) -> norm0: bn -> relu } @ 64x112x112;
         features: { pool0: maxpool(3, stride = 2, pad = 1) }                                 @ 64x56x56;
    body features: { denseblock1: dense_block(layers[0], growth, drop, bn_size) }             @ 256x56x56;
         features: { transition1: transition(compression) }                                   @ 128x28x28;
         features: { denseblock2: dense_block(layers[1], growth, drop, bn_size) }             @ 512x28x28;
         features: { transition2: transition(compression) }                                   @ 256x14x14;
         features: { denseblock3: dense_block(layers[2], growth, drop, bn_size) }             @ 1024x14x14;
         features: { transition3: transition(compression) }                                   @ 512x7x7;
         features: { denseblock4: dense_block(layers[3], growth, drop, bn_size) -> norm5: bn } -> relu @ 1024x7x7;
    head gap -> classifier: linear(classes);

    /// DenseNet-161. Huang et al. 2017.                        28.7 M parameters, 7.7 G multiply-adds
    pub DenseNet161 = DenseNet121(layers = [6, 12, 36, 24], growth = 48);
    /// DenseNet-169. Huang et al. 2017.                        14.1 M parameters, 3.4 G multiply-adds
    pub DenseNet169 = DenseNet121(layers = [6, 12, 32, 32]);
    /// DenseNet-201. Huang et al. 2017.                        20.0 M parameters, 4.3 G multiply-adds
    pub DenseNet201 = DenseNet121(layers = [6, 12, 48, 32]);
    /// DenseNet-264. Huang et al. 2017.                        33.3 M parameters, 5.8 G multiply-adds
    pub DenseNet264 = DenseNet121(layers = [6, 12, 64, 48]);
    /// DenseNet-121 with k = 16 and a narrow stem. Huang et al. 2017.  1.7 M parameters, 0.67 G multiply-adds
    pub DenseNetK16 = DenseNet121(classes = 30, growth = 16, initial = 16);
}

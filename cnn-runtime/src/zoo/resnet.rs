//! ResNet. He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, table 1.
//!
//! As in torchvision: the shortcut is projected where sizes change (option B), and the stride of a bottleneck is in its
//! 3×3 convolution. The deeper networks of a kind are its rows with other numbers of units.

crate::define! {
    /// The residual unit of two convolutions. Figure 5, left.
    pub block basic(out, stride = 1) {
        add {
            { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(out, 3, pad = 1, bias = false)      -> bn2: bn };
            { if stride != 1 || in.channels != out { downsample: { conv(out, 1, stride, bias = false) -> bn } } };
        } -> relu
    }

    /// The residual unit of three convolutions. Figure 5, right.
    pub block bottleneck(out, stride = 1, width = out / 4) {
        add {
            { conv1: conv(width, 1, bias = false)                     -> bn1: bn -> relu
              -> conv2: conv(width, 3, stride, pad = 1, bias = false) -> bn2: bn -> relu
              -> conv3: conv(out, 1, bias = false)                    -> bn3: bn };
            { if stride != 1 || in.channels != out { downsample: { conv(out, 1, stride, bias = false) -> bn } } };
        } -> relu
    }

    /// ResNet-18. He et al. 2015.                              11.7 M parameters,  1.8 G multiply-adds
    pub ResNet18(classes = 1000, units = [2, 2, 2, 2]): 3x224x224 -> classes;
    stem conv1: conv(64, 7, stride = 2, pad = 3, bias = false) -> bn1: bn -> relu             @ 64x112x112;
         maxpool(3, stride = 2, pad = 1)                                                      @ 64x56x56;
    body layer1: { basic(64)              -> basic(64)  * (units[0] - 1) }                    @ 64x56x56;
         layer2: { basic(128, stride = 2) -> basic(128) * (units[1] - 1) }                    @ 128x28x28;
         layer3: { basic(256, stride = 2) -> basic(256) * (units[2] - 1) }                    @ 256x14x14;
         layer4: { basic(512, stride = 2) -> basic(512) * (units[3] - 1) }                    @ 512x7x7;
    head gap -> fc: linear(classes);

    /// ResNet-34. He et al. 2015.                              21.8 M parameters,  3.7 G multiply-adds
    pub ResNet34 = ResNet18(units = [3, 4, 6, 3]);

    /// ResNet-50. He et al. 2015.                              25.6 M parameters,  4.1 G multiply-adds
    pub ResNet50(classes = 1000, units = [3, 4, 6, 3]): 3x224x224 -> classes;
    stem conv1: conv(64, 7, stride = 2, pad = 3, bias = false) -> bn1: bn -> relu             @ 64x112x112;
         maxpool(3, stride = 2, pad = 1)                                                      @ 64x56x56;
    body layer1: { bottleneck(256)              -> bottleneck(256)  * (units[0] - 1) }        @ 256x56x56;
         layer2: { bottleneck(512,  stride = 2) -> bottleneck(512)  * (units[1] - 1) }        @ 512x28x28;
         layer3: { bottleneck(1024, stride = 2) -> bottleneck(1024) * (units[2] - 1) }        @ 1024x14x14;
         layer4: { bottleneck(2048, stride = 2) -> bottleneck(2048) * (units[3] - 1) }        @ 2048x7x7;
    head gap -> fc: linear(classes);

    /// ResNet-101. He et al. 2015.                             44.5 M parameters,  7.8 G multiply-adds
    pub ResNet101 = ResNet50(units = [3, 4, 23, 3]);

    /// ResNet-152. He et al. 2015.                             60.2 M parameters, 11.5 G multiply-adds
    pub ResNet152 = ResNet50(units = [3, 8, 36, 3]);
}

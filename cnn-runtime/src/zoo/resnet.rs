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

    /// The residual unit of three convolutions. Figure 5, right; `groups` as in ResNeXt, figure 3(c).
    pub block bottleneck(out, stride = 1, width = out / 4, groups = 1) {
        add {
            { conv1: conv(width, 1, bias = false)                                      -> bn1: bn -> relu
              -> conv2: conv(width, 3, stride, pad = 1, groups = groups, bias = false) -> bn2: bn -> relu
              -> conv3: conv(out, 1, bias = false)                                     -> bn3: bn };
            { if stride != 1 || in.channels != out { downsample: { conv(out, 1, stride, bias = false) -> bn } } };
        } -> relu
    }

    /// A row of table 1.
    block stage(units, out, width, groups, stride = 2) {
        bottleneck(out, stride, width, groups) -> bottleneck(out, width = width, groups = groups) * (units - 1)
    }

    /// The layers of `basic` without its shortcut.
    block plain(out, stride = 1) {
        conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
          -> conv2: conv(out, 3, pad = 1, bias = false)    -> bn2: bn -> relu
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
    ///
    /// `width` channels in each of the first stage's `groups`, twice as many in each next stage.
    pub ResNet50(classes = 1000, units = [3, 4, 6, 3], groups = 1, width = 64): 3x224x224 -> classes;
    stem conv1: conv(64, 7, stride = 2, pad = 3, bias = false) -> bn1: bn -> relu             @ 64x112x112;
         maxpool(3, stride = 2, pad = 1)                                                      @ 64x56x56;
    //                 units     out   width               groups
    body layer1: stage(units[0], 256,  groups * width,     groups, stride = 1)                @ 256x56x56;
         layer2: stage(units[1], 512,  2 * groups * width, groups)                            @ 512x28x28;
         layer3: stage(units[2], 1024, 4 * groups * width, groups)                            @ 1024x14x14;
         layer4: stage(units[3], 2048, 8 * groups * width, groups)                            @ 2048x7x7;
    head gap -> fc: linear(classes);

    /// ResNet-101. He et al. 2015.                             44.5 M parameters,  7.8 G multiply-adds
    pub ResNet101 = ResNet50(units = [3, 4, 23, 3]);

    /// ResNet-152. He et al. 2015.                             60.2 M parameters, 11.5 G multiply-adds
    pub ResNet152 = ResNet50(units = [3, 8, 36, 3]);

    /// The plain network of 18 layers, to which ResNet-18 adds shortcuts. He et al. 2015.  11.5 M parameters, 1.8 G multiply-adds
    pub Plain18(classes = 1000, units = [2, 2, 2, 2]): 3x224x224 -> classes;
    stem conv1: conv(64, 7, stride = 2, pad = 3, bias = false) -> bn1: bn -> relu             @ 64x112x112;
         maxpool(3, stride = 2, pad = 1)                                                      @ 64x56x56;
    body layer1: { plain(64)              -> plain(64)  * (units[0] - 1) }                    @ 64x56x56;
         layer2: { plain(128, stride = 2) -> plain(128) * (units[1] - 1) }                    @ 128x28x28;
         layer3: { plain(256, stride = 2) -> plain(256) * (units[2] - 1) }                    @ 256x14x14;
         layer4: { plain(512, stride = 2) -> plain(512) * (units[3] - 1) }                    @ 512x7x7;
    head gap -> fc: linear(classes);

    /// The plain network of 34 layers. Figure 3, middle. He et al. 2015.  21.6 M parameters, 3.6 G multiply-adds
    pub Plain34 = Plain18(units = [3, 4, 6, 3]);
}

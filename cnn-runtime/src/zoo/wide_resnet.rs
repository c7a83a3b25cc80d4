//! Wide ResNets. Zagoruyko and Komodakis, "Wide residual networks", 2016, tables 1 and 8.
//!
//! WRN-d-k has d layers, k times as wide as those of a ResNet. For CIFAR units are pre-activated, dropout stands between their
//! convolutions; those for ImageNet are bottlenecks whose inner layers are twice as wide.

crate::define! {
    /// The unit B(3, 3): a projection shares the pre-activation, an identity goes round it.
    block wide(out, stride = 1, drop = 0.0) {
        let projects = stride != 1 || in.channels != out;
        tap arriving -> bn1: bn -> relu -> add {
            { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn2: bn -> relu -> if drop > 0.0 { dropout(drop) }
              -> conv2: conv(out, 3, pad = 1, bias = false) };
            { if projects { shortcut: conv(out, 1, stride, bias = false) } else { from arriving } };
        }
    }

    /// A group of table 1.
    block group(units, out, stride, drop) {
        wide(out, stride, drop) -> wide(out, drop = drop) * (units - 1)
    }

    /// WRN-28-10. Zagoruyko & Komodakis 2016.                  36.5 M parameters, 5.2 G multiply-adds
    ///
    /// 6n + 4 layers, k times as wide; the paper's dropout is 0.3.
    pub WRN28_10(classes = 10, depth = 28, k = 10, drop = 0.0): 3x32x32 -> classes;
    stem conv1: conv(16, 3, pad = 1, bias = false)                                            @ 16x32x32;
    body layer1: group((depth - 4) / 6, 16 * k, 1, drop)                                      @ 160x32x32;
         layer2: group((depth - 4) / 6, 32 * k, 2, drop)                                      @ 320x16x16;
         layer3: group((depth - 4) / 6, 64 * k, 2, drop)                                      @ 640x8x8;
    head bn_final: bn -> relu -> gap -> fc: linear(classes);

    /// WRN-16-4. Zagoruyko & Komodakis 2016.                   2.7 M parameters, 0.39 G multiply-adds
    pub WRN16_4 = WRN28_10(depth = 16, k = 4);

    /// WRN-50-2-bottleneck. Table 8. Zagoruyko & Komodakis 2016.  68.9 M parameters, 11.4 G multiply-adds
    pub WideResNet50_2 = crate::zoo::ResNet50(width = 128);
    /// A ResNet-101 widened in the same way. Zagoruyko & Komodakis 2016.  126.9 M parameters, 22.8 G multiply-adds
    pub WideResNet101_2 = crate::zoo::ResNet50(units = [3, 4, 23, 3], width = 128);
}

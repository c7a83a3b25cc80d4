//! The orderings of the residual unit. He, Zhang, Ren and Sun, "Identity mappings in deep residual networks", 2016, figure
//! 4 and table 2.
//!
//! For CIFAR: 6n + 2 layers of basic units, whose shortcut has no parameters (option A), or 9n + 2 of bottlenecks, whose
//! shortcut is projected where sizes change. A unit delivers `width` channels, a bottleneck four times as many.

crate::define! {
    /// Figure 4(a), as a bottleneck.
    block original(width, stride = 1) {
        let out = 4 * width;
        add {
            { conv1: conv(width, 1, bias = false)                     -> bn1: bn -> relu
              -> conv2: conv(width, 3, stride, pad = 1, bias = false) -> bn2: bn -> relu
              -> conv3: conv(out, 1, bias = false)                    -> bn3: bn };
            { if stride != 1 || in.channels != out {
                shortcut: conv(out, 1, stride, bias = false) -> shortcut_bn: bn
            } };
        } -> relu
    }

    /// Batch normalisation after the addition. Figure 4(b).
    block bn_after_add(width, stride = 1, bottleneck = false) {
        let out = if bottleneck { 4 * width } else { width };
        add {
            { if bottleneck {
                conv1: conv(width, 1, bias = false)                     -> bn1: bn -> relu
                -> conv2: conv(width, 3, stride, pad = 1, bias = false) -> bn2: bn -> relu
                -> conv3: conv(out, 1, bias = false)                    -> bn3: identity // its place among the tensors
            } else {
                conv1: conv(width, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
                -> conv2: conv(width, 3, pad = 1, bias = false)
            } };
            { if stride != 1 || in.channels != out {
                if bottleneck { shortcut: conv(out, 1, stride, bias = false) } else { subsample(stride) -> pad_channels(out) }
            } };
        } -> if bottleneck { bn3: bn } else { bn2: bn } -> relu
    }

    /// ReLU before the addition. Figure 4(c).
    block relu_before_add(width, stride = 1, bottleneck = false) {
        let out = if bottleneck { 4 * width } else { width };
        add {
            { if bottleneck {
                conv1: conv(width, 1, bias = false)                     -> bn1: bn -> relu
                -> conv2: conv(width, 3, stride, pad = 1, bias = false) -> bn2: bn -> relu
                -> conv3: conv(out, 1, bias = false)                    -> bn3: bn -> relu
            } else {
                conv1: conv(width, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
                -> conv2: conv(width, 3, pad = 1, bias = false)      -> bn2: bn -> relu
            } };
            { if stride != 1 || in.channels != out {
                if bottleneck { shortcut: conv(out, 1, stride, bias = false) -> shortcut_bn: bn }
                else { subsample(stride) -> pad_channels(out) }
            } };
        }
    }

    /// Pre-activation by ReLU alone; a shortcut that changes sizes shares it, an identity goes round it. Figure 4(d).
    block relu_only_preact(width, stride = 1, bottleneck = false) {
        let out = if bottleneck { 4 * width } else { width };
        let changes = stride != 1 || in.channels != out;
        tap arriving -> relu -> add {
            { if bottleneck {
                conv1: conv(width, 1, bias = false)                     -> bn1: bn -> relu
                -> conv2: conv(width, 3, stride, pad = 1, bias = false) -> bn2: bn -> relu
                -> conv3: conv(out, 1, bias = false)                    -> bn3: bn
            } else {
                conv1: conv(width, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
                -> conv2: conv(width, 3, pad = 1, bias = false)      -> bn2: bn
            } };
            { if !changes { from arriving }
              else if bottleneck { shortcut: conv(out, 1, stride, bias = false) -> shortcut_bn: bn }
              else { subsample(stride) -> pad_channels(out) } };
        }
    }

    /// Full pre-activation; a shortcut that changes sizes shares it, an identity goes round it. Figure 4(e).
    block full_preact(width, stride = 1, bottleneck = false) {
        let out = if bottleneck { 4 * width } else { width };
        let changes = stride != 1 || in.channels != out;
        tap arriving -> bn1: bn -> relu -> add {
            { if bottleneck {
                conv1: conv(width, 1, bias = false)
                -> bn2: bn -> relu -> conv2: conv(width, 3, stride, pad = 1, bias = false)
                -> bn3: bn -> relu -> conv3: conv(out, 1, bias = false)
            } else {
                conv1: conv(width, 3, stride, pad = 1, bias = false)
                -> bn2: bn -> relu -> conv2: conv(width, 3, pad = 1, bias = false)
            } };
            { if !changes { from arriving }
              else if bottleneck { shortcut: conv(out, 1, stride, bias = false) }
              else { subsample(stride) -> pad_channels(out) } };
        }
    }

    /// ResNet-164 of original units. He et al. 2016.           1.70 M parameters, 0.248 G multiply-adds
    pub ResNet164CifarOriginal(classes = 10, n = 18): 3x32x32 -> classes;
    stem conv1: conv(16, 3, pad = 1, bias = false) -> bn1: bn -> relu                         @ 16x32x32;
    body layer1: { original(16)             -> original(16) * (n - 1) }                       @ 64x32x32;
         layer2: { original(32, stride = 2) -> original(32) * (n - 1) }                       @ 128x16x16;
         layer3: { original(64, stride = 2) -> original(64) * (n - 1) }                       @ 256x8x8;
    head gap -> fc: linear(classes);

    /// ResNet-110 with batch normalisation after the addition. He et al. 2016.  1.73 M parameters, 0.253 G multiply-adds
    pub ResNet110CifarBnAfterAdd(classes = 10, n = 18, bottleneck = false): 3x32x32 -> classes;
    stem conv1: conv(16, 3, pad = 1, bias = false) -> bn1: bn -> relu                         @ 16x32x32;
    body layer1: { bn_after_add(16, 1, bottleneck) -> bn_after_add(16, 1, bottleneck) * (n - 1) } @ 16x32x32;
         layer2: { bn_after_add(32, 2, bottleneck) -> bn_after_add(32, 1, bottleneck) * (n - 1) } @ 32x16x16;
         layer3: { bn_after_add(64, 2, bottleneck) -> bn_after_add(64, 1, bottleneck) * (n - 1) } @ 64x8x8;
    head gap -> fc: linear(classes);

    /// ResNet-110 with ReLU before the addition. He et al. 2016.  1.73 M parameters, 0.253 G multiply-adds
    pub ResNet110CifarReluBeforeAdd(classes = 10, n = 18, bottleneck = false): 3x32x32 -> classes;
    stem conv1: conv(16, 3, pad = 1, bias = false) -> bn1: bn -> relu                         @ 16x32x32;
    body layer1: { relu_before_add(16, 1, bottleneck) -> relu_before_add(16, 1, bottleneck) * (n - 1) } @ 16x32x32;
         layer2: { relu_before_add(32, 2, bottleneck) -> relu_before_add(32, 1, bottleneck) * (n - 1) } @ 32x16x16;
         layer3: { relu_before_add(64, 2, bottleneck) -> relu_before_add(64, 1, bottleneck) * (n - 1) } @ 64x8x8;
    head gap -> fc: linear(classes);

    /// ResNet-110 with pre-activation by ReLU alone. He et al. 2016.  1.73 M parameters, 0.253 G multiply-adds
    pub ResNet110CifarReluOnlyPreact(classes = 10, n = 18, bottleneck = false): 3x32x32 -> classes;
    stem conv1: conv(16, 3, pad = 1, bias = false) -> bn1: bn                                 @ 16x32x32;
    body layer1: { relu_only_preact(16, 1, bottleneck) -> relu_only_preact(16, 1, bottleneck) * (n - 1) } @ 16x32x32;
         layer2: { relu_only_preact(32, 2, bottleneck) -> relu_only_preact(32, 1, bottleneck) * (n - 1) } @ 32x16x16;
         layer3: { relu_only_preact(64, 2, bottleneck) -> relu_only_preact(64, 1, bottleneck) * (n - 1) } @ 64x8x8;
    head relu -> gap -> fc: linear(classes);

    /// ResNet-1001 with full pre-activation. He et al. 2016.   10.3 M parameters, 1.49 G multiply-adds
    pub ResNet1001Cifar(classes = 10, n = 111, bottleneck = true): 3x32x32 -> classes;
    stem conv1: conv(16, 3, pad = 1, bias = false)                                            @ 16x32x32;
    body layer1: { full_preact(16, 1, bottleneck) -> full_preact(16, 1, bottleneck) * (n - 1) } @ 64x32x32;
         layer2: { full_preact(32, 2, bottleneck) -> full_preact(32, 1, bottleneck) * (n - 1) } @ 128x16x16;
         layer3: { full_preact(64, 2, bottleneck) -> full_preact(64, 1, bottleneck) * (n - 1) } @ 256x8x8;
    head bn_final: bn -> relu -> gap -> fc: linear(classes);

    /// ResNet-110 with full pre-activation. He et al. 2016.    1.73 M parameters, 0.253 G multiply-adds
    pub ResNet110CifarFullPreact = ResNet1001Cifar(n = 18, bottleneck = false);
    /// ResNet-164 with batch normalisation after the addition. He et al. 2016.  1.70 M parameters, 0.248 G multiply-adds
    pub ResNet164CifarBnAfterAdd = ResNet110CifarBnAfterAdd(bottleneck = true);
    /// ResNet-164 with ReLU before the addition. He et al. 2016.  1.70 M parameters, 0.248 G multiply-adds
    pub ResNet164CifarReluBeforeAdd = ResNet110CifarReluBeforeAdd(bottleneck = true);
    /// ResNet-164 with pre-activation by ReLU alone. He et al. 2016.  1.70 M parameters, 0.248 G multiply-adds
    pub ResNet164CifarReluOnlyPreact = ResNet110CifarReluOnlyPreact(bottleneck = true);
    /// ResNet-164 with full pre-activation. He et al. 2016.    1.70 M parameters, 0.248 G multiply-adds
    pub ResNet164CifarFullPreact = ResNet1001Cifar(n = 18);
}

//! ResNets for CIFAR. He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, table 6; and "Identity
//! mappings in deep residual networks", 2016, fig. 4(e) and table 4.
//!
//! 6n + 2 layers of basic units, or 9n + 2 of bottlenecks.

crate::define! {
    /// A unit without parameters in its shortcut (option A): skipped pixels and channels of zeros.
    block cifar(out, stride = 1) {
        add {
            { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(out, 3, pad = 1, bias = false)      -> bn2: bn };
            { if stride != 1 || in.channels != out { subsample(stride) -> pad_channels(out) } };
        } -> relu
    }

    /// A unit with full pre-activation; a projection shares it, an identity goes round it.
    block preact(width, stride = 1, out = 4 * width) {
        let projects = stride != 1 || in.channels != out;
        tap arriving -> bn1: bn -> relu -> add {
            { conv1: conv(width, 1, bias = false)
              -> bn2: bn -> relu -> conv2: conv(width, 3, stride, pad = 1, bias = false)
              -> bn3: bn -> relu -> conv3: conv(out, 1, bias = false) };
            { if projects { shortcut: conv(out, 1, stride, bias = false) } else { from arriving } };
        }
    }

    /// ResNet-20. He et al. 2015.                              0.27 M parameters, 0.041 G multiply-adds
    pub ResNet20Cifar(classes = 10, n = 3): 3x32x32 -> classes;
    stem conv1: conv(16, 3, pad = 1, bias = false) -> bn1: bn -> relu                         @ 16x32x32;
    body layer1: { cifar(16)             -> cifar(16) * (n - 1) }                             @ 16x32x32;
         layer2: { cifar(32, stride = 2) -> cifar(32) * (n - 1) }                             @ 32x16x16;
         layer3: { cifar(64, stride = 2) -> cifar(64) * (n - 1) }                             @ 64x8x8;
    head gap -> fc: linear(classes);

    /// ResNet-32. He et al. 2015.                              0.46 M parameters, 0.069 G multiply-adds
    pub ResNet32Cifar = ResNet20Cifar(n = 5);
    /// ResNet-44. He et al. 2015.                              0.66 M parameters, 0.097 G multiply-adds
    pub ResNet44Cifar = ResNet20Cifar(n = 7);
    /// ResNet-56. He et al. 2015.                              0.85 M parameters, 0.125 G multiply-adds
    pub ResNet56Cifar = ResNet20Cifar(n = 9);
    /// ResNet-110. He et al. 2015.                             1.73 M parameters, 0.253 G multiply-adds
    pub ResNet110Cifar = ResNet20Cifar(n = 18);

    /// ResNet-1001 with full pre-activation. He et al. 2016.   10.3 M parameters, 1.49 G multiply-adds
    pub ResNet1001Cifar(classes = 10, n = 111): 3x32x32 -> classes;
    stem conv1: conv(16, 3, pad = 1, bias = false)                                            @ 16x32x32;
    body layer1: { preact(16)             -> preact(16) * (n - 1) }                           @ 64x32x32;
         layer2: { preact(32, stride = 2) -> preact(32) * (n - 1) }                           @ 128x16x16;
         layer3: { preact(64, stride = 2) -> preact(64) * (n - 1) }                           @ 256x8x8;
    head bn_final: bn -> relu -> gap -> fc: linear(classes);
}

//! ResNets and plain networks for CIFAR. He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, table 6.
//!
//! 6n + 2 layers of basic units.

crate::define! {
    /// A unit without parameters in its shortcut (option A): skipped pixels and channels of zeros.
    block cifar(out, stride = 1) {
        add {
            { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(out, 3, pad = 1, bias = false)      -> bn2: bn };
            { if stride != 1 || in.channels != out { subsample(stride) -> pad_channels(out) } };
        } -> relu
    }

    /// The same layers without a shortcut.
    block plain(out, stride = 1) {
        conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
          -> conv2: conv(out, 3, pad = 1, bias = false)    -> bn2: bn -> relu
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
    /// ResNet-1202. He et al. 2015.                            19.4 M parameters, 2.83 G multiply-adds
    pub ResNet1202Cifar = ResNet20Cifar(n = 200);

    /// The plain network of 20 layers. Figure 6, left. He et al. 2015.  0.27 M parameters, 0.041 G multiply-adds
    pub Plain20Cifar(classes = 10, n = 3): 3x32x32 -> classes;
    stem conv1: conv(16, 3, pad = 1, bias = false) -> bn1: bn -> relu                         @ 16x32x32;
    body layer1: { plain(16)             -> plain(16) * (n - 1) }                             @ 16x32x32;
         layer2: { plain(32, stride = 2) -> plain(32) * (n - 1) }                             @ 32x16x16;
         layer3: { plain(64, stride = 2) -> plain(64) * (n - 1) }                             @ 64x8x8;
    head gap -> fc: linear(classes);

    /// The plain network of 56 layers. Figure 6, left. He et al. 2015.  0.85 M parameters, 0.125 G multiply-adds
    pub Plain56Cifar = Plain20Cifar(n = 9);
}

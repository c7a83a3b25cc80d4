//! Highway networks. Srivastava, Greff and Schmidhuber, "Training very deep networks", 2015, equation 3.
//!
//! A gate T decides for every number how much of it is transformed, T·H(x), and how much carried, (1 − T)·x. The network is an
//! illustration of the layer, none of the paper's.

crate::define! {
    /// T·H(x) + (1 − T)·x, both of 3×3 convolutions; 1 − sigmoid(z) is sigmoid(−z).
    pub block highway() {
        let channels = in.channels;
        tap arriving -> conv_h: conv(channels, 3, pad = 1) -> relu -> tap transformed
          -> from arriving -> conv_t: conv(channels, 3, pad = 1)
          -> add {
              mul { { sigmoid }; { from transformed } };
              mul { { scale(-1.0) -> sigmoid }; { from arriving } };
          }
    }

    /// Three stages of highway layers. Srivastava et al. 2015.  0.17 M parameters, 0.075 G multiply-adds
    pub HighwayCNN(classes = 10, width = 32, layers = 3): 3x32x32 -> classes;
    stem conv1: conv(width, 3, pad = 1) -> relu                                               @ 32x32x32;
    body stage1: { highway * layers -> maxpool(2) }                                           @ 32x16x16;
         stage2: { highway * layers -> maxpool(2) }                                           @ 32x8x8;
         stage3: { highway * layers -> maxpool(2) }                                           @ 32x4x4;
    head gap -> fc: linear(classes);
}

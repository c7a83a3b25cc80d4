//! ShiftNet. Wu et al., "Shift: a zero FLOP, zero parameter alternative to spatial convolutions", 2018, table of ShiftNet
//! architectures.
//!
//! The paper leaves the order of the shift groups and the joint of the strided modules open; here groups follow the window row
//! by row, and a strided module computes the new channels only, in front of the pooled old ones.

crate::define! {
    /// The CSC module: 1×1 convolution, shift, 1×1 convolution, each convolution behind batch normalisation and ReLU.
    /// Section 3.2. `expansion` multiplies the channels between the two.
    pub block csc(out, stride, expansion, kernel) {
        let new = if stride == 1 { out } else { out - in.channels };
        if stride == 1 {
            add {
                { bn1: bn -> relu -> conv1: conv(new * expansion, 1, bias = false) -> shift(kernel)
                  -> bn2: bn -> relu -> conv2: conv(new, 1, bias = false) };
                identity;
            }
        } else {
            concat {
                { bn1: bn -> relu -> conv1: conv(new * expansion, 1, bias = false) -> shift(kernel)
                  -> bn2: bn -> relu -> conv2: conv(new, 1, stride, bias = false) };
                avgpool(3, stride, pad = 1);
            }
        }
    }

    /// A group: the first of its modules halves the map.
    block group(out, first, rest, kernel, modules) {
        csc(out, 2, first, kernel) -> csc(out, 1, rest, kernel) * (modules - 1)
    }

    /// ShiftNet-A; `channels` leave the first convolution. Wu et al. 2018.   4.2 M parameters, 1.4 G multiply-adds
    pub ShiftNetA(classes = 1000, channels = 32): 3x224x224 -> classes;
    stem conv1: conv(channels, 7, stride = 2, pad = 3, bias = false)                   @ 32x112x112;
    //                channels       expansion   kernel modules
    body layer1: group(2 * channels,  4,  4,     5,     5)                             @ 64x56x56;
         layer2: group(4 * channels,  4,  3,     5,     6)                             @ 128x28x28;
         layer3: group(8 * channels,  3,  2,     3,     7)                             @ 256x14x14;
         layer4: group(16 * channels, 2,  1,     3,     3)                             @ 512x7x7;
         bn: bn -> relu;
    head gap -> fc: linear(classes);

    /// ShiftNet-B, half as wide. Wu et al. 2018.               1.2 M parameters, 0.37 G multiply-adds
    pub ShiftNetB = ShiftNetA(channels = 16);
}

//! Big Transfer's ResNet-v2. Kolesnikov et al., "Big Transfer (BiT): general visual representation learning", 2020, section
//! 3; units as in He, Zhang, Ren and Sun, "Identity mappings in deep residual networks", 2016.
//!
//! Group normalisation (Wu & He 2018) in front of convolutions whose weights are standardised (Qiao et al. 2019), so that
//! nothing depends on the batch. `R50x3` has the layers of ResNet-50, three times as wide. As in timm.

crate::define! {
    /// A unit with full pre-activation: a projection shares it, an identity goes round it.
    block unit(out, stride = 1) {
        let width = out / 4;
        let projects = stride != 1 || in.channels != out;
        // Claims its place: timm's state_dict begins with the projection.
        if projects { downsample: { identity } }
        -> tap arriving -> norm1: gn(32) -> relu -> add {
            { conv1: conv(width, 1, bias = false, std = true)
              -> norm2: gn(32) -> relu -> conv2: conv(width, 3, stride, pad = 1, bias = false, std = true)
              -> norm3: gn(32) -> relu -> conv3: conv(out, 1, bias = false, std = true) };
            { if projects { downsample: { conv: conv(out, 1, stride, bias = false, std = true) } } else { from arriving } };
        }
    }

    /// A row of the table.
    block stage(out, units, stride = 2) {
        blocks: { unit(out, stride) -> unit(out) * (units - 1) }
    }

    /// BiT-R50x1. Kolesnikov et al. 2020.                      25.5 M parameters,   4.1 G multiply-adds
    pub BiTR50x1(classes = 1000, units = [3, 4, 6, 3], width = 1): 3x224x224 -> classes;
    stem stem: { conv: conv(64 * width, 7, stride = 2, pad = 3, bias = false, std = true)     @ [64 * width, 112, 112]
                   // Zeros, which win over what is negative.
                   -> pad(1) -> maxpool(3, stride = 2) }                                      @ [64 * width, 56, 56];
    body stages: { stage(256 * width, units[0], stride = 1)                                   @ [256 * width, 56, 56]
                   -> stage(512 * width, units[1])                                            @ [512 * width, 28, 28]
                   -> stage(1024 * width, units[2])                                           @ [1024 * width, 14, 14]
                   -> stage(2048 * width, units[3]) }                                         @ [2048 * width, 7, 7];
    head norm: gn(32) -> relu -> adaptive_avgpool(1) -> head: { fc: conv(classes, 1) } -> flatten;

    /// BiT-R101x1. Kolesnikov et al. 2020.                     44.5 M parameters,   7.8 G multiply-adds
    pub BiTR101x1 = BiTR50x1(units = [3, 4, 23, 3]);
    /// BiT-R50x3. Kolesnikov et al. 2020.                     217.3 M parameters,  36.1 G multiply-adds
    pub BiTR50x3 = BiTR50x1(width = 3);
    /// BiT-R101x3. Kolesnikov et al. 2020.                    387.9 M parameters,  69.5 G multiply-adds
    pub BiTR101x3 = BiTR50x1(units = [3, 4, 23, 3], width = 3);
    /// BiT-R152x2. Kolesnikov et al. 2020.                    236.3 M parameters,  45.8 G multiply-adds
    pub BiTR152x2 = BiTR50x1(units = [3, 8, 36, 3], width = 2);
    /// BiT-R152x4, "BiT-L". Kolesnikov et al. 2020.           936.5 M parameters, 182.8 G multiply-adds
    pub BiTR152x4 = BiTR50x1(units = [3, 8, 36, 3], width = 4);
}

//! ResNeXt. Xie, Girshick, Dollár, Tu and He, "Aggregated residual transformations for deep neural networks", 2017, table 1
//! and figure 3.
//!
//! ResNets whose bottlenecks transform along `groups` paths (the cardinality), each of `width` channels in the first stage.

crate::define! {
    /// The first two layers of a path. Figure 3(b).
    block path(width) {
        conv1: conv(width, 1, bias = false)             -> bn1: bn -> relu
          -> conv2: conv(width, 3, pad = 1, bias = false) -> bn2: bn -> relu
    }

    /// All three layers of a path. Figure 3(a).
    block whole_path(width, out) {
        conv1: conv(width, 1, bias = false)             -> bn1: bn -> relu
          -> conv2: conv(width, 3, pad = 1, bias = false) -> bn2: bn -> relu
          -> conv3: conv(out, 1, bias = false)
    }

    /// The block as a sum of paths. Figure 3(a). Xie et al. 2017.  71.2 K parameters, 2.5 M multiply-adds
    ///
    /// The three forms compute the same: tensors of the grouped form are those of the paths side by side.
    pub ResNeXtBlockA(groups = 32, width = 4): 256x6x6 -> 256x6x6;
    body add {
             { let out = in.channels; paths: { add { for _ in 0..groups { whole_path(width, out) } } } -> bn3: bn };
             identity;
         } -> relu;

    /// The block with its paths concatenated early. Figure 3(b). Xie et al. 2017.  71.2 K parameters, 2.5 M multiply-adds
    pub ResNeXtBlockB(groups = 32, width = 4): 256x6x6 -> 256x6x6;
    body add {
             { let out = in.channels;
               paths: { concat { for _ in 0..groups { path(width) } } } -> conv3: conv(out, 1, bias = false) -> bn3: bn };
             identity;
         } -> relu;

    /// The block with its paths as groups of a convolution. Figure 3(c). Xie et al. 2017.  71.2 K parameters, 2.5 M multiply-adds
    pub ResNeXtBlockC(groups = 32, width = 4): 256x6x6 -> 256x6x6;
    body add {
             { let out = in.channels;
               conv1: conv(groups * width, 1, bias = false)                              -> bn1: bn -> relu
                 -> conv2: conv(groups * width, 3, pad = 1, groups = groups, bias = false) -> bn2: bn -> relu
                 -> conv3: conv(out, 1, bias = false)                                    -> bn3: bn };
             identity;
         } -> relu;

    /// ResNeXt-50 (32×4d). Xie et al. 2017.                    25.0 M parameters, 4.2 G multiply-adds
    pub ResNeXt50_32x4d = crate::zoo::ResNet50(groups = 32, width = 4);
    /// ResNeXt-101 (32×8d). Xie et al. 2017.                   88.8 M parameters, 16.4 G multiply-adds
    pub ResNeXt101_32x8d = crate::zoo::ResNet50(units = [3, 4, 23, 3], groups = 32, width = 8);
    /// ResNeXt-101 (64×4d). Xie et al. 2017.                   83.5 M parameters, 15.5 G multiply-adds
    pub ResNeXt101_64x4d = crate::zoo::ResNet50(units = [3, 4, 23, 3], groups = 64, width = 4);
}

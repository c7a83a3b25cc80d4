//! Network in network. Lin, Chen and Yan, "Network in network", 2014, figures 2 and 4.
//!
//! The small network that slides over the map is two 1×1 convolutions; classes are the averages of the last maps. Widths
//! as in Zhang, Lipton, Li and Smola, "Dive into deep learning", 2023, which takes AlexNet's.

crate::define! {
    /// A convolution and the two layers of the network in it (mlpconv). Figure 1 (b).
    pub block mlpconv(out, kernel, stride = 1, pad = 0) {
        conv(out, kernel, stride, pad) -> relu -> { conv(out, 1) -> relu } * 2
    }

    /// Network in network for one channel and ten classes. Lin et al. 2014.
    ///                                                         2.0 M parameters, 0.76 G multiply-adds
    ///
    /// `dropout` stands before the last block, where it is not 0.
    pub NiND2L(classes = 10, dropout = 0.0): 1x224x224 -> classes;
    //                  maps kernel
    stem net: { mlpconv(96,  11, stride = 4)                                                  @ 96x54x54
                  -> maxpool(3, stride = 2) }                                                 @ 96x26x26;
    body net: { mlpconv(256,  5, pad = 2) -> maxpool(3, stride = 2) }                         @ 256x12x12;
         net: { mlpconv(384,  3, pad = 1) -> maxpool(3, stride = 2) }                         @ 384x5x5;
         net: { if dropout > 0.0 { dropout(dropout) } -> mlpconv(classes, 3, pad = 1) }       @ [classes, 5, 5];
    head gap;

    /// The same for ImageNet. Lin et al. 2014.                 7.4 M parameters, 0.97 G multiply-adds
    pub NiND2LImageNet = NiND2L(classes = 1000): 3x224x224;
}

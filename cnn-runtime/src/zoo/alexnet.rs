//! AlexNet. Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", 2012,
//! figure 2; and Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, its single-column
//! successor, as in torchvision. `D2L` is the form of Zhang, Lipton, Li and Smola, "Dive into deep learning", 2023.

crate::define! {
    /// AlexNet of one column. Krizhevsky 2014.                61.1 M parameters, 0.71 G multiply-adds
    pub AlexNet(classes = 1000, dropout = 0.5): 3x224x224 -> classes;
    //                 maps kernel
    stem features: { conv(64,  11, stride = 4, pad = 2) -> relu -> maxpool(3, stride = 2) }   @ 64x27x27;
    body features: { conv(192,  5, pad = 2)             -> relu -> maxpool(3, stride = 2) }   @ 192x13x13;
         features: { conv(384,  3, pad = 1)             -> relu }                             @ 384x13x13;
         features: { conv(256,  3, pad = 1)             -> relu }                             @ 256x13x13;
         features: { conv(256,  3, pad = 1)             -> relu -> maxpool(3, stride = 2) }   @ 256x6x6;
    head avgpool: adaptive_avgpool(6) -> flatten -> classifier: {
             dropout(dropout) -> linear(4096) -> relu
          -> dropout(dropout) -> linear(4096) -> relu
          -> linear(classes)
         };

    /// The classifier of the paper: two hidden layers of 4096 behind dropout.
    block classifier(classes, dropout) {
        { dropout(dropout) -> linear(4096) -> relu } * 2 -> linear(classes)
    }

    /// AlexNet of two columns, which meet in the third convolution alone. Krizhevsky et al. 2012.
    ///                                                         61.0 M parameters, 0.72 G multiply-adds
    ///
    /// The columns, one on each of two GPUs, are `groups`; the images are 227 wide, which the printed sizes need.
    pub AlexNetPaper(classes = 1000, dropout = 0.5, columns = 2): 3x227x227 -> classes;
    stem features: { conv(96, 11, stride = 4) -> relu -> lrn(5, k = 2.0)                      @ 96x55x55
                       -> maxpool(3, stride = 2) }                                            @ 96x27x27;
    body features: { conv(256, 5, pad = 2, groups = columns) -> relu -> lrn(5, k = 2.0)       @ 256x27x27
                       -> maxpool(3, stride = 2) }                                            @ 256x13x13;
         features: { conv(384, 3, pad = 1)                   -> relu }                        @ 384x13x13;
         features: { conv(384, 3, pad = 1, groups = columns) -> relu }                        @ 384x13x13;
         features: { conv(256, 3, pad = 1, groups = columns) -> relu                          @ 256x13x13
                       -> maxpool(3, stride = 2) }                                            @ 256x6x6;
    head flatten -> classifier: classifier(classes, dropout);

    /// AlexNet with batch normalisation in place of the response's, in one column of the same widths.
    /// Krizhevsky et al. 2012.                                 62.4 M parameters, 1.14 G multiply-adds
    pub AlexNetBN(classes = 1000, dropout = 0.5): 3x224x224 -> classes;
    stem features: { conv(96,  11, stride = 4, pad = 2, bias = false) -> bn -> relu -> maxpool(3, stride = 2) }
                                                                                              @ 96x27x27;
    body features: { conv(256,  5, pad = 2, bias = false) -> bn -> relu -> maxpool(3, stride = 2) }   @ 256x13x13;
         features: { conv(384,  3, pad = 1, bias = false) -> bn -> relu }                     @ 384x13x13;
         features: { conv(384,  3, pad = 1, bias = false) -> bn -> relu }                     @ 384x13x13;
         features: { conv(256,  3, pad = 1, bias = false) -> bn -> relu -> maxpool(3, stride = 2) }   @ 256x6x6;
    head flatten -> classifier: classifier(classes, dropout);

    /// AlexNet for one channel and ten classes, in one column without normalisation.
    /// Zhang et al. 2023.                                      46.8 M parameters, 0.94 G multiply-adds
    pub AlexNetD2L(classes = 10, dropout = 0.5): 1x224x224 -> classes;
    stem net: { conv(96,  11, stride = 4, pad = 1) -> relu -> maxpool(3, stride = 2) }        @ 96x26x26;
    body net: { conv(256,  5, pad = 2)             -> relu -> maxpool(3, stride = 2) }        @ 256x12x12;
         net: { conv(384,  3, pad = 1)             -> relu }                                  @ 384x12x12;
         net: { conv(384,  3, pad = 1)             -> relu }                                  @ 384x12x12;
         net: { conv(256,  3, pad = 1)             -> relu -> maxpool(3, stride = 2) }        @ 256x5x5;
    head net: { flatten -> { linear(4096) -> relu -> dropout(dropout) } * 2 -> linear(classes) };

    /// The same for ImageNet. Zhang et al. 2023.               50.8 M parameters, 1.01 G multiply-adds
    pub AlexNetD2LImageNet = AlexNetD2L(classes = 1000): 3x224x224;

    /// Local response normalisation by itself, strong enough to be seen, behind a convolution of a few maps.
    /// Krizhevsky et al. 2012.                                 196 parameters, 12.1 K multiply-adds
    pub ResponseNorm(maps = 7): 3x8x8 -> [maps, 8, 8];
    body conv: conv(maps, 3, pad = 1) -> lrn: lrn(5, alpha = 2.0)                             @ [maps, 8, 8];
}

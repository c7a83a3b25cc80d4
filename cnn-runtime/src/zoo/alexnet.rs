//! AlexNet. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014: the single-column
//! successor of Krizhevsky et al. 2012, as in torchvision.

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
}

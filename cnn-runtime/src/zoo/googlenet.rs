//! GoogLeNet. Szegedy et al., "Going deeper with convolutions", 2015, table 1 and figure 3.
//!
//! As in torchvision: batch normalisation (eps 1e-3) in place of local response normalisation, and 3×3 windows where the
//! paper has 5×5.

crate::define! {
    /// Convolution without bias, batch normalisation, ReLU.
    block basic_conv(out, kernel, stride = 1) {
        conv: conv(out, kernel, stride, pad = kernel / 2, bias = false) -> bn: bn(eps = 0.001) -> relu
    }

    /// Figure 2 (b): windows of several sizes side by side, the larger behind a reduction of the channels. Arguments are
    /// the columns of table 1; "5×5" is 3×3.
    pub block inception(conv1, reduce3, conv3, reduce5, conv5, pool) {
        concat {
            branch1: basic_conv(conv1, 1);
            branch2: { basic_conv(reduce3, 1) -> basic_conv(conv3, 3) };
            branch3: { basic_conv(reduce5, 1) -> basic_conv(conv5, 3) };
            branch4: { maxpool(3, stride = 1, pad = 1, ceil = true) -> basic_conv(pool, 1) };
        }                                                                     @ [conv1 + conv3 + conv5 + pool, in.height, in.width]
    }

    /// An auxiliary classifier, section 5; pooling adapts to the input's size.
    block classifier(classes, dropout) {
        adaptive_avgpool(4) -> conv: basic_conv(128, 1) -> flatten
          -> fc1: linear(1024) -> relu -> dropout(dropout) -> fc2: linear(classes)
    }

    /// GoogLeNet, for inference. Szegedy et al. 2015.          6.6 M parameters, 1.5 G multiply-adds
    pub GoogLeNet(classes = 1000, auxiliary = false, dropout = 0.2, auxiliary_dropout = 0.7): 3x224x224 -> classes;
    stem conv1: basic_conv(64, 7, stride = 2)                                                 @ 64x112x112;
         maxpool1: maxpool(3, stride = 2, ceil = true)                                        @ 64x56x56;
         conv2: basic_conv(64, 1) -> conv3: basic_conv(192, 3)                                @ 192x56x56;
         maxpool2: maxpool(3, stride = 2, ceil = true)                                        @ 192x28x28;
    //                        1x1 reduce 3x3 reduce 5x5 pool
    body inception3a: inception( 64,  96, 128, 16,  32,  32)                                  @ 256x28x28;
         inception3b: inception(128, 128, 192, 32,  96,  64)                                  @ 480x28x28;
         maxpool3: maxpool(3, stride = 2, ceil = true)                                        @ 480x14x14;
         inception4a: inception(192,  96, 208, 16,  48,  64) -> tap after4a                   @ 512x14x14;
         inception4b: inception(160, 112, 224, 24,  64,  64)                                  @ 512x14x14;
         inception4c: inception(128, 128, 256, 24,  64,  64)                                  @ 512x14x14;
         inception4d: inception(112, 144, 288, 32,  64,  64) -> tap after4d                   @ 528x14x14;
         inception4e: inception(256, 160, 320, 32, 128, 128)                                  @ 832x14x14;
         maxpool4: maxpool(2, ceil = true)                                                    @ 832x7x7;
         inception5a: inception(256, 160, 320, 32, 128, 128)                                  @ 832x7x7;
         inception5b: inception(384, 192, 384, 48, 128, 128)                                  @ 1024x7x7;
    // Down here, because torchvision's state_dict has their tensors between inception5b and fc.
    head if auxiliary {
             aux { from after4a -> aux1: classifier(classes, auxiliary_dropout) }
             -> aux { from after4d -> aux2: classifier(classes, auxiliary_dropout) }
         };
         gap -> dropout(dropout) -> fc: linear(classes);

    /// GoogLeNet with its auxiliary classifiers, for training. Szegedy et al. 2015.   13.0 M parameters, 1.5 G multiply-adds
    pub GoogLeNetAux = GoogLeNet(auxiliary = true);
}

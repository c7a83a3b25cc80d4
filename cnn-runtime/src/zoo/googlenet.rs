//! GoogLeNet. Szegedy et al., "Going deeper with convolutions", 2015, table 1 and figure 3.
//!
//! [`GoogLeNet`] is torchvision's: batch normalisation (eps 1e-3) in place of local response normalisation, and 3×3
//! windows where the paper has 5×5. [`GoogLeNetPaper`] is the paper's, `D2L` the form of Zhang, Lipton, Li
//! and Smola, "Dive into deep learning", 2023.

crate::define! {
    /// Convolution without bias, batch normalisation, ReLU: the layer of the Inception networks. The size stays where the
    /// stride is 1, unless `pad` says otherwise.
    pub block basic_conv(out, kernel, stride = 1, pad = kernel / 2) {
        conv: conv(out, kernel, stride, pad, bias = false) -> bn: bn(eps = 0.001) -> relu
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

    /// GoogLeNet with its auxiliary classifiers, for training. Szegedy et al. 2015.
    ///                                                        13.0 M parameters, 1.5 G multiply-adds
    pub GoogLeNetAux = GoogLeNet(auxiliary = true);

    /// Figure 2 (b) as printed: true 5×5 windows, no normalisation.
    pub block inception_plain(conv1, reduce3, conv3, reduce5, conv5, pool) {
        concat {
            { b1_1: conv(conv1, 1) -> relu };
            { b2_1: conv(reduce3, 1) -> relu -> b2_2: conv(conv3, 3, pad = 1) -> relu };
            { b3_1: conv(reduce5, 1) -> relu -> b3_2: conv(conv5, 5, pad = 2) -> relu };
            { maxpool(3, stride = 1, pad = 1) -> b4_2: conv(pool, 1) -> relu };
        }                                                                     @ [conv1 + conv3 + conv5 + pool, in.height, in.width]
    }

    /// An auxiliary classifier as printed: pooling by windows. Section 5.
    block classifier_plain(classes, dropout) {
        avgpool(5, stride = 3) -> conv: conv(128, 1) -> relu -> flatten
          -> fc1: linear(1024) -> relu -> dropout(dropout) -> fc2: linear(classes)
    }

    /// GoogLeNet as printed, with its auxiliary classifiers. Szegedy et al. 2015.
    ///                                                        13.4 M parameters, 1.6 G multiply-adds
    pub GoogLeNetPaper(classes = 1000, auxiliary = true, dropout = 0.4, auxiliary_dropout = 0.7): 3x224x224 -> classes;
    stem conv1: conv(64, 7, stride = 2, pad = 3) -> relu                                      @ 64x112x112;
         maxpool(3, stride = 2, ceil = true) -> lrn(5)                                        @ 64x56x56;
         conv2_reduce: conv(64, 1) -> relu -> conv2: conv(192, 3, pad = 1) -> relu            @ 192x56x56;
         lrn(5) -> maxpool(3, stride = 2, ceil = true)                                        @ 192x28x28;
    //                              1x1 reduce 3x3 reduce 5x5 pool
    body inception3a: inception_plain( 64,  96, 128, 16,  32,  32)                            @ 256x28x28;
         inception3b: inception_plain(128, 128, 192, 32,  96,  64)                            @ 480x28x28;
         maxpool(3, stride = 2, ceil = true)                                                  @ 480x14x14;
         inception4a: inception_plain(192,  96, 208, 16,  48,  64) -> tap after4a             @ 512x14x14;
         inception4b: inception_plain(160, 112, 224, 24,  64,  64)                            @ 512x14x14;
         inception4c: inception_plain(128, 128, 256, 24,  64,  64)                            @ 512x14x14;
         inception4d: inception_plain(112, 144, 288, 32,  64,  64) -> tap after4d             @ 528x14x14;
         inception4e: inception_plain(256, 160, 320, 32, 128, 128)                            @ 832x14x14;
         maxpool(3, stride = 2, ceil = true)                                                  @ 832x7x7;
         inception5a: inception_plain(256, 160, 320, 32, 128, 128)                            @ 832x7x7;
         inception5b: inception_plain(384, 192, 384, 48, 128, 128)                            @ 1024x7x7;
    head gap -> dropout(dropout) -> fc: linear(classes);
         if auxiliary {
             aux { from after4a -> aux1: classifier_plain(classes, auxiliary_dropout) }
             -> aux { from after4d -> aux2: classifier_plain(classes, auxiliary_dropout) }
         };

    /// GoogLeNet for one channel and ten classes, without normalisation and auxiliary classifiers.
    /// Zhang et al. 2023.                                      6.0 M parameters, 0.28 G multiply-adds
    pub GoogLeNetD2L(classes = 10): 1x96x96 -> classes;
    stem net: { "0": { conv(64, 7, stride = 2, pad = 3) -> relu -> maxpool(3, stride = 2, pad = 1) } }   @ 64x24x24;
         net: { "1": { conv(64, 1) -> relu -> conv(192, 3, pad = 1) -> relu                   @ 192x24x24
                  -> maxpool(3, stride = 2, pad = 1) } }                                      @ 192x12x12;
    //                               1x1 reduce 3x3 reduce 5x5 pool
    body net: { "2": { inception_plain( 64,  96, 128, 16,  32,  32)                           @ 256x12x12
                    -> inception_plain(128, 128, 192, 32,  96,  64)                           @ 480x12x12
                    -> maxpool(3, stride = 2, pad = 1) } }                                    @ 480x6x6;
         net: { "3": { inception_plain(192,  96, 208, 16,  48,  64)                           @ 512x6x6
                    -> inception_plain(160, 112, 224, 24,  64,  64)                           @ 512x6x6
                    -> inception_plain(128, 128, 256, 24,  64,  64)                           @ 512x6x6
                    -> inception_plain(112, 144, 288, 32,  64,  64)                           @ 528x6x6
                    -> inception_plain(256, 160, 320, 32, 128, 128)                           @ 832x6x6
                    -> maxpool(3, stride = 2, pad = 1) } }                                    @ 832x3x3;
         net: { "4": { inception_plain(256, 160, 320, 32, 128, 128)                           @ 832x3x3
                    -> inception_plain(384, 192, 384, 48, 128, 128) } }                       @ 1024x3x3;
    head gap -> net: { "5": linear(classes) };

    /// The same for ImageNet. Zhang et al. 2023.               7.0 M parameters, 1.6 G multiply-adds
    pub GoogLeNetD2LImageNet = GoogLeNetD2L(classes = 1000): 3x224x224;

    /// The naive module: windows side by side, no reduction, so maps add up from module to module: figure 2 (a).
    /// Szegedy et al. 2015.                                    3.5 K parameters, 0.5 M multiply-adds
    pub InceptionNaive(conv1 = 8, conv3 = 12, conv5 = 4): 16x12x12 -> [conv1 + conv3 + conv5 + 16, 12, 12];
    body concat {
             { b1: conv(conv1, 1)          -> relu };
             { b3: conv(conv3, 3, pad = 1) -> relu };
             { b5: conv(conv5, 5, pad = 2) -> relu };
             maxpool(3, stride = 1, pad = 1);
         };

    /// A module whose branches are equally wide, without activation behind the reductions.
    /// Szegedy et al. 2015.                                   35.4 K parameters, 0.6 G multiply-adds
    pub InceptionUniform(maps = 32): 3x128x128 -> [4 * maps, 128, 128];
    body concat {
             branch1: { conv(maps, 1) -> relu };
             branch2: { conv(maps, 1) -> conv(maps, 3, pad = 1) -> relu };
             branch3: { conv(maps, 1) -> conv(maps, 5, pad = 2) -> relu };
             branch4: { maxpool(3, stride = 1, pad = 1) -> conv(maps, 1) -> relu };
         };
}

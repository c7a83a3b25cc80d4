//! VGG. Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015, table 1.
//!
//! The table's columns A, B, D and E, each with batch normalisation too (`norm = true`), which came after the paper.
//! `D2L` is the form of Zhang, Lipton, Li and Smola, "Dive into deep learning", 2023.

crate::define! {
    /// A column of the table: (convolutions, channels) for each of its five blocks.
    pub block vgg(column, norm = false) {
        for (convs, channels) in column {
            { conv(channels, 3, pad = 1) -> if norm { bn } -> relu } * convs
              -> maxpool(2)                                        @ [channels, in.height / 2, in.width / 2]
        }
    }

    /// Two hidden layers of 4096.
    pub block vgg_head(classes, dropout) {
        { linear(4096) -> relu -> dropout(dropout) } * 2 -> linear(classes)
    }

    /// VGG-11, column A. Simonyan & Zisserman 2015.          132.9 M parameters,  7.6 G multiply-adds
    pub VGG11(classes = 1000, norm = false, dropout = 0.5): 3x224x224 -> classes;
    body features: vgg([(1, 64), (1, 128), (2, 256), (2, 512), (2, 512)], norm)               @ 512x7x7;
    head avgpool: adaptive_avgpool(7) -> flatten -> classifier: vgg_head(classes, dropout);

    /// VGG-13, column B. Simonyan & Zisserman 2015.          133.0 M parameters, 11.3 G multiply-adds
    pub VGG13(classes = 1000, norm = false, dropout = 0.5): 3x224x224 -> classes;
    body features: vgg([(2, 64), (2, 128), (2, 256), (2, 512), (2, 512)], norm)               @ 512x7x7;
    head avgpool: adaptive_avgpool(7) -> flatten -> classifier: vgg_head(classes, dropout);

    /// VGG-16, column D. Simonyan & Zisserman 2015.          138.4 M parameters, 15.5 G multiply-adds
    pub VGG16(classes = 1000, norm = false, dropout = 0.5): 3x224x224 -> classes;
    body features: vgg([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], norm)               @ 512x7x7;
    head avgpool: adaptive_avgpool(7) -> flatten -> classifier: vgg_head(classes, dropout);

    /// VGG-19, column E. Simonyan & Zisserman 2015.          143.7 M parameters, 19.6 G multiply-adds
    pub VGG19(classes = 1000, norm = false, dropout = 0.5): 3x224x224 -> classes;
    body features: vgg([(2, 64), (2, 128), (4, 256), (4, 512), (4, 512)], norm)               @ 512x7x7;
    head avgpool: adaptive_avgpool(7) -> flatten -> classifier: vgg_head(classes, dropout);

    /// VGG-11 with batch normalisation. Simonyan & Zisserman 2015.
    pub VGG11BN = VGG11(norm = true);
    /// VGG-13 with batch normalisation. Simonyan & Zisserman 2015.
    pub VGG13BN = VGG13(norm = true);
    /// VGG-16 with batch normalisation. Simonyan & Zisserman 2015.
    pub VGG16BN = VGG16(norm = true);
    /// VGG-19 with batch normalisation. Simonyan & Zisserman 2015.
    pub VGG19BN = VGG19(norm = true);

    /// A row of the column as a block of its own.
    block stage(convs, channels) {
        { conv(channels, 3, pad = 1) -> relu } * convs -> maxpool(2)    @ [channels, in.height / 2, in.width / 2]
    }

    /// VGG-11 for one channel and ten classes. Zhang et al. 2023.
    ///                                                        128.8 M parameters,  7.5 G multiply-adds
    pub VGG11D2L(classes = 10, column = [(1, 64), (1, 128), (2, 256), (2, 512), (2, 512)], dropout = 0.5):
        1x224x224 -> classes;
    body net: { for (convs, channels) in column { stage(convs, channels) } }                  @ 512x7x7;
    head net: { flatten -> { linear(4096) -> relu -> dropout(dropout) } * 2 -> linear(classes) };

    /// The same a quarter as wide, for images of 64×64. Zhang et al. 2023.
    ///                                                         19.5 M parameters, 57.3 M multiply-adds
    pub VGG11D2LSmall = VGG11D2L(column = [(1, 16), (1, 32), (2, 64), (2, 128), (2, 128)]): 1x64x64;
}

//! ResNet-18 of a textbook. Zhang, Lipton, Li and Smola, "Dive into deep learning", 2023, section 8.6.
//!
//! For grey images; convolutions have biases, the projection no batch normalisation.

crate::define! {
    /// The residual unit of two convolutions.
    block residual(out, stride = 1) {
        let projects = stride != 1 || in.channels != out;
        add {
            { conv1: conv(out, 3, stride, pad = 1)
              // The book lists all convolutions before the normalisations: their places among the tensors.
              -> conv2: identity -> if projects { conv3: identity }
              -> bn1: bn -> relu -> conv2: conv(out, 3, pad = 1) -> bn2: bn };
            { if projects { conv3: conv(out, 1, stride) } };
        } -> relu
    }

    /// ResNet-18 for grey images. Zhang et al. 2023.           11.2 M parameters, 1.7 G multiply-adds
    pub ResNet18D2L(classes = 10): 1x224x224 -> classes;
    stem net: { "0": { conv(64, 7, stride = 2, pad = 3) -> bn -> relu -> maxpool(3, stride = 2, pad = 1) } } @ 64x56x56;
    body net: { "1": residual(64) * 2 }                                                       @ 64x56x56;
         net: { "2": { residual(128, stride = 2) -> residual(128) } }                         @ 128x28x28;
         net: { "3": { residual(256, stride = 2) -> residual(256) } }                         @ 256x14x14;
         net: { "4": { residual(512, stride = 2) -> residual(512) } }                         @ 512x7x7;
    head gap -> net: { "7": linear(classes) };
}

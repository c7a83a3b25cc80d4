//! LeNet-5. LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998, fig. 2.
//!
//! In the form that courses teach: full connections, average pooling and a plain linear layer on top.

crate::define! {
    /// LeNet-5 for 28×28 digits. LeCun et al. 1998.           61.7 K parameters, 0.42 M multiply-adds
    pub LeNet5(classes = 10): 1x28x28 -> classes;
    //          maps kernel
    stem net: { conv(6,  5, pad = 2) -> sigmoid -> avgpool(2) }                               @ 6x14x14;
    body net: { conv(16, 5)          -> sigmoid -> avgpool(2) }                               @ 16x5x5;
    head net: { flatten -> linear(120) -> sigmoid -> linear(84) -> sigmoid -> linear(classes) };
}

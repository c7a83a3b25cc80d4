//! Networks as their users meet them: typed, trained, named, imported.

use cnn_runtime::network;
use cnn_runtime::prelude::*;

network! {
    /// The residual unit. He et al. 2015, fig. 2.
    pub block basic(out, stride = 1) {
        add {
            { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(out, 3, pad = 1, bias = false) -> bn2: bn };
            { if stride != 1 || in.channels != out { downsample: { conv(out, 1, stride, bias = false) -> bn } } };
        } -> relu
    }

    /// ResNet-18. He et al. 2015, table 1.
    pub ResNet18(classes = 1000): 3x224x224 -> classes;
    stem conv1: conv(64, 7, stride = 2, pad = 3, bias = false) -> bn1: bn -> relu -> maxpool(3, stride = 2, pad = 1);
    body layer1: { basic(64)              -> basic(64)  }   @ 64x56x56;
         layer2: { basic(128, stride = 2) -> basic(128) }   @ 128x28x28;
         layer3: { basic(256, stride = 2) -> basic(256) }   @ 256x14x14;
         layer4: { basic(512, stride = 2) -> basic(512) }   @ 512x7x7;
    head gap -> fc: linear(classes);
    where params <= 12M, macs <= 2G;
}

network! { pub Pets = cnn_runtime::zoo::ResNet18(classes = 37): 3x128x128; }

#[test]
fn resnet18_runs_both_ways() {
    let device = Cpu::default();
    let mut net = device.build_module::<Pets, f32>();
    assert_eq!(<ResNet18>::PARAMS, 11_689_512);
    assert_eq!(<ResNet18>::MACS, 1_814_073_344);
    let x = device.sample_normal::<Rank4<2, 3, 128, 128>>();
    let logits = net.forward(x.clone());
    assert_eq!(logits.shape(), &(Const::<2>, Const::<37>));
    let features = net.features(x.clone());
    assert_eq!(features.shape().concrete(), [2, 512, 4, 4]);
    let gradients = net.alloc_grads();
    let loss = net.forward_mut(x.traced(gradients)).square().mean();
    let gradients = loss.backward();
    let slope = gradients.get(&net.layer4._1.conv1.weight);
    assert!(slope.as_vec().iter().any(|g| *g != 0.0));
    println!("{net:?}");
}

use cnn_runtime::{network, prelude::*};

network! {
    pub Net: 3x32x32 -> 10;
    stem conv1: conv(64, 3) -> conv2: conv(128, 3) -> conv3: conv(32, 3);
    head gap -> fc: linear(10);
    where params <= 50K, macs <= 1G;
}

fn main() {
    let device = Cpu::default();
    let net = device.build_module::<Net, f32>();
    let _ = net.forward(device.zeros::<Rank4<1, 3, 32, 32>>());
}

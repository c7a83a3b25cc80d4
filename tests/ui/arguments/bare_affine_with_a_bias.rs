use cnn_runtime::{network, prelude::*};

network! {
    pub Net: 3x32x32 -> 10;
    stem gamma: affine(bare = true);
    head gap -> linear(10);
}

fn main() {
    let device = Cpu::default();
    let net = device.build_module::<Net, f32>();
    let _ = net.forward(device.zeros::<Rank4<1, 3, 32, 32>>());
}

use cnn_runtime::{network, prelude::*};

network! {
    pub Base: 3x32x32 -> 10;
    stem conv(8, 5) -> maxpool(4) -> conv(8, 5);
    head gap -> linear(10);
    pub Net = Base: 3x16x16;
}

fn main() {
    let device = Cpu::default();
    let net = device.build_module::<Net, f32>();
    let _ = net.forward(device.zeros::<Rank4<1, 3, 16, 16>>());
}

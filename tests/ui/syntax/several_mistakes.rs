use cnn_runtime::{network, prelude::*};

network! {
    pub Net: 3x32x32 -> 10;
    stem conv(8, 3, stride = 0) @ 8x32x32 -> cnov(8, 3) @ 8x32x32;
    body add { conv(8, 1); conv(16, 1); } @ 8x32x32;
    head gap -> linear(10) -> linear(n);
    where parms <= 1M;
}

fn main() {
    let device = Cpu::default();
    let net = device.build_module::<Net, f32>();
    let _ = net.forward(device.zeros::<Rank4<1, 3, 32, 32>>());
}

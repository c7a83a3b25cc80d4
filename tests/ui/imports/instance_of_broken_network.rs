use cnn_runtime::{network, prelude::*};

mod base {
    cnn_runtime::network! { pub Base: 3x32x32 -> 10; head gap -> linear(12); }
}
network! {
    pub Net = base::Base;
}

fn main() {
    let device = Cpu::default();
    let net = device.build_module::<Net, f32>();
    let _ = net.forward(device.zeros::<Rank4<1, 3, 32, 32>>());
}

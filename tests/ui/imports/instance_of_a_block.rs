use cnn_runtime::{network, prelude::*};

mod blocks {
    cnn_runtime::define! { pub block unit(out) { conv(out, 3, pad = 1) -> add { identity; conv(8, 1); } } }
}
network! {
    pub Net = blocks::unit: 3x32x32;
}

fn main() {
    let device = Cpu::default();
    let net = device.build_module::<Net, f32>();
    let _ = net.forward(device.zeros::<Rank4<1, 3, 32, 32>>());
}

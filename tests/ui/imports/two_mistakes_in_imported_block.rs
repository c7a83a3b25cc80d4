use cnn_runtime::{network, prelude::*};

mod blocks {
    cnn_runtime::define! { pub block unit(out) { conv(out, 3, pad = 1) -> add { identity; conv(8, 1); } } }
}
network! {
    use blocks::unit;
    pub Net: 3x32x32 -> 10; stem unit(16) @ 8x32x32 -> unit(24); head gap @ [24] -> linear(10);
}

fn main() {
    let device = Cpu::default();
    let net = device.build_module::<Net, f32>();
    let _ = net.forward(device.zeros::<Rank4<1, 3, 32, 32>>());
}

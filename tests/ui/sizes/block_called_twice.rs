use cnn_runtime::{network, prelude::*};

network! {
    block unit(out) { conv(out, 3) -> add { conv(out, 3); conv(out, 1); } }
    pub Net: 3x32x32 -> 10;
    stem unit(8);
    body relu @ 8x30x30 -> unit(16);
    head gap @ [16] -> linear(10);
}

fn main() {
    let device = Cpu::default();
    let net = device.build_module::<Net, f32>();
    let _ = net.forward(device.zeros::<Rank4<1, 3, 32, 32>>());
}

use cnn_runtime::{network, prelude::*};

network! {
    pub Net: 3x32x32 -> 10;
    stem conv(choose(8, 16), 3) -> choose { relu; silu; };
    head gap -> linear(10);
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}

use cnn_runtime::{network, prelude::*};

network! {
    block unit(out) { conv1: conv(out, 3) -> rleu }
    pub Net: 3x32x32 -> 10; stem unit(8); head gap -> fc: linear(10);
    pub Other = Net(3);
}

fn use_it<N: Architecture>(_: N) -> u64 {
    N::PARAMS
}

fn main() {
    use_it(Cpu::default().build_module::<Other, f32>().clone());
}

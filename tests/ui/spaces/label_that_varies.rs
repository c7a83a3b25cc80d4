use cnn_runtime::{prelude::*, search_space};

search_space! {
    pub Space: 3x32x32 -> 10;
    body { let k = choose(1, 3); "conv{k}": conv(8, k) };
    head gap -> linear(10);
}

fn main() {
    let _ = Space::SIZE;
}

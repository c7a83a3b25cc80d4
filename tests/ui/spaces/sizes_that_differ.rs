use cnn_runtime::{prelude::*, search_space};

search_space! {
    pub Space: 3x32x32 -> 10;
    body { let out = choose(8, 16); conv(16, 3, pad = 1) -> add { conv(out, 1); identity; } };
    head gap -> linear(10);
}

fn main() {
    let _ = Space::SIZE;
}

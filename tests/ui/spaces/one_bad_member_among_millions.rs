use cnn_runtime::{prelude::*, search_space};

search_space! {
    block unit(out) { add { conv(out, choose(1, 3, 5), pad = same); identity; } -> choose { relu; silu; tanh; } }
    pub Space: 3x32x32 -> 10;
    stem conv(16, 3, stride = choose(1, 2), pad = 1);
    body unit(16) * 6 -> first: { let groups = choose(1, 2, 4, 6); conv(32, 3, groups = groups) } -> relu;
    head gap -> linear(10);
}

fn main() {
    let _ = Space::SIZE;
}

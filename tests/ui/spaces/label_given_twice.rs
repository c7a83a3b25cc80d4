use cnn_runtime::{prelude::*, search_space};

search_space! {
    pub Space: 3x32x32 -> 10;
    body a: choose { relu; conv(8, 3); } -> a: conv(choose(8, 16), 3);
    head gap -> linear(10);
}

fn main() {
    let _ = Space::SIZE;
}

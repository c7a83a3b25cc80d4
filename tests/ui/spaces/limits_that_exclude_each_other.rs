use cnn_runtime::{prelude::*, search_space};

search_space! {
    pub Space: 3x32x32 -> 10;
    body conv(choose(8, 16, 32), 1);
    head gap -> linear(10);
    where params <= 300, macs >= 90K;
}

fn main() {
    let _ = Space::SIZE;
}

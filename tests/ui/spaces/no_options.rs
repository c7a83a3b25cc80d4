use cnn_runtime::{prelude::*, search_space};

search_space! {
    pub Space: 3x32x32 -> 10;
    body conv(choose(), 3) -> choose { };
    head gap -> linear(10);
}

fn main() {
    let _ = Space::SIZE;
}

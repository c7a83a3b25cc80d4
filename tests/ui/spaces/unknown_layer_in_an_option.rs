use cnn_runtime::{prelude::*, search_space};

search_space! {
    pub Space: 3x32x32 -> 10;
    body choose { conv(8, 3); max_pool(2); };
    head gap -> linear(10);
}

fn main() {
    let _ = Space::SIZE;
}

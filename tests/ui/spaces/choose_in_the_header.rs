use cnn_runtime::{prelude::*, search_space};

search_space! {
    pub Space(classes = choose(10, 100)): 3x32x32 -> classes;
    body conv(8, 3);
    head gap -> linear(classes);
}

fn main() {
    let _ = Space::SIZE;
}

//! What is imported is a type: rustc looks for a definition of that path.

use cnn_runtime::network;

network! {
    use std::vec::Vec;
    pub Type: 3x32x32 -> 10;
    head Vec(8) -> gap -> linear(10);
}

fn main() {}

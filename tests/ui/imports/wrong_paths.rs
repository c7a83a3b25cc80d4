//! rustc says what is wrong with a path, on the path.

use cnn_runtime::network;

network! {
    use cnn_runtime::zoo::bottelneck;
    pub Block: 3x32x32 -> 10;
    head bottelneck(8) -> gap -> linear(10);
}

network! { pub Instance = cnn_runtime::zoo::ResNet17; }

fn main() {}

//! A space, an instance of one, a member as a network.

use cnn_runtime::space::Genome;
use cnn_runtime::{prelude::*, search_space};

mod blocks {
    cnn_runtime::search_space! {
        pub block unit(out) { conv(out, choose(1, 3), pad = same) -> bn -> choose { relu; silu; } }
    }
}

search_space! {
    use blocks::unit;

    /// Two units.
    pub Space(classes = 10): 3x16x16 -> classes;
    body first: unit(8) -> second: unit(choose(8, 16));
    head gap -> linear(classes);
    where params <= 1500;
}

search_space! { Other = Space(classes = 3): 1x8x8; }

fn main() {
    assert_eq!((Space::SIZE, Space::NAME), (32, "Space"));
    assert_eq!(Space::LOG2_SIZE, 5.0);
    let genome: Genome = "0.0.0.0.1".parse().unwrap();
    assert_eq!(Space::genes()[0].name, "first.conv.kernel");
    assert!(Space::space().contains(&genome));
    assert!(Space::source(&genome).unwrap().contains("use") == false);
    assert_eq!(Space::graph(&genome).unwrap().output_shape().dims(), [10]);
    assert_eq!(Other::space().input_shape().dims(), [1, 8, 8]);
    assert_eq!(Other::graph(&genome).unwrap().output_shape().dims(), [3]);
}

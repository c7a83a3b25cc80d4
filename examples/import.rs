//! A block from another crate: `inception` is defined in examples/blocks and checked here, in this network.
//!
//! ```text
//! cargo run --release --example import
//! ```

use cnn_examples::Failure;
use cnn_runtime::network;
use cnn_runtime::prelude::*;

network! {
    use example_blocks::inception;
    use example_blocks::conv_bn as unit;

    /// Two inception blocks behind a stem.
    pub SmallInception(classes = 10): 3x32x32 -> classes;
    stem unit(16, 3) -> maxpool(2)                          @ 16x16x16;
    body block1: inception(16, [8, 16], [4, 8], 8)          @ 48x16x16;
         maxpool(2);
         block2: inception(24, [16, 32], [4, 8], 8)         @ 72x8x8;
    head gap -> dropout(0.2) -> fc: linear(classes);
}

// Another crate's network with another head, another input.
network! { pub Pets = cnn_runtime::zoo::ResNet18(classes = 37): 3x128x128; }

fn main() -> Result<(), Failure> {
    let device = Cpu::seed_from_u64(0);
    let net = device.build_module::<SmallInception, f32>();
    let logits = net.forward(device.sample_normal::<Rank4<2, 3, 32, 32>>());
    println!("{net:?}");
    println!("logits of two images: {:?}", logits.array().map(|row| row.map(|x| (x * 100.0).round() / 100.0)));
    println!("{} parameters in a ResNet-18 for 37 classes", <Pets>::PARAMS);
    println!("{}", <SmallInception>::SOURCE);
    Ok(())
}

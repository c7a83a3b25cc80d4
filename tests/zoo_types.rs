//! Ready-made types of the zoo: with a family's feature one path is the type, the definition and the source.

use cnn_runtime::prelude::*;
use cnn_runtime::{network, zoo};

network! {
    /// The definition behind the type's path.
    pub Letters = cnn_runtime::zoo::LeNet5(classes = 26);
    pub SmallHighway = cnn_runtime::zoo::HighwayCNN(classes = 3): 3x16x16;
}

#[test]
fn a_type_runs() {
    let device = Cpu::default();
    let net = device.build_module::<zoo::LeNet5, f32>();
    let logits = net.forward(device.sample_normal::<Rank4<2, 1, 28, 28>>());
    assert_eq!(logits.shape(), &(Const::<2>, Const::<10>));
    assert!(logits.as_vec().iter().all(|x| x.is_finite()));
    let gates = device.build_module::<zoo::HighwayCNN, f32>();
    let logits = gates.forward(device.sample_normal::<Rank4<1, 3, 32, 32>>());
    assert!(logits.as_vec().iter().all(|x| x.is_finite()));
}

#[test]
fn type_definition_and_source_agree() {
    let source = cnn_lang::load(zoo::LeNet5, None).expect("the source");
    assert_eq!(<zoo::LeNet5>::graph().expect("the type's"), source);
    assert_eq!((<zoo::LeNet5>::PARAMS, <zoo::LeNet5>::MACS), (61_706, 416_520));
    assert_eq!(<zoo::LeNet5Paper>::PARAMS, 61_750);
    assert_eq!(<Letters>::PARAMS, 61_706 + 16 * 85);
    assert_eq!((<SmallHighway>::INPUT, <SmallHighway>::OUTPUT), (&[3, 16, 16][..], &[3][..]));
}

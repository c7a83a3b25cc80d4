//! Graphs of every form, run both ways.

use cnn_runtime::network;
use cnn_runtime::prelude::*;

network! {
    block cell(tensor prev, out) { add { left: conv(out, 1); from prev -> right: conv(out, 1); } }

    /// A tap from far away, labels that are no identifiers, two auxiliary outputs.
    pub Tapped: 3x8x8 -> 10;
    stem tap early -> "conv-1": conv(4, 3, pad = 1) -> relu;
    body "1x1": cell(early, 6) -> aux1: aux { gap -> fc: linear(3) }
         -> cell(prev = early, out = 6) -> aux { gap -> final: linear(10) };
    head gap -> type: linear(10);

    /// Nothing is learned.
    pub Pooled: 3x8x8 -> 3;
    stem maxpool(2);
    head gap;
}

fn main() {
    let device = Cpu::default();
    let mut net = device.build_module::<Tapped, f32>();
    let x = device.sample_normal::<Rank4<2, 3, 8, 8>>();
    assert_eq!(net.conv_1.weight.shape().concrete(), [4, 3, 3, 3]);
    assert_eq!(net._1x1.left.weight.shape().concrete(), [6, 4, 1, 1]);
    assert_eq!(net._type.weight.shape().concrete(), [10, 6]);
    let (logits, (first, second)) = net.forward_aux(x.clone());
    assert_eq!(net.forward(x.clone()).as_vec(), logits.as_vec());
    assert_eq!((first.shape(), second.shape()), (&(Const::<2>, Const::<3>), &(Const::<2>, Const::<10>)));
    let gradients = net.alloc_grads();
    let (logits, (first, second)) = net.forward_mut(x.traced(gradients));
    let loss = logits.square().mean() + first.square().mean() + second.square().mean();
    let gradients = loss.backward();
    assert!(gradients.get(&net.aux1.fc.weight).as_vec().iter().any(|slope| *slope != 0.0));

    let mut pooled = device.build_module::<Pooled, f32>();
    let x = device.ones::<Rank4<1, 3, 8, 8>>();
    assert_eq!(pooled.forward(x.clone()).as_vec(), [1.0; 3]);
    assert_eq!(pooled.forward_mut(x.leaky_trace()).as_vec(), [1.0; 3]);
    assert_eq!(<Pooled>::PARAMS, 0);
}

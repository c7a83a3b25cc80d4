use cnn_runtime::{network, prelude::*};

network! {
    pub Net: 3x32x32 -> 10;
    body conv(8, 3) -> aux { gap -> linear(7) } -> aux { linear(3) };
    head gap -> linear(10);
}

fn main() {
    let mut net = Cpu::default().build_module::<Net, f32>();
    let x = Cpu::default().sample_normal::<Rank4<2, 3, 32, 32>>();
    let _ = (net.features(x.clone()).shape(), net.forward_aux(x.clone()).1.0.shape());
    let (_, (first, _second)) = net.forward_mut(x.traced(net.alloc_grads()));
    assert_eq!(first.shape().concrete(), [2, 7]);
}

//! Networks as their users meet them: typed, trained, named, imported.

use cnn_runtime::network;
use cnn_runtime::prelude::*;

network! {
    /// The residual unit. He et al. 2015, fig. 2.
    pub block basic(out, stride = 1) {
        add {
            { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(out, 3, pad = 1, bias = false) -> bn2: bn };
            { if stride != 1 || in.channels != out { downsample: { conv(out, 1, stride, bias = false) -> bn } } };
        } -> relu
    }

    /// ResNet-18. He et al. 2015, table 1.
    pub ResNet18(classes = 1000): 3x224x224 -> classes;
    stem conv1: conv(64, 7, stride = 2, pad = 3, bias = false) -> bn1: bn -> relu -> maxpool(3, stride = 2, pad = 1);
    body layer1: { basic(64)              -> basic(64)  }   @ 64x56x56;
         layer2: { basic(128, stride = 2) -> basic(128) }   @ 128x28x28;
         layer3: { basic(256, stride = 2) -> basic(256) }   @ 256x14x14;
         layer4: { basic(512, stride = 2) -> basic(512) }   @ 512x7x7;
    head gap -> fc: linear(classes);
    where params <= 12M, macs <= 2G;
}

network! { pub Pets = cnn_runtime::zoo::ResNet18(classes = 37): 3x128x128; }

#[test]
fn resnet18_runs_both_ways() {
    let device = Cpu::default();
    let mut net = device.build_module::<Pets, f32>();
    assert_eq!(<ResNet18>::PARAMS, 11_689_512);
    assert_eq!(<ResNet18>::MACS, 1_814_073_344);
    let x = device.sample_normal::<Rank4<2, 3, 128, 128>>();
    let logits = net.forward(x.clone());
    assert_eq!(logits.shape(), &(Const::<2>, Const::<37>));
    let features = net.features(x.clone());
    assert_eq!(features.shape().concrete(), [2, 512, 4, 4]);
    let gradients = net.alloc_grads();
    let loss = net.forward_mut(x.traced(gradients)).square().mean();
    let gradients = loss.backward();
    let slope = gradients.get(&net.layer4._1.conv1.weight);
    assert!(slope.as_vec().iter().any(|g| *g != 0.0));
    println!("{net:?}");
}

/// A module of a user's: the channels of every pixel through a linear layer.
mod pixels {
    use cnn_runtime::prelude::*;
    use cnn_runtime::{Custom, Device, ModuleVisitor, TensorCollection, TensorOptions};

    #[derive(Clone, Debug)]
    pub struct Mix<const IN: usize, const OUT: usize, E: Dtype, D: Storage<E>> {
        pub weight: Tensor<Rank2<IN, OUT>, E, D>,
    }

    impl<const IN: usize, const OUT: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Mix<IN, OUT, E, D> {
        type To<E2: Dtype, D2: Device<E2>> = Mix<IN, OUT, E2, D2>;
        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(v: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let weight = Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_to_ones());
            v.visit_fields(weight, |weight| Mix { weight })
        }
    }

    impl<B: Dim, const IN: usize, const OUT: usize, const H: usize, const W: usize, E: Dtype, D, T: Tape<E, D>>
        Module<Tensor<(B, Const<IN>, Const<H>, Const<W>), E, D, T>> for Mix<IN, OUT, E, D>
    where
        D: Device<E>,
    {
        type Output = Tensor<(B, Const<OUT>, Const<H>, Const<W>), E, D, T>;
        type Error = D::Err;
        fn try_forward(&self, x: Tensor<(B, Const<IN>, Const<H>, Const<W>), E, D, T>) -> Result<Self::Output, D::Err> {
            let (b, ..) = *x.shape();
            let x =
                x.try_reshape_like(&(b, Const::<IN>, H * W))?.try_permute::<(B, usize, Const<IN>), Axes3<0, 2, 1>>()?;
            let y = x.try_matmul(self.weight.retaped::<T>())?;
            y.try_permute::<(B, Const<OUT>, usize), Axes3<0, 2, 1>>()?.try_reshape_like(&(b, Const, Const, Const))
        }
    }

    impl<const IN: usize, const OUT: usize, E: Dtype, D: Storage<E>> NonMutableModule for Mix<IN, OUT, E, D> {}

    impl<B: Dim, const IN: usize, const OUT: usize, const H: usize, const W: usize, E: Dtype, D: Storage<E>>
        Custom<Map<B, IN, H, W, E, D>> for Mix<IN, OUT, E, D>
    {
        const PARAMS: u64 = (IN * OUT) as u64;
        const MACS: u64 = (IN * OUT * H * W) as u64;
    }
}

network! {
    block mixed(out) { mix: custom self::pixels::Mix(in.channels, out) @ [out, in.height, in.width] -> relu }

    /// Two modules of a user's, one of them in a block.
    Mixed(classes = 3): 2x4x4 -> classes;
    body custom pixels::Mix(2, 5) @ 5x4x4 -> mixed(6);
    head gap -> linear(classes);
}

#[test]
fn modules_of_users_are_typed_counted_named_and_trained() {
    let device = Cpu::seed_from_u64(7);
    let mut net = device.build_module::<Mixed, f64>();
    assert_eq!(<Mixed>::PARAMS, 2 * 5 + 5 * 6 + 6 * 3 + 3);
    assert_eq!(<Mixed>::MACS, 16 * (2 * 5 + 5 * 6) + 6 * 3);
    let names = ["body.0.weight", "body.1.mix.weight", "head.1.weight", "head.1.bias"];
    assert_eq!(cnn_runtime::weights::names(&net), names);
    let x: Tensor<Rank4<2, 2, 4, 4>, f64, _> = device.sample_normal();
    let gradients = net.alloc_grads();
    let logits = net.forward_mut(x.clone().traced(gradients));
    let (trained, plain) = (logits.as_vec(), net.forward(x).as_vec());
    assert_eq!(trained, plain);
    let gradients = logits.square().mean().backward();
    for slope in [gradients.get(&net.body._0.weight).as_vec(), gradients.get(&net.body._1.mix.weight).as_vec()] {
        assert!(slope.iter().any(|g| *g != 0.0), "the tape passes through the module");
    }
    println!("custom modules: {} parameters, names {names:?}", <Mixed>::PARAMS);
}

network! {
    use cnn_runtime::blocks::conv_bn_relu;
    use cnn_runtime::blocks::separable;
    use cnn_runtime::blocks::squeeze_excite as se;

    /// The library's own blocks.
    Shared(classes = 4): 3x16x16 -> classes;
    stem conv_bn_relu(8, 3, stride = 2)                                     @ 8x8x8;
    body separable(12, stride = 2) -> se(4) -> se(4, swish = true, hard = true)   @ 12x4x4;
    head gap -> linear(classes);
}

#[test]
fn blocks_of_the_library_run() {
    let net = Cpu::seed_from_u64(1).build_module::<Shared, f32>();
    let logits = net.forward(Cpu::default().ones::<Rank4<2, 3, 16, 16>>()).as_vec();
    assert!(logits.iter().all(|logit| logit.is_finite()) && logits.len() == 8);
    let convolutions = (3 * 8 * 9 + 16) + (8 * 9 + 16) + (8 * 12 + 24);
    assert_eq!(<Shared>::PARAMS, convolutions + 2 * (12 * 4 + 4 + 4 * 12 + 12) + 12 * 4 + 4);
    println!("blocks of the library: {} parameters", <Shared>::PARAMS);
}

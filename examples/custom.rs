//! A module of one's own inside a network: attention over the pixels of a feature map.
//!
//! ```text
//! cargo run --release --example custom
//! ```

use clap::Parser;
use cnn_examples::{Args, Failure, Training, accuracy};
use cnn_runtime::data::Batch;
use cnn_runtime::prelude::*;
use cnn_runtime::{Custom, Device, ModuleVisitor, TensorCollection, TensorOptions, network};

/// Every pixel gathers from all others: `x + softmax(q kᵀ / √C) v`. Wang et al. 2017 (non-local networks).
#[derive(Clone, Debug)]
pub struct Attention<const C: usize, E: Dtype, D: Storage<E>> {
    /// Queries, keys and values from the channels of a pixel: `[C, C]` each.
    pub query: Tensor<Rank2<C, C>, E, D>,
    /// See `query`.
    pub key: Tensor<Rank2<C, C>, E, D>,
    /// See `query`; starts at 0, so that the module begins as the identity.
    pub value: Tensor<Rank2<C, C>, E, D>,
}

impl<const C: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Attention<C, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Attention<C, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("query", |s| &s.query, |s| &mut s.query, TensorOptions::reset_with(small)),
                Self::tensor("key", |s| &s.key, |s| &mut s.key, TensorOptions::reset_with(small)),
                Self::tensor("value", |s| &s.value, |s| &mut s.value, TensorOptions::reset_to_zeros()),
            ),
            |(query, key, value)| Attention { query, key, value },
        )
    }
}

/// Uniform between -0.1 and 0.1, from the device's own generator.
fn small<S: Shape, E: Dtype, D: Device<E>>(tensor: &mut Tensor<S, E, D>) -> Result<(), D::Err> {
    let device = tensor.device().clone();
    let draw =
        |_| E::from_f64((device.random_u64() >> 11) as f64 / (1u64 << 53) as f64 * 0.2 - 0.1).unwrap_or_default();
    tensor.copy_from(&(0..tensor.shape().num_elements()).map(draw).collect::<Vec<_>>());
    Ok(())
}

impl<B: Dim, const C: usize, const H: usize, const W: usize, E: Dtype, D: Device<E>, T: Tape<E, D>>
    Module<Tensor<(B, Const<C>, Const<H>, Const<W>), E, D, T>> for Attention<C, E, D>
{
    type Output = Tensor<(B, Const<C>, Const<H>, Const<W>), E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<(B, Const<C>, Const<H>, Const<W>), E, D, T>) -> Result<Self::Output, D::Err> {
        let (shape, pixels) = (*x.shape(), H * W);
        let batch = shape.0;
        let rows = x
            .retaped::<T>()
            .try_reshape_like(&(batch, Const::<C>, pixels))?
            .try_permute::<(B, usize, Const<C>), Axes3<0, 2, 1>>()?;
        let query = rows.retaped::<T>().try_matmul(self.query.retaped::<T>())?;
        let key = rows.retaped::<T>().try_matmul(self.key.retaped::<T>())?;
        let value = rows.try_matmul(self.value.retaped::<T>())?;
        let scale = E::from_f64((C as f64).sqrt()).unwrap_or(E::ONE);
        let scores = query.try_matmul(key.try_permute::<(B, Const<C>, usize), Axes3<0, 2, 1>>()?)?.try_div(scale)?;
        let gathered = scores.try_softmax::<Axis<2>>()?.try_matmul(value)?;
        let gathered = gathered.try_permute::<(B, Const<C>, usize), Axes3<0, 2, 1>>()?.try_reshape_like(&shape)?;
        x.try_add(gathered)
    }
}

impl<const C: usize, E: Dtype, D: Storage<E>> NonMutableModule for Attention<C, E, D> {}

impl<B, const C: usize, const H: usize, const W: usize, E: Dtype, D: Storage<E>> Custom<Map<B, C, H, W, E, D>>
    for Attention<C, E, D>
where
    B: Dim,
{
    const PARAMS: u64 = 3 * (C * C) as u64;
    const MACS: u64 = (3 * C * C * H * W + 2 * C * H * W * H * W) as u64;
}

network! {
    /// A small network whose pixels look at one another once.
    pub Attentive(classes = 10): 1x28x28 -> classes;
    stem conv1: conv(16, 5, stride = 2, pad = 2, bias = false) -> bn1: bn -> relu          @ 16x14x14;
    body conv2: conv(24, 3, stride = 2, pad = 1, bias = false) -> bn2: bn -> relu          @ 24x7x7;
         attention: custom Attention(in.channels)                                          @ 24x7x7;
    head flatten -> fc: linear(classes);
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let (train, test) = args.images(<Attentive>::INPUT, [6_000, 1_000])?;
    let device = Cpu::seed_from_u64(args.seed);
    let mut net = device.build_module::<Attentive, f32>();
    println!("{} parameters, {} multiply-adds", <Attentive>::PARAMS, <Attentive>::MACS);

    let images = |batch: &Batch| device.tensor_from_vec(batch.images.clone(), (batch.len(), Const, Const, Const));
    let mut adam = Adam::new(&net, AdamConfig { lr: 3e-3, ..AdamConfig::default() });
    let mut gradients = net.alloc_grads();
    let mut training = Training::new(&train, 50, args.epochs.unwrap_or(3), args.seed);
    while let Some(batch) = training.next_batch() {
        adam.cfg.lr = training.cosine(3e-3);
        let target = device.tensor_from_vec(batch.one_hot(10), (batch.len(), Const::<10>));
        let logits = net.forward_mut(images(&batch).traced(gradients));
        let values = logits.as_vec();
        let loss = cross_entropy_with_logits_loss(logits, target);
        training.record(&batch, loss.array(), &values);
        gradients = loss.backward();
        adam.update(&mut net, &gradients)?;
        net.zero_grads(&mut gradients);
    }
    println!("test accuracy: {:.2} %", accuracy(&test, |batch| net.forward(images(batch)).as_vec()));
    Ok(())
}

//! A network, its training and its weights, in one page.
//!
//! ```text
//! cargo run --release --example quickstart
//! cargo run --release --example quickstart -- --data mnist:DIR --epochs 3
//! ```

use clap::Parser;
use cnn_examples::{Args, Failure, Training, accuracy};
use cnn_runtime::data::Batch;
use cnn_runtime::prelude::*;
use cnn_runtime::{network, weights};

network! {
    /// LeNet-5 with today's layers: ReLU, maximum pooling, batch normalisation. After LeCun et al. 1998.
    pub LeNet(classes = 10): 1x28x28 -> classes;
    stem conv1: conv(16, 5, pad = 2, bias = false) -> bn1: bn -> relu -> maxpool(2)   @ 16x14x14;
    body conv2: conv(32, 5, bias = false)          -> bn2: bn -> relu -> maxpool(2)   @ 32x5x5;
    head flatten -> fc1: linear(120) -> relu -> fc2: linear(84) -> relu -> fc3: linear(classes);
    where params <= 150K, macs <= 2M;
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let (train, test) = args.images(<LeNet>::INPUT, [10_000, 2_000])?;
    let device = Cpu::seed_from_u64(args.seed);
    let mut net = device.build_module::<LeNet, f32>();
    println!("{net:?}");

    let images = |batch: &Batch| device.tensor_from_vec(batch.images.clone(), (batch.len(), Const, Const, Const));
    let (momentum, weight_decay) = (Some(Momentum::Nesterov(0.9)), Some(WeightDecay::L2(5e-4)));
    let mut sgd = Sgd::new(&net, SgdConfig { lr: 0.05, momentum, weight_decay });
    let mut gradients = net.alloc_grads();
    let mut training = Training::new(&train, 64, args.epochs.unwrap_or(3), args.seed);
    while let Some(batch) = training.next_batch() {
        sgd.cfg.lr = training.cosine(0.05);
        let target = device.tensor_from_vec(batch.one_hot(10), (batch.len(), Const::<10>));
        let logits = net.forward_mut(images(&batch).traced(gradients));
        let values = logits.as_vec();
        let loss = cross_entropy_with_logits_loss(logits, target);
        training.record(&batch, loss.array(), &values);
        gradients = loss.backward();
        sgd.update(&mut net, &gradients)?;
        net.zero_grads(&mut gradients);
    }

    weights::save(&net, &args.weights)?;
    let mut reloaded = device.build_module::<LeNet, f32>();
    weights::load(&mut reloaded, &args.weights)?;
    let found = accuracy(&test, |batch| net.forward(images(batch)).as_vec());
    let again = accuracy(&test, |batch| reloaded.forward(images(batch)).as_vec());
    if found != again {
        return Err(format!("reloaded weights reach {again:.2} %, not {found:.2} %").into());
    }
    println!("weights: {} (reloaded: same accuracy)", args.weights.display());
    println!("test accuracy: {found:.2} %");
    Ok(())
}

//! Blocks and residuals on colour images: a small ResNet of He et al. 2015, section 4.2.
//!
//! ```text
//! cargo run --release --example residual
//! ```

use clap::Parser;
use cnn_examples::{Args, Failure, Training, accuracy};
use cnn_runtime::data::Batch;
use cnn_runtime::prelude::*;
use cnn_runtime::{network, weights};

network! {
    /// Two convolutions beside a shortcut, which is projected where sizes change.
    block unit(out, stride = 1) {
        add {
            { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(out, 3, pad = 1, bias = false)      -> bn2: bn };
            { if stride != 1 || in.channels != out { shortcut: { conv(out, 1, stride, bias = false) -> bn } } };
        } -> relu
    }

    /// A residual network for 32×32 colour images, `units` units a stage.
    pub SmallResNet(classes = 10, units = 2): 3x32x32 -> classes;
    stem conv1: conv(8, 3, stride = 2, pad = 1, bias = false) -> bn1: bn -> relu              @ 8x16x16;
    body stage1: unit(8) * units                                                              @ 8x16x16;
         stage2: { unit(16, stride = 2) -> unit(16) * (units - 1) }                           @ 16x8x8;
         stage3: { unit(32, stride = 2) -> unit(32) * (units - 1) }                           @ 32x4x4;
    head gap -> fc: linear(classes);
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let (train, test) = args.images(<SmallResNet>::INPUT, [6_000, 1_000])?;
    let device = Cpu::seed_from_u64(args.seed);
    let mut net = device.build_module::<SmallResNet, f32>();
    weights::init::kaiming_normal(&mut net, weights::init::Mode::FanOut, args.seed)?;
    println!("{}", SmallResNet::<f32, Cpu>::graph().map_err(|errors| errors[0].to_string())?.table());

    let images = |batch: &Batch| device.tensor_from_vec(batch.images.clone(), (batch.len(), Const, Const, Const));
    let mut adam = Adam::new(&net, AdamConfig { lr: 3e-3, ..AdamConfig::default() });
    let mut averaged = weights::Ema::new(&net, 0.99)?.with_warm_up();
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
        averaged.update(&net)?;
    }

    let plain = accuracy(&test, |batch| net.forward(images(batch)).as_vec());
    let mean = accuracy(&test, |batch| averaged.module().forward(images(batch)).as_vec());
    println!("test accuracy: {plain:.2} %, of the averaged weights {mean:.2} %");
    Ok(())
}

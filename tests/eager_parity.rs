//! Typed modules against PyTorch: outputs, loss, gradients, running statistics and training steps, in 32 and 64 bits.
//!
//! The fixtures were computed in 64 bits on the same weights. Tolerances in 32 bits are 20 times PyTorch's own error
//! there, and never less than 1e-5.

use cnn_runtime::prelude::*;
use cnn_runtime::weights::{Element, fill_with, named_tensors};
use cnn_tests::gradients::named_gradients;
use cnn_tests::inference::{Case, Inference, Kind};
use cnn_tests::rule;
use cnn_tests::training::{Training, Trajectory};
use dfdx::optim::{Momentum, Optimizer, Sgd, SgdConfig, WeightDecay};

cnn_runtime::network! {
    pub LeNet5 = cnn_runtime::zoo::LeNet5;
    pub ResNet20 = cnn_runtime::zoo::ResNet20Cifar;
}

type Logits<E, T = NoneTape> = Tensor<Rank2<2, 10>, E, Cpu, T>;
type Tape<E> = OwnedTape<E, Cpu>;

/// A network whose outputs and training this test can compare.
trait Net<S: ConstShape, E: Element>:
    TensorCollection<E, Cpu>
    + Module<Tensor<S, E, Cpu>, Output = Logits<E>>
    + ModuleMut<Tensor<S, E, Cpu, Tape<E>>, Output = Logits<E, Tape<E>>>
where
    Cpu: Device<E>,
{
}

impl<S: ConstShape, E: Element, N> Net<S, E> for N
where
    Cpu: Device<E>,
    N: TensorCollection<E, Cpu>
        + Module<Tensor<S, E, Cpu>, Output = Logits<E>>
        + ModuleMut<Tensor<S, E, Cpu, Tape<E>>, Output = Logits<E, Tape<E>>>,
{
}

#[test]
fn lenet5_in_64_bits() {
    let net = Cpu::default().build_module::<LeNet5, f64>();
    compare::<Rank4<2, 1, 28, 28>, f64, _>("lenet5", net);
}

#[test]
fn lenet5_in_32_bits() {
    let net = Cpu::default().build_module::<LeNet5, f32>();
    compare::<Rank4<2, 1, 28, 28>, f32, _>("lenet5", net);
}

#[test]
fn resnet20_in_64_bits() {
    let net = Cpu::default().build_module::<ResNet20, f64>();
    compare::<Rank4<2, 3, 32, 32>, f64, _>("resnet20_cifar", net);
}

#[test]
fn resnet20_in_32_bits() {
    let net = Cpu::default().build_module::<ResNet20, f32>();
    compare::<Rank4<2, 3, 32, 32>, f32, _>("resnet20_cifar", net);
}

fn compare<S: ConstShape, E: Element, N: Net<S, E>>(name: &str, mut net: N)
where
    Cpu: Device<E>,
{
    let expected = Training::load(name);
    assert_eq!(expected.input_shape, S::default().concrete().into_iter().collect::<Vec<_>>());
    fill(&mut net);
    inference::<S, E, N>(&net, Inference::load(name).case(Kind::Native).unwrap());
    gradients::<S, E, N>(&mut net, &expected);
    for trajectory in &expected.trajectories {
        fill(&mut net);
        training::<S, E, N>(&mut net, trajectory, &expected);
    }
}

fn fill<E: Element, N: TensorCollection<E, Cpu>>(net: &mut N)
where
    Cpu: Device<E>,
{
    fill_with(net, |name, shape| rule::tensor(name, shape, rule::GAIN)).unwrap();
}

fn input<S: ConstShape, E: Element>() -> Tensor<S, E, Cpu>
where
    Cpu: Device<E>,
{
    let values = rule::input(S::default().concrete().as_ref());
    Cpu::default().tensor_from_vec(values.into_iter().map(E::narrow).collect(), S::default())
}

/// Mean cross-entropy.
fn loss<E: Element>(logits: Logits<E, Tape<E>>, labels: &[usize]) -> Tensor<Rank0, E, Cpu, Tape<E>>
where
    Cpu: Device<E>,
{
    let mut targets = vec![E::narrow(0.0); 2 * 10];
    for (sample, label) in labels.iter().enumerate() {
        targets[sample * 10 + label] = E::narrow(1.0);
    }
    cross_entropy_with_logits_loss(logits, Cpu::default().tensor_from_vec(targets, Default::default()))
}

/// The tolerance in this precision, where PyTorch's error in 32 bits is `torch_f32`.
fn tolerance<E>(f64_tolerance: f64, torch_f32: f64) -> f64 {
    if size_of::<E>() == 8 { f64_tolerance } else { (20.0 * torch_f32).max(1e-5) }
}

#[track_caller]
fn close(what: &str, found: f64, expected: f64, scale: f64, tolerance: f64) {
    let error = (found - expected).abs() / scale;
    assert!(
        error <= tolerance,
        "{what}: {found} is not {expected}: off by {error:.2e} of {scale:e}, {tolerance:.2e} allowed"
    );
}

fn l2<E: Element>(values: &[E]) -> f64 {
    values.iter().map(|value| value.widen() * value.widen()).sum::<f64>().sqrt()
}

fn inference<S: ConstShape, E: Element, N: Net<S, E>>(net: &N, expected: &Case)
where
    Cpu: Device<E>,
{
    let off = expected.outputs[0].off(&net.forward(input()).as_vec());
    let allowed = tolerance::<E>(1e-8, expected.torch_f32_error);
    assert!(off <= allowed, "logits are off by {off:.2e}, {allowed:.2e} allowed");
}

/// Loss, every gradient and the running statistics of one step.
fn gradients<S: ConstShape, E: Element, N: Net<S, E>>(net: &mut N, expected: &Training)
where
    Cpu: Device<E>,
{
    let (found, gradients) = step::<S, E, N>(net, &expected.labels);
    let own_error = expected.trajectories[0].torch_f32_losses[0] - expected.loss;
    close("loss", found, expected.loss, expected.loss, tolerance::<E>(1e-8, own_error.abs() / expected.loss));

    let gradients = named_gradients(net, &gradients);
    let names: Vec<&String> = gradients.iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), expected.grads.len(), "every parameter has a gradient, nothing else: {names:?}");
    let (total, allowed) = (expected.total_grad_norm, tolerance::<E>(1e-8, expected.torch_f32_grad_error));
    for (name, _, values) in &gradients {
        let [norm, first, sum] = expected.grads[name];
        let found_sum: f64 = values.iter().map(|value| value.widen()).sum();
        close(&format!("length of the gradient of {name}"), l2(values), norm, total, allowed);
        close(&format!("first element of the gradient of {name}"), values[0].widen(), first, total, allowed);
        let scale = total * (values.len() as f64).sqrt();
        close(&format!("sum of the gradient of {name}"), found_sum, sum, scale, allowed);
    }

    let mut statistics = 0;
    for tensor in named_tensors(net) {
        if let Some(&expected) = expected.running_stats.get(&tensor.name) {
            close(&tensor.name, l2(&tensor.data), expected, expected, tolerance::<E>(1e-8, 0.0));
            statistics += 1;
        } else if tensor.is_counter() {
            assert_eq!(tensor.data[0].widen(), 1.0, "{}", tensor.name);
        }
    }
    assert_eq!(statistics, expected.running_stats.len());
    println!("{} gradients, {statistics} running statistics", gradients.len());
}

/// Losses and parameters of three steps.
fn training<S: ConstShape, E: Element, N: Net<S, E>>(net: &mut N, expected: &Trajectory, training: &Training)
where
    Cpu: Device<E>,
{
    let mut sgd = Sgd::new(
        net,
        SgdConfig {
            lr: expected.lr,
            momentum: Some(Momentum::Classic(0.9)),
            weight_decay: Some(WeightDecay::L2(1e-4)),
        },
    );
    for (number, (&loss, &torch_f32)) in expected.losses.iter().zip(&expected.torch_f32_losses).enumerate() {
        let (found, gradients) = step::<S, E, N>(net, &training.labels);
        let own_error = (torch_f32 - loss).abs() / loss;
        let what = format!("loss after {number} steps of {}", expected.lr);
        close(&what, found, loss, loss, tolerance::<E>(1e-6, own_error));
        if number == 3 {
            break;
        }
        sgd.update(net, &gradients).unwrap();
    }
    for tensor in named_tensors(net) {
        if let Some(&norm) = expected.param_l2.get(&tensor.name) {
            close(&tensor.name, l2(&tensor.data), norm, norm, tolerance::<E>(1e-6, 0.0));
        }
    }
    println!("learning rate {}: losses {:?}", expected.lr, expected.losses);
}

/// Loss and gradients of one forward and backward pass.
fn step<S: ConstShape, E: Element, N: Net<S, E>>(net: &mut N, labels: &[usize]) -> (f64, Gradients<E, Cpu>)
where
    Cpu: Device<E>,
{
    let tape = net.alloc_grads();
    let loss = loss(net.forward_mut(input().traced(tape)), labels);
    (loss.as_vec()[0].widen(), loss.backward())
}

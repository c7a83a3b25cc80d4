//! The oracle against the typed modules: outputs, gradients and running statistics to the bit, training steps by the loss.

use cnn_lang::graph::Graph;
use cnn_runtime::prelude::*;
use cnn_runtime::weights::{Element, fill_with, named_tensors};
use cnn_tests::every_layer::{EveryLayer, fixture};
use cnn_tests::gradients::named_gradients;
use cnn_tests::inference::{Inference, Kind, names as recorded};
use cnn_tests::oracle::{self, LossOptions, Named, State};
use cnn_tests::{rule, typed, zoo};
use dfdx::optim::{Momentum, Optimizer, WeightDecay};

cnn_runtime::network! {
    pub LeNet5 = cnn_runtime::zoo::LeNet5;
    pub ResNet20 = cnn_runtime::zoo::ResNet20Cifar;
    pub MobileNetV3Small = cnn_runtime::zoo::MobileNetV3Small: 3x64x64;
    pub EfficientNetB0 = cnn_runtime::zoo::EfficientNetB0: 3x64x64;

    /// What the others do not hold: connections, rectangles, strides of their own, windows that hang over, vectors in joins,
    /// a scope that goes on behind another.
    pub Rest(classes = 3): 2x9x11 -> classes;
    stem conv(4, 3x1, pad = same, stride = 1x2, connect = [[0], [1], [0, 1], [1]])
         -> bn(affine = false, momentum = 0.3) -> dwconv(3, multiplier = 2, pad = 1)                       @ 8x9x6;
    body maxpool(2, ceil = true) -> concat { avgpool(3, stride = 1, pad = 1, count_pad = false); identity; identity; }
         -> conv(6, 1x3, dilation = 1x2, pad = [0, 0, 2, 2], groups = 3, std = true) -> zero(1) -> affine(bias = false)
         -> add { conv(6, 3, pad = 1, bias = false); identity; upsample(2) -> subsample(2); }              @ 6x5x3
         -> upsample(2, bilinear, align_corners = true) -> mul { identity; conv(1, 1); identity; };
    head gap -> mul { identity; identity; select(2, 3); } -> stem: { shuffle(2) -> bn } -> prelu
         -> concat { identity; linear(2, bias = false); } -> ln -> linear(classes);
}

type Tape<E> = OwnedTape<E, Cpu>;
type Logits<E, const N: usize, const K: usize, T = NoneTape> = Tensor<Rank2<N, K>, E, Cpu, T>;

/// A network that delivers a batch of `N` vectors of `K`.
trait Net<S: ConstShape, E: Element, const N: usize, const K: usize>:
    TensorCollection<E, Cpu>
    + Module<Tensor<S, E, Cpu>, Output = Logits<E, N, K>>
    + ModuleMut<Tensor<S, E, Cpu, Tape<E>>, Output = Logits<E, N, K, Tape<E>>>
where
    Cpu: Device<E>,
{
}

impl<S: ConstShape, E: Element, M, const N: usize, const K: usize> Net<S, E, N, K> for M
where
    Cpu: Device<E>,
    M: TensorCollection<E, Cpu>
        + Module<Tensor<S, E, Cpu>, Output = Logits<E, N, K>>
        + ModuleMut<Tensor<S, E, Cpu, Tape<E>>, Output = Logits<E, N, K, Tape<E>>>,
{
}

/// A typed module and its graph with the same weights.
struct Pair<S, E, M> {
    net: M,
    graph: Graph,
    state: State<E>,
    input: Vec<E>,
    shape: S,
}

impl<S: ConstShape, E: Element + cnn_runtime::kernels::Float, M> Pair<S, E, M>
where
    Cpu: Device<E>,
{
    fn new<const N: usize, const K: usize>(mut net: M, source: &str) -> Self
    where
        M: Net<S, E, N, K>,
    {
        fill_with(&mut net, |name, shape| rule::tensor(name, shape, rule::GAIN)).unwrap();
        let graph = cnn_lang::load(source, None).unwrap();
        let state = State::by_rule(&graph, rule::GAIN);
        let shape = S::default();
        let input = rule::input(shape.concrete().as_ref()).into_iter().map(E::narrow).collect();
        let pair = Pair { net, graph, state, input, shape };
        pair.same_state("before anything");
        pair
    }

    fn x(&self) -> Tensor<S, E, Cpu> {
        Cpu::default().tensor_from_vec(self.input.clone(), self.shape)
    }

    /// Parameters, running statistics and counters are the same numbers.
    fn same_state(&self, when: &str)
    where
        M: TensorCollection<E, Cpu>,
    {
        let typed = named_tensors(&self.net);
        assert_eq!(typed.len(), self.graph.tensors().len());
        for tensor in typed {
            same(&format!("{} {when}", tensor.name), &self.state.get(&tensor.name), &tensor.data);
        }
    }

    fn inference<const N: usize, const K: usize>(&self)
    where
        M: Net<S, E, N, K>,
    {
        let outputs = oracle::infer(&self.graph, &|name| self.state.get(name), &self.input, N).unwrap();
        same("logits", &outputs.logits, &self.net.forward(self.x()).as_vec());
        assert_eq!(outputs.nodes.len(), self.graph.nodes.len());
    }

    /// The loss is a weighted sum of the logits, so that their gradient is known to the bit.
    fn gradients<const N: usize, const K: usize>(&mut self)
    where
        M: Net<S, E, N, K>,
    {
        let weights: Vec<E> = rule::tensor("loss.bias", &[N * K], 1.0).into_iter().map(E::narrow).collect();
        let lookup = |name: &str| self.state.get(name);
        let step = oracle::train_with(&self.graph, &lookup, &self.input, N, std::slice::from_ref(&weights)).unwrap();

        let x = self.x();
        let logits = self.net.forward_mut(x.clone().traced(self.net.alloc_grads()));
        same("logits in training", &step.outputs.logits, &logits.as_vec());
        let weights: Logits<E, N, K> = Cpu::default().tensor_from_vec(weights, Default::default());
        let gradients = (logits * weights).sum::<Rank0, _>().backward();
        let typed: Named<E> =
            named_gradients(&self.net, &gradients).into_iter().map(|(name, _, values)| (name, values)).collect();
        assert_eq!(names(&step.gradients), names(&typed));
        for ((name, found), (_, expected)) in step.gradients.iter().zip(&typed) {
            same(&format!("gradient of {name}"), found, expected);
        }
        self.state.set(&step.running);
        self.same_state("behind a step");
        println!("{}: {} gradients equal to the bit", self.graph.name, typed.len());
    }

    /// Steps with cross-entropy. The loss is computed in f64 here and in E there.
    fn training<const N: usize, const K: usize>(&mut self, labels: [usize; N], steps: usize, sgd: [f64; 3])
    where
        M: Net<S, E, N, K>,
    {
        let [lr, momentum, weight_decay] = sgd;
        let mut ours = oracle::Sgd::new(lr, momentum, weight_decay);
        let config = SgdConfig {
            lr,
            momentum: Some(Momentum::Classic(momentum)),
            weight_decay: Some(WeightDecay::L2(weight_decay)),
        };
        let mut theirs = Sgd::new(&self.net, config);
        let mut targets = vec![E::narrow(0.0); N * K];
        for (sample, label) in labels.iter().enumerate() {
            targets[sample * K + label] = E::narrow(1.0);
        }
        let targets: Logits<E, N, K> = Cpu::default().tensor_from_vec(targets, Default::default());
        let allowed = if size_of::<E>() == 8 { 1e-9 } else { 1e-4 };
        let mut worst: f64 = 0.0;
        for number in 0..steps {
            let lookup = |name: &str| self.state.get(name);
            let step = oracle::train(&self.graph, &lookup, &self.input, N, &labels, &LossOptions::default()).unwrap();
            ours.update(&mut self.state, &step);

            let logits = self.net.forward_mut(self.x().traced(self.net.alloc_grads()));
            let loss = cross_entropy_with_logits_loss(logits, targets.clone());
            let expected = loss.as_vec()[0].widen();
            theirs.update(&mut self.net, &loss.backward()).unwrap();
            assert_eq!(step.loss, step.main_loss);
            worst = worst.max((step.loss - expected).abs() / expected);
            assert!(worst <= allowed, "loss after {number} steps: {} is not {expected}", step.loss);
        }
        for tensor in named_tensors(&self.net) {
            let far = distance(&self.state.get(&tensor.name), &tensor.data);
            assert!(far <= 100.0 * allowed, "{} after {steps} steps: off by {far:.1e}", tensor.name);
        }
        println!("{}: {steps} steps, losses off by at most {worst:.1e}", self.graph.name);
    }
}

fn names<E>(named: &Named<E>) -> Vec<&str> {
    named.iter().map(|(name, _)| &name[..]).collect()
}

/// The largest difference, relative to the largest magnitude.
fn distance<E: Element>(found: &[E], expected: &[E]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().map(|value| value.widen().abs()).fold(f64::MIN_POSITIVE, f64::max);
    let differences = found.iter().zip(expected).map(|(a, b)| (a.widen() - b.widen()).abs());
    differences.fold(0.0, f64::max) / largest
}

#[track_caller]
fn same<E: Element>(what: &str, found: &[E], expected: &[E]) {
    assert!(found.iter().all(|value| value.widen().is_finite()), "{what}: not all finite");
    assert_eq!(found.len(), expected.len(), "{what}: length");
    let differing = found.iter().zip(expected).filter(|(a, b)| a.widen() != b.widen()).count();
    let far = distance(found, expected);
    assert_eq!(differing, 0, "{what}: {differing} of {} differ, by at most {far:.1e} of the largest", found.len());
}

/// Inference, gradients, then training steps, in f32 and f64.
macro_rules! compare {
    ($name:ident, $net:ident, $shape:ty, $labels:expr, $steps:expr, $sgd:expr) => {
        #[test]
        fn $name() {
            compare!(@ f32, $net, $shape, $labels, $steps, $sgd);
            compare!(@ f64, $net, $shape, $labels, $steps, $sgd);
        }
    };
    (@ $element:ty, $net:ident, $shape:ty, $labels:expr, $steps:expr, $sgd:expr) => {{
        let net = Cpu::default().build_module::<$net, $element>();
        let mut pair = Pair::<$shape, $element, _>::new(net, <$net>::SOURCE);
        pair.inference();
        pair.gradients();
        pair.inference();
        pair.training($labels, $steps, $sgd);
    }};
}
compare!(every_layer, EveryLayer, Rank4<4, 3, 16, 16>, [0, 3, 1, 4], 10, [0.02, 0.9, 1e-4]);
compare!(the_rest, Rest, Rank4<3, 2, 9, 11>, [0, 2, 1], 5, [0.01, 0.9, 0.0]);
compare!(lenet5, LeNet5, Rank4<2, 1, 28, 28>, [3, 9], 5, [0.1, 0.9, 1e-4]);
compare!(resnet20, ResNet20, Rank4<2, 3, 32, 32>, [3, 9], 2, [0.01, 0.9, 1e-4]);

#[test]
fn mobilenet_v3_small() {
    let net = Cpu::default().build_module::<MobileNetV3Small, f32>();
    Pair::<Rank4<2, 3, 64, 64>, f32, _>::new(net, <MobileNetV3Small>::SOURCE).inference::<2, 1000>();
}

#[test]
fn efficientnet_b0() {
    let net = Cpu::default().build_module::<EfficientNetB0, f32>();
    Pair::<Rank4<2, 3, 64, 64>, f32, _>::new(net, <EfficientNetB0>::SOURCE).inference::<2, 1000>();
}

#[test]
fn ten_steps_of_every_layer_equal_pytorch() {
    let fixture = fixture();
    let graph = cnn_lang::load(<EveryLayer>::SOURCE, None).unwrap();
    let input = rule::input(&fixture.input_shape);
    let mut state = State::<f64>::by_rule(&graph, rule::GAIN);
    let mut sgd = oracle::Sgd::new(fixture.lr, fixture.momentum, 0.0);
    for (number, expected) in fixture.losses.iter().enumerate() {
        let options = LossOptions::default();
        let step = oracle::train(&graph, &|name| state.get(name), &input, 4, &fixture.labels, &options).unwrap();
        let error = (step.loss - expected).abs() / expected;
        assert!(error <= 1e-9, "loss after {number} steps: {} is not {expected}", step.loss);
        if number + 1 < fixture.losses.len() {
            sgd.update(&mut state, &step);
        } else {
            state.set(&step.running);
        }
    }
    for (name, expected) in &fixture.l2 {
        let l2 = state.get(name).iter().map(|value| value * value).sum::<f64>().sqrt();
        assert!((l2 - expected).abs() <= 1e-8 * expected, "length of {name}: {l2} is not {expected}");
    }
}

/// So typed modules give PyTorch's outputs, as far as the oracle's are theirs to the bit.
#[test]
#[ignore = "minutes"]
fn recorded_networks_equal_pytorch() {
    let mut wrong = Vec::new();
    for name in recorded() {
        let Inference { gain, cases, .. } = Inference::load(&name);
        // The smallest comes last.
        let case = cases.last().unwrap();
        let graph = zoo::graph_for(&name, &case.input_shape);
        if graph.costs().params >= typed::BELOW {
            continue;
        }
        let weights = zoo::weights::<f32>(&graph, gain);
        let tensors = |name: &str| weights.get(name).map_or_else(Vec::new, |tensor| tensor.data.clone());
        let (input, batch) = (zoo::images::<f32>(&case.input_shape), case.input_shape[0]);
        let outputs = match case.kind {
            Kind::Native | Kind::Small => oracle::infer(&graph, &tensors, &input, batch).unwrap(),
            Kind::TrainForward => {
                let none = vec![0.0; batch * graph.output_shape().elements()];
                oracle::train_with(&graph, &tensors, &input, batch, &[none]).unwrap().outputs
            }
        };
        let off = case.off(|output| match output {
            "logits" => Some(&outputs.logits),
            _ => outputs.auxiliary.iter().find(|(name, _)| name == output).map(|(_, values)| &values[..]),
        });
        let line = format!("{name:32} {:10} off by {off:.1e}, {:.1e} allowed", case.size(), case.allowed());
        println!("{line}");
        if off > case.allowed() {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

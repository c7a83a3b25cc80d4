//! burn on the CPU.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d, Relu, Sigmoid};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::activation::relu;
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Int, Tensor, TensorData, s};
use networks::{Conv, Step, Unit};
use protocol::{Failure, Peer, Work};

fn main() -> Result<(), Failure> {
    protocol::serve(build)
}

fn build(work: &Work) -> Result<Peer<'_>, Failure> {
    let device = if work.train { Device::flex().autodiff() } else { Device::flex() };
    let steps = networks::network(&work.network, work.classes)?;
    let mut network = Network::new(&steps, &device);
    let parameters = Some((network.num_params() - statistics(&steps)) as u64);
    let [channels, height, width] = work.input;
    let images = TensorData::new(work.images.clone(), [work.batch, channels, height, width]);
    let images = Tensor::<4>::from_data(images, &device);
    if !work.train {
        network = network.valid();
        let step = move || {
            network.forward(images.clone());
            Ok(device.sync()?)
        };
        return Ok(Peer { parameters, planned: None, step: Box::new(step) });
    }
    let labels: Vec<i64> = work.labels.iter().map(|&label| label as i64).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [work.batch]), &device);
    let loss: CrossEntropyLoss = CrossEntropyLossConfig::new().init(&device);
    let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
    let mut optimizer = SgdConfig::new().with_momentum(Some(momentum)).init();
    let mut network = Some(network);
    let step = move || {
        let trained = network.take().ok_or("the last step failed")?;
        let gradients = loss.forward(trained.forward(images.clone()), labels.clone()).backward();
        let gradients = GradientsParams::from_grads(gradients, &trained);
        // A rate at which weights stay what they are.
        network = Some(optimizer.step(1e-9, trained, gradients));
        Ok(device.sync()?)
    };
    Ok(Peer { parameters, planned: None, step: Box::new(step) })
}

/// How many running statistics there are, which burn counts among the parameters.
fn statistics(steps: &[Step]) -> usize {
    let channels = steps.iter().map(|step| match step {
        Step::Norm(channels) => *channels,
        Step::Unit(unit) => unit.outputs * (2 + usize::from(unit.project && unit.resizes())),
        _ => 0,
    });
    2 * channels.sum::<usize>()
}

#[derive(Module, Debug)]
struct Network {
    maps: Vec<Layer>,
    /// Whether the mean of all pixels stands between maps and vectors; else they are flattened.
    mean: bool,
    vectors: Vec<Head>,
}

/// Layers of maps.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
enum Layer {
    Conv(Conv2d),
    Norm(BatchNorm),
    Relu(Relu),
    Sigmoid(Sigmoid),
    AvgPool(AvgPool2d),
    MaxPool(MaxPool2d),
    Unit(Residual),
}

/// Layers of vectors.
#[derive(Module, Debug)]
enum Head {
    Sigmoid(Sigmoid),
    Linear(Linear),
}

#[derive(Module, Debug)]
struct Residual {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    projection: Option<Projection>,
    /// Channels that a shortcut without parameters appends, and every how manieth pixel it takes.
    zeros: usize,
    stride: usize,
}

#[derive(Module, Debug)]
struct Projection {
    conv: Conv2d,
    bn: BatchNorm,
}

impl Network {
    fn new(steps: &[Step], device: &Device) -> Network {
        let (mut maps, mut vectors, mut mean, mut flat) = (Vec::new(), Vec::new(), false, false);
        for step in steps {
            match *step {
                Step::Conv(conv) => maps.push(Layer::Conv(convolution(conv, device))),
                Step::Norm(channels) => maps.push(Layer::Norm(BatchNormConfig::new(channels).init(device))),
                Step::Relu => maps.push(Layer::Relu(Relu::new())),
                Step::Sigmoid if flat => vectors.push(Head::Sigmoid(Sigmoid::new())),
                Step::Sigmoid => maps.push(Layer::Sigmoid(Sigmoid::new())),
                Step::AvgPool => maps.push(Layer::AvgPool(AvgPool2dConfig::new([2, 2]).with_strides([2, 2]).init())),
                Step::MaxPool => {
                    let config = MaxPool2dConfig::new([3, 3]).with_strides([2, 2]);
                    maps.push(Layer::MaxPool(config.with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1)).init()));
                }
                Step::Mean => (mean, flat) = (true, true),
                Step::Flatten => flat = true,
                Step::Linear { inputs, outputs } => {
                    vectors.push(Head::Linear(LinearConfig::new(inputs, outputs).init(device)));
                }
                Step::Unit(unit) => maps.push(Layer::Unit(Residual::new(unit, device))),
            }
        }
        Network { maps, mean, vectors }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = self.maps.iter().fold(images, |x, layer| layer.forward(x));
        let vectors = if self.mean { maps.flatten::<3>(2, 3).mean_dim(2).flatten(1, 2) } else { maps.flatten(1, 3) };
        self.vectors.iter().fold(vectors, |x, layer| match layer {
            Head::Sigmoid(layer) => layer.forward(x),
            Head::Linear(layer) => layer.forward(x),
        })
    }
}

fn convolution(conv: Conv, device: &Device) -> Conv2d {
    let Conv { inputs, outputs, kernel, stride, pad, bias } = conv;
    let config = Conv2dConfig::new([inputs, outputs], [kernel, kernel]).with_stride([stride, stride]).with_bias(bias);
    config.with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad)).init(device)
}

impl Layer {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Layer::Conv(layer) => layer.forward(x),
            Layer::Norm(layer) => layer.forward(x),
            Layer::Relu(layer) => layer.forward(x),
            Layer::Sigmoid(layer) => layer.forward(x),
            Layer::AvgPool(layer) => layer.forward(x),
            Layer::MaxPool(layer) => layer.forward(x),
            Layer::Unit(layer) => layer.forward(x),
        }
    }
}

impl Residual {
    fn new(unit: Unit, device: &Device) -> Residual {
        let [first, second, shortcut] = unit.convs();
        let bn = || BatchNormConfig::new(unit.outputs).init(device);
        let projection =
            (unit.project && unit.resizes()).then(|| Projection { conv: convolution(shortcut, device), bn: bn() });
        Residual {
            conv1: convolution(first, device),
            bn1: bn(),
            conv2: convolution(second, device),
            bn2: bn(),
            projection,
            zeros: unit.outputs - unit.inputs,
            stride: unit.stride,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = relu(self.bn1.forward(self.conv1.forward(x.clone())));
        let y = self.bn2.forward(self.conv2.forward(y));
        let shortcut = match &self.projection {
            Some(Projection { conv, bn }) => bn.forward(conv.forward(x)),
            None if self.zeros > 0 => {
                let step = self.stride as isize;
                let before = self.zeros / 2;
                let kept = x.slice(s![.., .., ..;step, ..;step]);
                kept.pad([(0, 0), (before, self.zeros - before), (0, 0), (0, 0)], PadMode::Constant(0.0))
            }
            None => x,
        };
        relu(shortcut + y)
    }
}

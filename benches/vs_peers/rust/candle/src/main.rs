//! candle on the CPU.

use std::ops::Range;

use candle_core::backprop::GradStore;
use candle_core::{D, DType, Device, Error, Module, ModuleT, Result, Tensor, Var};
use candle_nn::{
    BatchNorm, Conv2d, Conv2dConfig, Linear, VarBuilder, VarMap, batch_norm, conv2d, conv2d_no_bias, linear,
};
use networks::{Conv, Step, Unit};
use protocol::{Failure, Peer, Work};

fn main() -> std::result::Result<(), Failure> {
    protocol::serve(build)
}

fn build(work: &Work) -> std::result::Result<Peer<'_>, Failure> {
    let variables = VarMap::new();
    let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    let steps = networks::network(&work.network, work.classes)?;
    let layers =
        steps.iter().enumerate().map(|(index, step)| layer(step, builder.pp(index))).collect::<Result<Vec<_>>>()?;
    // Running statistics are variables too.
    let learned: Vec<Var> = {
        let all = variables.data().lock().map_err(|_| "nobody else has the variables")?;
        let learned = all.iter().filter(|(name, _)| !name.contains("running_"));
        learned.map(|(_, variable)| variable.clone()).collect()
    };
    let parameters = Some(learned.iter().map(|variable| variable.elem_count() as u64).sum());
    let [channels, height, width] = work.input;
    let images = Tensor::from_slice(&work.images, (work.batch, channels, height, width), &Device::Cpu)?;
    let labels: Vec<u32> = work.labels.iter().map(|&label| label as u32).collect();
    let labels = Tensor::new(labels, &Device::Cpu)?;
    if !work.train {
        // Parameters that are no variables: nothing is kept for a backward pass.
        let layers = layers.into_iter().map(Layer::detached).collect::<Result<Vec<_>>>()?;
        let step = move || {
            forward(&layers, &images, false)?;
            Ok(())
        };
        return Ok(Peer { parameters, planned: None, step: Box::new(step) });
    }
    let mut momentum = Momentum { learned, velocities: Vec::new() };
    let step = move || {
        let loss = candle_nn::loss::cross_entropy(&forward(&layers, &images, true)?, &labels)?;
        momentum.step(&loss.backward()?)?;
        Ok(())
    };
    Ok(Peer { parameters, planned: None, step: Box::new(step) })
}

/// SGD with momentum 0.9, which candle does not have, at a rate at which weights stay what they are.
struct Momentum {
    learned: Vec<Var>,
    velocities: Vec<Tensor>,
}

impl Momentum {
    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        if self.velocities.is_empty() {
            self.velocities = self.learned.iter().map(|variable| variable.zeros_like()).collect::<Result<_>>()?;
        }
        for (variable, velocity) in self.learned.iter().zip(&mut self.velocities) {
            let gradient =
                gradients.get(variable).ok_or_else(|| Error::Msg("a parameter without a gradient".into()))?;
            // A velocity that knew where it comes from would keep every step alive.
            *velocity = ((&*velocity * 0.9)? + gradient.detach())?.detach();
            variable.set(&(variable.as_detached_tensor() - (&*velocity * 1e-9)?)?)?;
        }
        Ok(())
    }
}

enum Layer {
    Conv(Conv2d),
    Norm(BatchNorm),
    Relu,
    Sigmoid,
    AvgPool,
    MaxPool,
    Mean,
    Flatten,
    Linear(Linear),
    Unit(Box<Residual>),
}

/// A residual unit.
struct Residual {
    convs: [(Conv2d, BatchNorm); 2],
    projection: Option<(Conv2d, BatchNorm)>,
    unit: Unit,
}

fn layer(step: &Step, builder: VarBuilder<'_>) -> Result<Layer> {
    Ok(match *step {
        Step::Conv(conv) => Layer::Conv(convolution(conv, builder)?),
        Step::Norm(channels) => Layer::Norm(batch_norm(channels, 1e-5, builder)?),
        Step::Relu => Layer::Relu,
        Step::Sigmoid => Layer::Sigmoid,
        Step::AvgPool => Layer::AvgPool,
        Step::MaxPool => Layer::MaxPool,
        Step::Mean => Layer::Mean,
        Step::Flatten => Layer::Flatten,
        Step::Linear { inputs, outputs } => Layer::Linear(linear(inputs, outputs, builder)?),
        Step::Unit(unit) => {
            let [first, second, shortcut] = unit.convs();
            let normed = |conv: Conv, name: &str| -> Result<(Conv2d, BatchNorm)> {
                let builder = builder.pp(name);
                Ok((convolution(conv, builder.pp("conv"))?, batch_norm(conv.outputs, 1e-5, builder.pp("bn"))?))
            };
            let convs = [normed(first, "first")?, normed(second, "second")?];
            let projection = (unit.project && unit.resizes()).then(|| normed(shortcut, "shortcut")).transpose()?;
            Layer::Unit(Box::new(Residual { convs, projection, unit }))
        }
    })
}

fn convolution(conv: Conv, builder: VarBuilder<'_>) -> Result<Conv2d> {
    let config = Conv2dConfig { padding: conv.pad, stride: conv.stride, ..Default::default() };
    let make = if conv.bias { conv2d } else { conv2d_no_bias };
    make(conv.inputs, conv.outputs, conv.kernel, config, builder)
}

fn forward(layers: &[Layer], images: &Tensor, train: bool) -> Result<Tensor> {
    layers.iter().try_fold(images.clone(), |x, layer| layer.forward(&x, train))
}

impl Layer {
    fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        match self {
            Layer::Conv(conv) => conv.forward(x),
            Layer::Norm(norm) => norm.forward_t(x, train),
            Layer::Relu => x.relu(),
            Layer::Sigmoid => candle_nn::ops::sigmoid(x),
            Layer::AvgPool => x.avg_pool2d(2),
            Layer::MaxPool => {
                // What is pooled here is behind a ReLU: zeros around it are as good as nothing.
                let x = x.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?;
                // candle has no gradient of windows that overlap.
                if train { largest(&largest(&x, 2)?, 3) } else { x.max_pool2d_with_stride(3, 2) }
            }
            Layer::Mean => x.mean((D::Minus2, D::Minus1)),
            Layer::Flatten => x.flatten_from(1),
            Layer::Linear(linear) => linear.forward(x),
            Layer::Unit(unit) => unit.forward(x, train),
        }
    }

    /// The same with parameters of which no gradient is asked.
    fn detached(self) -> Result<Layer> {
        Ok(match self {
            Layer::Conv(conv) => Layer::Conv(detached(&conv)),
            Layer::Norm(norm) => Layer::Norm(detached_norm(&norm)?),
            Layer::Linear(linear) => {
                Layer::Linear(Linear::new(linear.weight().detach(), linear.bias().map(Tensor::detach)))
            }
            Layer::Unit(residual) => {
                let Residual { convs: [first, second], projection, unit } = *residual;
                let pair =
                    |(conv, norm): (Conv2d, BatchNorm)| -> Result<_> { Ok((detached(&conv), detached_norm(&norm)?)) };
                let projection = projection.map(pair).transpose()?;
                Layer::Unit(Box::new(Residual { convs: [pair(first)?, pair(second)?], projection, unit }))
            }
            same @ (Layer::Relu | Layer::Sigmoid | Layer::AvgPool | Layer::MaxPool | Layer::Mean | Layer::Flatten) => {
                same
            }
        })
    }
}

fn detached(conv: &Conv2d) -> Conv2d {
    Conv2d::new(conv.weight().detach(), conv.bias().map(Tensor::detach), *conv.config())
}

fn detached_norm(norm: &BatchNorm) -> Result<BatchNorm> {
    let (mean, variance) = (norm.running_mean().detach(), norm.running_var().detach());
    let channels = mean.elem_count();
    match norm.weight_and_bias() {
        Some((weight, bias)) => BatchNorm::new(channels, mean, variance, weight.detach(), bias.detach(), norm.eps()),
        None => BatchNorm::new_no_bias(channels, mean, variance, norm.eps()),
    }
}

impl Residual {
    fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let [(conv1, bn1), (conv2, bn2)] = &self.convs;
        let y = bn1.forward_t(&conv1.forward(x)?, train)?.relu()?;
        let y = bn2.forward_t(&conv2.forward(&y)?, train)?;
        let Unit { inputs, outputs, stride, .. } = self.unit;
        let shortcut = match &self.projection {
            Some((conv, bn)) => bn.forward_t(&conv.forward(x)?, train)?,
            None if self.unit.resizes() => {
                let (before, zeros) = ((outputs - inputs) / 2, outputs - inputs);
                let rows = every(stride, x, 2, 0..x.dim(2)?)?;
                every(stride, &rows, 3, 0..x.dim(3)?)?.pad_with_zeros(1, before, zeros - before)?
            }
            None => x.clone(),
        };
        (shortcut + y)?.relu()
    }
}

/// The largest of three neighbours, of every second row or column.
fn largest(x: &Tensor, dimension: usize) -> Result<Tensor> {
    let windows = (x.dim(dimension)? - 3) / 2 + 1;
    let third = |from: usize| every(2, x, dimension, from..from + 2 * windows - 1);
    third(0)?.maximum(&third(1)?)?.maximum(&third(2)?)
}

/// Every `stride`th of these rows or columns.
fn every(stride: usize, x: &Tensor, dimension: usize, range: Range<usize>) -> Result<Tensor> {
    let kept: Vec<u32> = range.step_by(stride).map(|index| index as u32).collect();
    x.index_select(&Tensor::new(kept, x.device())?, dimension)
}

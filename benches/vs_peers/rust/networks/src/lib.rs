//! Networks as lists of layers, for peers that have no zoo of these: each makes its own layers of them.

/// One layer, or a residual unit of layers.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Conv(Conv),
    /// Batch normalisation of so many channels.
    Norm(usize),
    Relu,
    Sigmoid,
    /// The mean of 2×2 pixels.
    AvgPool,
    /// The largest of 3×3 pixels, stride 2, one pixel of padding.
    MaxPool,
    /// The mean of all pixels: no height and width are left.
    Mean,
    Flatten,
    Linear {
        inputs: usize,
        outputs: usize,
    },
    Unit(Unit),
}

/// A square convolution.
#[derive(Clone, Copy, Debug)]
pub struct Conv {
    pub inputs: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub stride: usize,
    pub pad: usize,
    pub bias: bool,
}

/// Two 3×3 convolutions and a shortcut. He et al. 2015, fig. 2.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    pub inputs: usize,
    pub outputs: usize,
    pub stride: usize,
    /// Whether a shortcut between sizes is a 1×1 convolution (option B), or skips pixels and appends zeros (option A).
    pub project: bool,
}

impl Unit {
    /// Whether what the unit adds is of another size than what it takes.
    pub fn resizes(&self) -> bool {
        self.inputs != self.outputs || self.stride != 1
    }

    /// The convolutions of the unit: 3×3 from the input, 3×3 behind it, 1×1 of the shortcut.
    pub fn convs(&self) -> [Conv; 3] {
        let Unit { inputs, outputs, stride, .. } = *self;
        let first = conv(inputs, outputs, 3, stride, 1);
        [first, conv(outputs, outputs, 3, 1, 1), Conv { kernel: 1, pad: 0, ..first }]
    }
}

fn conv(inputs: usize, outputs: usize, kernel: usize, stride: usize, pad: usize) -> Conv {
    Conv { inputs, outputs, kernel, stride, pad, bias: false }
}

/// A network by the zoo's name.
///
/// # Errors
/// If it is none of LeNet-5, ResNet-18 and 34, and the ResNets for CIFAR.
pub fn network(name: &str, classes: usize) -> Result<Vec<Step>, String> {
    let cifar = name.strip_prefix("resnet").and_then(|rest| rest.strip_suffix("_cifar"));
    if let Some(depth) = cifar.and_then(|depth| depth.parse::<usize>().ok()) {
        return Ok(resnet_cifar(depth, classes));
    }
    match name {
        "lenet5" => Ok(lenet5(classes)),
        "resnet18" => Ok(resnet([2, 2, 2, 2], classes)),
        "resnet34" => Ok(resnet([3, 4, 6, 3], classes)),
        _ => Err("of the networks only lenet5, resnet18, resnet34 and resnetN_cifar are written for it".to_owned()),
    }
}

fn lenet5(classes: usize) -> Vec<Step> {
    let first = Conv { bias: true, ..conv(1, 6, 5, 1, 2) };
    let second = Conv { bias: true, ..conv(6, 16, 5, 1, 0) };
    let mut steps =
        vec![Step::Conv(first), Step::Sigmoid, Step::AvgPool, Step::Conv(second), Step::Sigmoid, Step::AvgPool];
    steps.extend([Step::Flatten, Step::Linear { inputs: 400, outputs: 120 }, Step::Sigmoid]);
    steps.extend([
        Step::Linear { inputs: 120, outputs: 84 },
        Step::Sigmoid,
        Step::Linear { inputs: 84, outputs: classes },
    ]);
    steps
}

/// He et al. 2015, table 1.
fn resnet(units: [usize; 4], classes: usize) -> Vec<Step> {
    let mut steps = vec![Step::Conv(conv(3, 64, 7, 2, 3)), Step::Norm(64), Step::Relu, Step::MaxPool];
    stages(&mut steps, &units, 64, true);
    steps.extend([Step::Mean, Step::Linear { inputs: 512, outputs: classes }]);
    steps
}

/// He et al. 2015, table 6.
fn resnet_cifar(depth: usize, classes: usize) -> Vec<Step> {
    let mut steps = vec![Step::Conv(conv(3, 16, 3, 1, 1)), Step::Norm(16), Step::Relu];
    stages(&mut steps, &[depth.saturating_sub(2) / 6; 3], 16, false);
    steps.extend([Step::Mean, Step::Linear { inputs: 64, outputs: classes }]);
    steps
}

/// Stages of units, each with twice the channels of the last and a quarter of its pixels.
fn stages(steps: &mut Vec<Step>, units: &[usize], mut inputs: usize, project: bool) {
    for (stage, &units) in units.iter().enumerate() {
        for unit in 0..units {
            let turn = stage > 0 && unit == 0;
            let (outputs, stride) = if turn { (2 * inputs, 2) } else { (inputs, 1) };
            steps.push(Step::Unit(Unit { inputs, outputs, stride, project }));
            inputs = outputs;
        }
    }
}

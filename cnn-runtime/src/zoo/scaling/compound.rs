//! Compound scaling. Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019, section 3.3.

use cnn_lang::Program;
use cnn_lang::graph::{Graph, Shape};

use super::ScalingError;

/// A rule that scales depth by αᵠ, width by βᵠ and resolution by γᵠ, so that one number φ says how large a network is.
///
/// ```
/// use cnn_runtime::zoo::{EfficientNetB0, scaling::{CompoundScaling, Limits}};
///
/// let limits = Limits { params: Some(9_000_000), macs: Some(700_000_000) };
/// let scaled = CompoundScaling::EFFICIENTNET.largest(EfficientNetB0, None, limits)?;
/// assert!(scaled.graph.costs().params <= 9_000_000 && scaled.graph.costs().macs <= 700_000_000);
/// println!("network! {{ pub Mine = cnn_runtime::zoo::EfficientNetB0({}): {}; }}", scaled.arguments(), scaled.graph.input_shape());
/// # Ok::<(), cnn_runtime::zoo::scaling::ScalingError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompoundScaling {
    /// Base of the depth, at least 1.
    pub alpha: f64,
    /// Base of the width, at least 1.
    pub beta: f64,
    /// Base of the resolution, at least 1.
    pub gamma: f64,
}

/// What a rule comes to at one φ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// On the number of layers of a stage.
    pub depth: f64,
    /// On the number of channels.
    pub width: f64,
    /// On height and width of the input.
    pub resolution: f64,
}

/// How large a scaled network may be; `None` is without limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Learned numbers.
    pub params: Option<u64>,
    /// Multiply-adds of convolutions and linear layers for one sample.
    pub macs: Option<u64>,
}

/// A network at one φ.
#[derive(Debug, Clone)]
pub struct Scaled {
    /// The compound coefficient.
    pub phi: f64,
    /// What the rule comes to there.
    pub factors: Factors,
    /// The network, with its sizes and costs.
    pub graph: Graph,
}

impl Factors {
    /// Channels in place of `baseline`: the nearest multiple of 8, at least 8, never below 90 % of the product; the
    /// language's `divisible(baseline * width, 8)`.
    pub fn channels(&self, baseline: usize) -> usize {
        divisible(baseline as f64 * self.width, 8)
    }

    /// Layers in place of `baseline`, rounded up.
    pub fn layers(&self, baseline: usize) -> usize {
        (baseline as f64 * self.depth).ceil() as usize
    }

    /// Rows or columns in place of `baseline`, rounded to the nearest, at least 1.
    pub fn pixels(&self, baseline: usize) -> usize {
        ((baseline as f64 * self.resolution).round() as usize).max(1)
    }
}

impl Scaled {
    /// As an instance's arguments: `width = 1.1, depth = 1.2`.
    pub fn arguments(&self) -> String {
        format!("width = {:?}, depth = {:?}", self.factors.width, self.factors.depth)
    }
}

impl CompoundScaling {
    /// α = 1.2, β = 1.1, γ = 1.15: found by search on EfficientNet-B0, under α·β²·γ² ≈ 2.
    ///
    /// The published factors of B1 to B7, which the zoo's instances have as arguments, were rounded by hand; they are within
    /// 10 % of the rule at φ = 0.5, 1, 2, 3.5, 4.7, 5.7 and 6.7.
    pub const EFFICIENTNET: CompoundScaling = CompoundScaling { alpha: 1.2, beta: 1.1, gamma: 1.15 };

    /// The φ that [`largest`](Self::largest) tries are multiples of this.
    pub const STEP: f64 = 0.01;

    /// The largest φ tried: 64.
    const MOST: u32 = 6_400;

    /// Factors at φ, which may be negative: a smaller network.
    ///
    /// # Errors
    /// A base that is not a finite number of at least 1, or a φ that is not finite.
    pub fn factors(&self, phi: f64) -> Result<Factors, ScalingError> {
        for (name, got) in [("alpha", self.alpha), ("beta", self.beta), ("gamma", self.gamma)] {
            if !got.is_finite() || got < 1.0 {
                return Err(coefficient(name, "a finite number of at least 1", got));
            }
        }
        if !phi.is_finite() {
            return Err(coefficient("phi", "a finite number", phi));
        }
        Ok(Factors { depth: self.alpha.powf(phi), width: self.beta.powf(phi), resolution: self.gamma.powf(phi) })
    }

    /// By how much φ multiplies the multiply-adds of convolutions, but for rounding: (α·β²·γ²)ᵠ.
    pub fn growth(&self, phi: f64) -> f64 {
        (self.alpha * self.beta.powi(2) * self.gamma.powi(2)).powf(phi)
    }

    /// The network at φ: the source's network `name` (the last one where none is given) with its arguments `width` and
    /// `depth`, and with its input scaled.
    ///
    /// # Errors
    /// As [`factors`](Self::factors), and [`ScalingError::Definition`].
    pub fn at(&self, source: &str, name: Option<&str>, phi: f64) -> Result<Scaled, ScalingError> {
        self.build(&cnn_lang::compile_str(source), name, phi)
    }

    /// The largest network within `limits`: the largest φ ≥ 0, a multiple of [`STEP`](Self::STEP), at which the network has
    /// at most as many parameters and multiply-adds. The definition is elaborated, not estimated: some 15 times. Layers are
    /// rounded up, so costs grow in steps, and the first step is a large one.
    ///
    /// # Errors
    /// As [`at`](Self::at); no limit; a baseline (φ = 0) over a limit; costs that stay below the limits for ever.
    pub fn largest(&self, source: &str, name: Option<&str>, limits: Limits) -> Result<Scaled, ScalingError> {
        if limits == Limits::default() {
            return Err(ScalingError::NoLimit);
        }
        let program = cnn_lang::compile_str(source);
        let phi = |steps: u32| f64::from(steps) / (1.0 / Self::STEP).round();
        let mut best = self.build(&program, name, 0.0)?;
        if let Some((what, limit, got)) = limits.exceeded(&best.graph) {
            return Err(ScalingError::Baseline { what, limit, got });
        }
        // Doubling first, so that no network is built that is much larger than the limits.
        let (mut within, mut over) = (0, 25);
        loop {
            let tried = self.build(&program, name, phi(over))?;
            if limits.exceeded(&tried.graph).is_some() {
                break;
            }
            if over >= Self::MOST {
                return Err(ScalingError::Unbounded { phi: phi(over) });
            }
            (within, best, over) = (over, tried, (2 * over).min(Self::MOST));
        }
        // Each of the roundings is monotonous, and so are the costs.
        while over - within > 1 {
            let middle = within + (over - within) / 2;
            let tried = self.build(&program, name, phi(middle))?;
            if limits.exceeded(&tried.graph).is_some() {
                over = middle;
            } else {
                (within, best) = (middle, tried);
            }
        }
        Ok(best)
    }

    fn build(&self, program: &Program, name: Option<&str>, phi: f64) -> Result<Scaled, ScalingError> {
        let factors = self.factors(phi)?;
        let failed = |reason: String| ScalingError::Definition { phi, reason };
        let first = |errors: Vec<cnn_lang::diag::Diagnostic>| {
            failed(errors.first().map_or_else(String::new, |error| error.message.clone()))
        };
        let baseline = program.variant(name, &[], None).map_err(first)?.input_shape();
        let Shape::Map { channels, height, width } = baseline else {
            return Err(failed(format!("its input is a vector of {}", baseline.channels())));
        };
        let input = Shape::map(channels, factors.pixels(height), factors.pixels(width));
        let text = format!("width = {:?}, depth = {:?}", factors.width, factors.depth);
        let args = cnn_lang::arguments(&text).map_err(first)?;
        let graph = program.variant(name, &args, Some(input)).map_err(first)?;
        Ok(Scaled { phi, factors, graph })
    }
}

impl Limits {
    /// The first limit that the network is over: what, the limit, what the network has.
    fn exceeded(&self, graph: &Graph) -> Option<(&'static str, u64, u64)> {
        let costs = graph.costs();
        let pairs = [("parameters", self.params, costs.params), ("multiply-adds", self.macs, costs.macs)];
        pairs
            .into_iter()
            .find_map(|(what, limit, got)| limit.filter(|limit| got > *limit).map(|limit| (what, limit, got)))
    }
}

fn coefficient(name: &'static str, expected: &'static str, got: f64) -> ScalingError {
    ScalingError::Coefficient { rule: "compound scaling", name, expected, got }
}

/// The nearest multiple of `divisor`, at least `divisor`, never below 90 % of `x`.
pub(super) fn divisible(x: f64, divisor: usize) -> usize {
    let step = divisor as f64;
    let nearest = ((x + step / 2.0) / step).floor().max(1.0) * step;
    (if nearest < 0.9 * x { nearest + step } else { nearest }) as usize
}

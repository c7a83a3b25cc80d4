//! Quantised linear widths. Radosavovic et al., "Designing network design spaces", 2020, equations 2 to 4.

use super::ScalingError;
use super::compound::divisible;

/// Block j would be u_j = w₀ + w_a·j wide; its width is the w₀·w_mˢ, s an integer, that is nearest in the exponent, rounded to
/// multiples of 8. Blocks of equal width are a stage.
///
/// ```
/// use cnn_runtime::zoo::{RegNetX400MF, scaling::QuantisedLinear};
///
/// let stages = QuantisedLinear { depth: 22, w_0: 24, w_a: 24.48, w_m: 2.54, group: 16 }.stages()?;
/// assert_eq!(stages.widths, [32, 64, 160, 400]);
/// assert_eq!(stages.depths, [1, 2, 7, 12]);
/// let arguments = cnn_lang::arguments(&stages.arguments()).expect("arguments");
/// let graph = cnn_lang::load_at(RegNetX400MF, None, &arguments, None).expect("a network");
/// assert_eq!(graph.costs().params, 5_495_976);
/// # Ok::<(), cnn_runtime::zoo::scaling::ScalingError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantisedLinear {
    /// Blocks in all, the paper's d.
    pub depth: usize,
    /// Width of the first block, a multiple of 8.
    pub w_0: usize,
    /// By how much a block is wider than the one before it, at least 0.
    pub w_a: f64,
    /// The ratio of widths of successive stages, above 1.
    pub w_m: f64,
    /// Channels in a group of the 3×3 convolutions; widths are rounded to multiples of it.
    pub group: usize,
}

/// The stages of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    /// Channels of each stage.
    pub widths: Vec<usize>,
    /// Blocks of each stage.
    pub depths: Vec<usize>,
    /// Channels in a group.
    pub group: usize,
}

impl QuantisedLinear {
    /// The most blocks, and the most channels.
    const MOST: f64 = 100_000.0;

    /// Widths and depths of the stages, from the input on.
    ///
    /// # Errors
    /// [`ScalingError::Coefficient`] on a number that is out of its range.
    pub fn stages(&self) -> Result<Stages, ScalingError> {
        self.check()?;
        let first = self.w_0 as f64;
        let mut stages: Vec<(usize, usize)> = Vec::new();
        for block in 0..self.depth {
            let linear = first + self.w_a * block as f64;
            let exponent = ((linear / first).ln() / self.w_m.ln()).round_ties_even();
            let width = (first * self.w_m.powf(exponent) / 8.0).round_ties_even() * 8.0;
            if !(8.0..=Self::MOST).contains(&width) {
                return Err(coefficient("the last width", "8 to 100000: lower w_a or depth", width));
            }
            match stages.last_mut() {
                Some((last, blocks)) if *last == width as usize => *blocks += 1,
                _ => stages.push((width as usize, 1)),
            }
        }
        let fit = |&(width, _): &(usize, usize)| divisible(width as f64, self.group.min(width));
        Ok(Stages {
            widths: stages.iter().map(fit).collect(),
            depths: stages.iter().map(|(_, blocks)| *blocks).collect(),
            group: self.group,
        })
    }

    fn check(&self) -> Result<(), ScalingError> {
        let (depth, first, group) = (self.depth as f64, self.w_0 as f64, self.group as f64);
        let within = |x: f64| (1.0..=Self::MOST).contains(&x);
        for (holds, name, expected, got) in [
            (within(depth), "depth", "1 to 100000 blocks", depth),
            (within(first) && self.w_0.is_multiple_of(8), "w_0", "a multiple of 8, 8 to 100000", first),
            (self.w_a.is_finite() && self.w_a >= 0.0, "w_a", "a finite number of at least 0", self.w_a),
            (self.w_m.is_finite() && self.w_m > 1.0, "w_m", "a finite number above 1", self.w_m),
            (within(group), "group", "1 to 100000 channels", group),
        ] {
            if !holds {
                return Err(coefficient(name, expected, got));
            }
        }
        Ok(())
    }
}

impl Stages {
    /// As the arguments of the zoo's RegNet: `widths = [32, 64], depths = [1, 2], group = 16`.
    pub fn arguments(&self) -> String {
        format!("widths = {:?}, depths = {:?}, group = {}", self.widths, self.depths, self.group)
    }
}

fn coefficient(name: &'static str, expected: &'static str, got: f64) -> ScalingError {
    ScalingError::Coefficient { rule: "quantised linear widths", name, expected, got }
}

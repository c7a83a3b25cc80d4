//! In which numbers convolutions and fully connected layers multiply.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::EngineError;

/// How convolutions and fully connected layers multiply. Everything else is in the numbers of the session or training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// In the numbers' own type.
    #[default]
    #[serde(rename = "f32")]
    Full,
    /// Both factors are rounded to TF32, the eleven leading digits of an f32; sums are f32. Graphics processors do this.
    #[serde(rename = "tf32")]
    Tf32,
    /// Both factors are rounded to bf16, the eight leading digits of an f32; sums are f32. An answer of f32 is off by up to
    /// 2^-7 of the sum of its terms' magnitudes. On graphics processors maps and their gradients lie in memory as bf16 too, while
    /// weights, their gradients, statistics and the optimizer stay f32.
    #[serde(rename = "bf16")]
    Bf16,
    /// Graphics processors only: as `Bf16`, but in f16, eleven digits from 2^-24 to 65504. In training the loss is multiplied by a
    /// power of two, so that small gradients are not lost; it falls where a gradient is not finite, and the step moves no
    /// parameter.
    /// Micikevicius et al. 2017, <https://arxiv.org/abs/1710.03740>.
    #[serde(rename = "f16")]
    F16,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::Full => "f32",
            Precision::Tf32 => "tf32",
            Precision::Bf16 => "bf16",
            Precision::F16 => "f16",
        })
    }
}

impl FromStr for Precision {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "f32" => Ok(Precision::Full),
            "tf32" => Ok(Precision::Tf32),
            "bf16" => Ok(Precision::Bf16),
            "f16" => Ok(Precision::F16),
            _ => Err("expected f32, tf32, bf16 or f16"),
        }
    }
}

impl Precision {
    /// Whether gradients would be lost that are small, unless the loss is multiplied by something.
    pub(super) fn scales_loss(self) -> bool {
        self == Precision::F16
    }

    /// Refuses a back end that multiplies in `offered` where this was asked for.
    pub(super) fn check(self, offered: Precision) -> Result<(), EngineError> {
        match self == Precision::Full || self == offered {
            true => Ok(()),
            false => Err(EngineError::Precision { precision: self }),
        }
    }
}

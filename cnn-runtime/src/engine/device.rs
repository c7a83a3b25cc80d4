//! Where sessions and trainings run.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::backend::Backend;
use super::error::EngineError;
use super::precision::Precision;
use super::reference::Number;

/// A processor of this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Device {
    /// The ordinary one, with all its cores.
    #[default]
    Cpu,
    /// An NVIDIA graphics processor, by its number from 0. Wants the feature `cuda`.
    Cuda(usize),
}

impl Device {
    /// Its fastest back end that multiplies in this precision: for sessions and trainers that share it.
    ///
    /// # Errors
    /// If it is not to be had, or does not multiply so.
    pub fn backend(self, precision: Precision) -> Result<Arc<dyn Backend<f32>>, EngineError> {
        let backend = f32::backend_on(self, precision)?;
        precision.check(backend.precision())?;
        Ok(backend.into())
    }

    /// The back end of graphics processor number `ordinal`.
    pub(super) fn cuda(ordinal: usize, precision: Precision) -> Result<Box<dyn Backend<f32>>, EngineError> {
        #[cfg(feature = "cuda")]
        return Ok(Box::new(super::cuda::Cuda::new(ordinal)?.with_precision(precision)));
        #[cfg(not(feature = "cuda"))]
        let _ = precision;
        #[cfg(not(feature = "cuda"))]
        Self::unusable(ordinal, "this program was built without CUDA; build it with `--features cuda`")
    }

    /// Why a graphics processor is no help.
    pub(super) fn unusable<T>(ordinal: usize, failure: &str) -> Result<T, EngineError> {
        Err(EngineError::Device { device: Device::Cuda(ordinal).to_string(), failure: failure.into() })
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    /// `cpu`, `cuda` or `cuda:1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let ordinal = |text: &str| text.parse().ok().map(Device::Cuda);
        match text {
            "cpu" => Some(Device::Cpu),
            "cuda" => Some(Device::Cuda(0)),
            _ => text.strip_prefix("cuda:").and_then(ordinal),
        }
        .ok_or_else(|| "expected cpu, cuda or cuda:N".to_owned())
    }
}

impl From<Device> for String {
    fn from(device: Device) -> String {
        device.to_string()
    }
}

impl TryFrom<String> for Device {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|expected| format!("device `{text}`: {expected}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_their_text() {
        for (text, device) in [("cpu", Device::Cpu), ("cuda", Device::Cuda(0)), ("cuda:3", Device::Cuda(3))] {
            assert_eq!(text.parse(), Ok(device));
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU"] {
            assert_eq!(text.parse::<Device>(), Err("expected cpu, cuda or cuda:N".into()), "{text}");
        }
        let text = serde_json::to_string(&Device::Cuda(1)).unwrap();
        assert_eq!(text, "\"cuda:1\"");
        assert_eq!(serde_json::from_str::<Device>(&text).unwrap(), Device::Cuda(1));
        let error = serde_json::from_str::<Device>("\"tpu\"").unwrap_err().to_string();
        assert!(error.starts_with("device `tpu`: expected cpu, cuda or cuda:N"), "{error}");
    }

    /// Without a graphics processor, or without the feature, one line says what is missing.
    #[test]
    fn what_is_missing_is_said() {
        let Err(error) = Device::Cuda(99).backend(Precision::Full) else { panic!("a hundred graphics processors") };
        let text = error.to_string();
        println!("{text}");
        assert!(text.starts_with("cuda:99: ") && text.lines().count() == 1, "{text}");
        let Err(error) = Device::Cpu.backend(Precision::Tf32) else { panic!("a processor without TF32") };
        println!("{error}");
        assert_eq!(Device::Cpu.backend(Precision::Bf16).unwrap().precision(), Precision::Bf16);
    }
}

//! Everything that can be wrong with weights, each told in one line.

use std::fmt;
use std::io;
use std::path::PathBuf;

use safetensors::Dtype;

/// Why weights could not be saved, loaded or set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system could not read or write the file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The bytes are no safetensors file, or a damaged one.
    #[error("{place} is not an intact safetensors file ({reason}): fetch or save it again")]
    Format {
        /// The file, or `the file in memory`.
        place: String,
        /// What is wrong.
        reason: String,
    },

    /// The file's tensors are not the module's.
    #[error("{place} does not fit the module in {} point{}: {}; nothing was loaded, take the weights of this very network",
        mismatches.len(), if mismatches.len() == 1 { "" } else { "s" }, joined(mismatches))]
    Mismatch {
        /// The file, or `the file in memory`.
        place: String,
        /// Every difference: first the module's tensors in its order, then what else the file holds by name.
        mismatches: Vec<Mismatch>,
    },

    /// Two tensors of the module bear one name, or one bears the name that the format keeps for itself.
    #[error("cannot save a module with {reason} {name:?}: rename a field")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A rule gave the wrong number of values.
    #[error("tensor {name} of shape {shape:?} takes {expected} values, the rule gave {got}")]
    Length {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its number of elements.
        expected: usize,
        /// How many values came.
        got: usize,
    },

    /// Two modules of one type differ in their tensors, as lists of different length do.
    #[error("the average holds {expected} but the module has {got}: average one and the same module")]
    Structure {
        /// The tensor the average holds at this place.
        expected: String,
        /// The tensor the module has there.
        got: String,
    },

    /// A decay of a moving average is not between 0 and 1.
    #[error("expected a decay from 0 to 1 for the moving average, got {got}")]
    Decay {
        /// The decay given.
        got: f64,
    },

    /// The device refused, mostly for lack of memory; some tensors may be set already.
    #[error("the device could not set tensor number {index}: {reason}")]
    Device {
        /// Which tensor in visiting order.
        index: usize,
        /// What the device said.
        reason: String,
    },
}

/// One difference between a file and a module.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// The module has it, the file does not.
    Missing {
        /// The module's tensor.
        name: String,
        /// The most similar name among those the module does not have.
        nearest: Option<String>,
    },
    /// The file has it, the module does not.
    Unexpected {
        /// The file's tensor.
        name: String,
    },
    /// The sizes differ.
    Shape {
        /// The tensor.
        name: String,
        /// Its shape in the module.
        expected: Vec<usize>,
        /// Its shape in the file.
        got: Vec<usize>,
    },
    /// The file's elements cannot become the module's.
    Dtype {
        /// The tensor.
        name: String,
        /// What could be loaded.
        expected: &'static str,
        /// What the file holds.
        got: Dtype,
    },
    /// A finite value of the file is too large for the module's type.
    Overflow {
        /// The tensor.
        name: String,
        /// The value.
        value: f64,
        /// The module's type.
        dtype: Dtype,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, nearest } => {
                write!(f, "missing {}", shown(name))?;
                match nearest {
                    Some(nearest) => write!(f, " (the file has {})", shown(nearest)),
                    None => Ok(()),
                }
            }
            Self::Unexpected { name } => write!(f, "unexpected {}", shown(name)),
            Self::Shape { name, expected, got } => {
                write!(f, "{} has shape {got:?}, expected {expected:?}", shown(name))
            }
            Self::Dtype { name, expected, got } => write!(f, "{} holds {got}, expected {expected}", shown(name)),
            Self::Overflow { name, value, dtype } => {
                write!(f, "{} holds {value:e}, too large for {dtype}", shown(name))
            }
        }
    }
}

/// A name that came from outside, fit for one line: no control characters, no megabytes.
fn shown(name: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown: String = name.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

fn joined(mismatches: &[Mismatch]) -> String {
    let each: Vec<String> = mismatches.iter().map(Mismatch::to_string).collect();
    each.join("; ")
}

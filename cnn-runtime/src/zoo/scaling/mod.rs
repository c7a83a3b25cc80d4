//! Rules by which papers make a family of one network: the arguments that an instance is given.
//!
//! - [`CompoundScaling`]: depth, width and resolution together, also as large as limits allow (EfficientNet).
//! - [`QuantisedLinear`]: widths and depths of the stages from four numbers (RegNet).

mod compound;
mod error;
mod quantised;

pub use compound::{CompoundScaling, Factors, Limits, Scaled};
pub use error::ScalingError;
pub use quantised::{QuantisedLinear, Stages};

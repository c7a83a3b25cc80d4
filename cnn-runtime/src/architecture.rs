//! What every network knows of itself at compile time.

use cnn_lang::diag::Diagnostic;
use cnn_lang::graph::Graph;

/// A network emitted by [`network!`](crate::network).
///
/// Constants of a type with defaults are written `<ResNet18>::PARAMS`.
pub trait Architecture {
    /// The network's name.
    const NAME: &'static str;
    /// Size of one input: channels, height, width.
    const INPUT: &'static [usize];
    /// Size of one output: the number of classes, or channels, height, width.
    const OUTPUT: &'static [usize];
    /// Learned numbers, auxiliary outputs included.
    const PARAMS: u64;
    /// Multiply-adds of convolutions and linear layers for one input, up to the logits.
    const MACS: u64;
    /// Multiply-adds of auxiliary outputs.
    const AUX_MACS: u64;
    /// The network's source, standing alone.
    const SOURCE: &'static str;

    /// Operations, sizes, names and costs.
    ///
    /// # Errors
    /// None for a network that compiled; the type allows for a source that another version wrote.
    fn graph() -> Result<Graph, Vec<Diagnostic>> {
        cnn_lang::load(Self::SOURCE, Some(Self::NAME))
    }
}

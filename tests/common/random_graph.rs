//! Random valid networks, as source in the language.
//!
//! A seed draws a network: every layer and join with arguments of every kind, branches inside branches, taps with
//! several readers, blocks, repeats, auxiliary outputs, maps and vectors as output. The sizes are kept track of here, so
//! that every source compiles; the numbers stay finite under the weight rule.

mod blocks;
mod joins;
mod layers;
mod patterns;
mod random;
mod window;
mod writer;

use writer::Writer;

/// The most steps that are worth asking for.
pub const LARGEST: usize = 25;

/// What may be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Dropout and stochastic depth have a probability above 0.
    pub stochastic: bool,
    /// There is batch normalisation.
    pub bn: bool,
    /// Only functions with a continuous derivative: no `relu` and its like, no `maxpool`.
    pub smooth: bool,
}

impl Default for Options {
    /// Everything but what depends on a generator.
    fn default() -> Options {
        Options { stochastic: false, bn: true, smooth: false }
    }
}

/// The network `Drawn` of this seed, of about `size` steps (1 to [`LARGEST`]). The same arguments give the same text.
#[must_use]
pub fn random_source(seed: u64, size: usize, options: Options) -> String {
    Writer::new(seed, size.max(1), options).network()
}

/// The smallest network of this seed, of at most `size` steps, for which `fails` holds.
pub fn smallest(seed: u64, size: usize, options: Options, mut fails: impl FnMut(&str) -> bool) -> Option<String> {
    (1..=size).map(|size| random_source(seed, size, options)).find(|source| fails(source))
}

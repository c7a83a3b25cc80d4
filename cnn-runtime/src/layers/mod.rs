//! The eager layers: one typed layer per keyword of the language, over the kernel of the same name.
//!
//! `E` is the element type, `D` the device, `B` the batch dimension; maps are [`Map<B, C, H, W, E, D>`](crate::eager::Map),
//! vectors [`Vector<B, K, E, D>`](crate::eager::Vector). Tensors carry no tape: each layer takes it as its last argument
//! and pushes its backward pass there. `OwnedTape` records, `NoneTape` does not.
//!
//! The language checks every size before it calls a layer. A size that does not fit all the same is a mistake of the
//! calling code and panics with the layer's name and both numbers. An `Err` is the device's: out of memory.

mod init;

pub mod conv;
pub mod linear;

pub mod bn;

pub mod relu;
pub mod sigmoid;
pub mod tanh;

pub mod adaptive_avgpool;
pub mod avgpool;
pub mod gap;
pub mod maxpool;

pub mod add;
pub mod concat;
pub mod dropout;
pub mod flatten;
pub mod identity;
pub mod pad_channels;
pub mod subsample;

#[cfg(test)]
mod testing;

pub use adaptive_avgpool::adaptive_avgpool;
pub use add::add;
pub use avgpool::avgpool;
pub use bn::{Bn, PlainBn};
pub use concat::{Concat, ConcatVectors};
pub use conv::{BiasedConv, Conv, ConvArgs};
pub use dropout::dropout;
pub use flatten::flatten;
pub use gap::gap;
pub use identity::identity;
pub use linear::{BiasedLinear, Linear};
pub use maxpool::{PoolArgs, maxpool};
pub use pad_channels::pad_channels;
pub use relu::relu;
pub use sigmoid::sigmoid;
pub use subsample::subsample;
pub use tanh::tanh;

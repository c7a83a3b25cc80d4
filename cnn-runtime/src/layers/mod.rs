//! The eager layers: one typed layer per keyword of the language, over the kernel of the same name.
//!
//! `E` is the element type, `D` the device, `B` the batch dimension; maps are [`Map<B, C, H, W, E, D>`](crate::eager::Map),
//! vectors [`Vector<B, K, E, D>`](crate::eager::Vector). Tensors carry no tape: each layer takes it as its last argument
//! and pushes its backward pass there. `OwnedTape` records, `NoneTape` does not.
//!
//! The language checks every size before it calls a layer. A size that does not fit all the same is a mistake of the
//! calling code and panics with the layer's name and both numbers. An `Err` is the device's: out of memory.

mod init;
mod sizes;

pub mod conv;
pub mod linear;

pub mod bn;
pub mod gn;
pub mod ln;
pub mod lrn;

pub mod gelu;
pub mod hsigmoid;
pub mod hswish;
pub mod leaky;
pub mod prelu;
pub mod relu;
pub mod relu6;
pub mod sigmoid;
pub mod silu;
pub mod softmax;
pub mod tanh;

pub mod adaptive_avgpool;
pub mod avgpool;
pub mod gap;
pub mod maxpool;

pub mod add;
pub mod affine;
pub mod concat;
pub mod drop_path;
pub mod dropout;
pub mod flatten;
pub mod identity;
pub mod mul;
pub mod pad;
pub mod pad_channels;
pub mod scale;
pub mod select;
pub mod shift;
pub mod shuffle;
pub mod subsample;
pub mod upsample;
pub mod zero;

#[cfg(test)]
mod testing;

pub use adaptive_avgpool::adaptive_avgpool;
pub use add::add;
pub use affine::{Affine, BareAffine, BiasedAffine};
pub use avgpool::avgpool;
pub use bn::{Bn, PlainBn};
pub use concat::{Concat, ConcatVectors};
pub use conv::{BiasedConv, Conv, ConvArgs};
pub use drop_path::drop_path;
pub use dropout::dropout;
pub use flatten::flatten;
pub use gap::gap;
pub use gelu::gelu;
pub use gn::Gn;
pub use hsigmoid::hsigmoid;
pub use hswish::hswish;
pub use identity::identity;
pub use leaky::leaky;
pub use linear::{BiasedLinear, Linear};
pub use ln::Ln;
pub use lrn::{LrnArgs, lrn};
pub use maxpool::{PoolArgs, maxpool};
pub use mul::Mul;
pub use pad::pad;
pub use pad_channels::pad_channels;
pub use prelu::Prelu;
pub use relu::relu;
pub use relu6::relu6;
pub use scale::scale;
pub use select::{select, select_vector};
pub use shift::shift;
pub use shuffle::shuffle;
pub use sigmoid::sigmoid;
pub use silu::silu;
pub use softmax::softmax;
pub use subsample::subsample;
pub use tanh::tanh;
pub use upsample::{Mode, upsample};
pub use zero::{zero, zero_strided};

//! Convolutional networks as a language: written in [`network!`], checked while the program compiles, run as typed dfdx modules.
//!
//! ```
//! use cnn_runtime::prelude::*;
//!
//! cnn_runtime::network! {
//!     /// LeNet-5 for 28×28 digits. LeCun et al. 1998.
//!     pub LeNet5(classes = 10): 1x28x28 -> classes;
//!     stem conv(6, 5, pad = 2) -> sigmoid -> avgpool(2)                    @ 6x14x14;
//!     body conv(16, 5) -> sigmoid -> avgpool(2)                            @ 16x5x5;
//!     head flatten -> linear(120) -> sigmoid -> linear(84) -> sigmoid -> linear(classes);
//!     where params <= 62K;
//! }
//!
//! let device = Cpu::default();
//! let net = device.build_module::<LeNet5, f32>();
//! let logits = net.forward(device.zeros::<Rank4<2, 1, 28, 28>>());
//! assert_eq!(logits.shape(), &(Const::<2>, Const::<10>));
//! assert_eq!(<LeNet5>::PARAMS, 61_706);
//! ```
//!
//! - [`network!`] emits a module for every network, [`define!`] definitions for other macros to import.
//! - [`layers`] is the eager path that modules call; [`kernels`] its arithmetic.
//! - [`search_space!`] proves spaces of architectures; [`space`] is what they can do.
//! - [`engine`]: the same networks planned ahead and fused: sessions and trainers from a graph.
//! - [`data`], [`weights`]: images in, weights in and out.
//! - [`export`]: networks as pictures, and as ONNX files.
//! - [`search`]: the best member of a space of architectures.
//! - [`train`]: trainings in folders of their own, that can be stopped and resumed.
//! - [`blocks`]: blocks that many papers share, as words for one's own networks.
//! - [`zoo`]: the classic networks, ready to be imported.
//! - The feature `program` adds the program `cnn` (`docs/program.md`).

mod architecture;
pub mod blocks;
mod custom;
pub mod data;
pub mod eager;
pub mod engine;
pub mod export;
pub mod kernels;
pub mod layers;
#[cfg(feature = "program")]
pub mod program;
pub mod search;
pub mod space;
pub mod train;
pub mod weights;
#[doc(hidden)]
pub mod words;
pub mod zoo;

#[doc(no_inline)]
pub use dfdx::dtypes::Dtype;
#[doc(no_inline)]
pub use dfdx::nn::{BuildOnDevice, Module, ModuleMut, ModuleVisitor, TensorCollection, TensorOptions};
#[doc(no_inline)]
pub use dfdx::shapes::{Const, Dim};
#[doc(no_inline)]
pub use dfdx::tensor::{Cpu, NoneTape, OwnedTape, PutTape, SplitTape, Storage, Tensor};
#[doc(no_inline)]
pub use dfdx::tensor_ops::Device;

pub use architecture::Architecture;
pub use cnn_lang::graph::Graph;
pub use custom::Custom;
pub use eager::{Eager, Map, Vector};

/// What a program that trains needs: dfdx's prelude and the traits of networks.
pub mod prelude {
    pub use crate::Architecture;
    pub use crate::eager::{Eager, Map, Vector};
    pub use crate::space::SearchSpace;
    pub use crate::weights::Pretrained;
    pub use dfdx::optim::{Adam, AdamConfig, RMSprop, RMSpropConfig, Sgd, SgdConfig};
    pub use dfdx::prelude::*;
}

/// Networks, written in the language of `docs/language.md`, as typed dfdx modules.
///
/// Each `Name(arguments): input -> output; …` becomes a struct `Name<E = f32, D = Cpu>` with dfdx's `BuildOnDevice`,
/// `TensorCollection`, `Module` (inference) and `ModuleMut` (training), and with [`Architecture`]. Every mistake is a
/// compile error on the word that is wrong.
#[macro_export]
macro_rules! network {
    ($($tokens:tt)*) => { $crate::__private::network! { [$crate] $($tokens)* } };
}

/// Spaces of architectures in the language of `docs/language.md`: networks with `choose`, whose members are all proven to be
/// valid while the program compiles.
///
/// Each `Name(arguments): input -> output; …` becomes a struct `Name` with [`SearchSpace`](crate::space::SearchSpace): its
/// number of members, its genes, and what searches them. A member that is wrong is a compile error on the word that is
/// wrong, with the choices that lead there.
///
/// ```
/// use cnn_runtime::search_space;
/// use cnn_runtime::space::SearchSpace;
///
/// search_space! {
///     /// Two convolutions.
///     pub Tiny: 3x8x8 -> 10;
///     body first: conv(choose(8, 16), choose(1, 3), pad = same) -> relu;
///          second: choose { conv(16, 3); identity; };
///     head gap -> linear(10);
///     where params <= 2K;
/// }
///
/// assert_eq!(Tiny::SIZE, 8);
/// let names: Vec<&str> = Tiny::genes().iter().map(|gene| gene.name.as_str()).collect();
/// assert_eq!(names, ["first.out", "first.kernel", "second"]);
/// let genome = Tiny::sample(&mut rand::thread_rng()).unwrap();
/// assert!(Tiny::space().costs(&genome).unwrap().params <= 2000);
/// ```
#[macro_export]
macro_rules! search_space {
    ($($tokens:tt)*) => { $crate::__private::search_space! { [$crate] $($tokens)* } };
}

/// Blocks and networks for other macros to import, without types.
///
/// A public network also becomes a constant of its name: its source, standing alone. The same text is what the name of
/// any definition gives as a macro: `cnn_runtime::blocks::separable!()`.
#[macro_export]
macro_rules! define {
    ($($tokens:tt)*) => { $crate::__private::define! { [$crate] $($tokens)* } };
}

#[doc(hidden)]
pub mod __private {
    pub use cnn_macros::{define, network, search_space};
    pub use dfdx::shapes::Shape;

    use dfdx::dtypes::Dtype;
    use dfdx::tensor::{OwnedTape, PutTape, SplitTape, Storage, Tensor};

    /// Runs a module that takes the tape with its tensor.
    pub fn taped<S: Shape, R: Shape, E: Dtype, D: Storage<E>>(
        x: &Tensor<S, E, D>,
        tape: &mut OwnedTape<E, D>,
        run: impl FnOnce(Tensor<S, E, D, OwnedTape<E, D>>) -> Result<Tensor<R, E, D, OwnedTape<E, D>>, D::Err>,
    ) -> Result<Tensor<R, E, D>, D::Err> {
        let (y, back) = run(x.clone().put_tape(std::mem::take(tape)))?.split_tape();
        *tape = back;
        Ok(y)
    }

    /// Names of a run of numbered blocks.
    pub fn numbers(first: usize, count: usize) -> Vec<String> {
        (first..first + count).map(|number| number.to_string()).collect()
    }

    /// One field for each block of a run.
    pub fn each<'n, T>(names: &'n [String], field: impl Fn(usize, &'n str) -> T) -> Vec<T> {
        names.iter().enumerate().map(|(index, name)| field(index, name)).collect()
    }
}

/// The README's programs compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

/// The engine's document compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/engine.md")]
mod engine_doc {}

/// The document about search compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/search.md")]
mod search_doc {}

/// The document about weights compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/weights.md")]
mod weights_doc {}

//! Spaces of architectures from the literature, and a small one: definitions and their sources.
//!
//! - As a type, with other arguments or another input: `search_space! { pub Small = cnn_runtime::zoo::CifarSmall: 1x28x28; }`
//! - Ready-made, with the feature `zoo-spaces`: the type `cnn_runtime::zoo::CifarSmall`.
//! - At run time: `cnn_runtime::space::load(cnn_runtime::zoo::spaces::CifarSmall, None)`
//!
//! | file | space | paper |
//! |---|---|---|
//! | [`cifar_small`] | `CifarSmall`: 2,000 networks that train in seconds | |
//! | [`nas_bench_201`] | `NasBench201`: one cell of six edges | Dong & Yang 2020 |
//! | [`mnasnet`] | `MnasNetSpace`: seven blocks, each with its own layer | Tan et al. 2019 |
//! | [`nasnet`] | `NASNetCells`: cells of five pairs | Zoph et al. 2018 |
//! | [`regnet`] | `AnyNet`: depths, widths and group widths of four stages | Radosavovic et al. 2020 |

pub mod cifar_small;
pub mod mnasnet;
pub mod nas_bench_201;
pub mod nasnet;
pub mod regnet;

#[cfg(feature = "zoo-spaces")]
mod types;

pub use cifar_small::*;
pub use mnasnet::*;
pub use nas_bench_201::*;
pub use nasnet::*;
pub use regnet::*;

// Named one by one: what is named stands before what a glob brings, so that a type joins the definition of its name.
#[cfg(feature = "zoo-spaces")]
pub use types::{AnyNet, CifarSmall, MnasNetSpace, NASNetCells, NasBench201};

/// A predefined space.
#[derive(Clone, Copy, Debug)]
pub struct Predefined {
    /// The name by which programs know it.
    pub name: &'static str,
    /// Where it comes from.
    pub paper: &'static str,
    /// Its source, which stands alone.
    pub source: &'static str,
}

/// Every space.
pub const ALL: &[Predefined] = &[
    Predefined { name: "cifar-small", paper: "", source: CifarSmall },
    Predefined { name: "nas-bench-201", paper: "Dong & Yang 2020", source: NasBench201 },
    Predefined { name: "mnasnet-space", paper: "Tan et al. 2019", source: MnasNetSpace },
    Predefined { name: "nasnet-cells", paper: "Zoph et al. 2018", source: NASNetCells },
    Predefined { name: "anynet", paper: "Radosavovic et al. 2020", source: AnyNet },
];

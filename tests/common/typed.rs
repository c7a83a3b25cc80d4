//! Networks of the zoo as typed modules, compared with what is recorded of them.

use std::panic::resume_unwind;
use std::thread;

use cnn_runtime::weights::fill_with;
use dfdx::prelude::*;

use crate::inference::{Case, Inference, names};
use crate::zoo;

/// Networks of fewer parameters run as typed modules too.
pub const BELOW: u64 = 50_000_000;

/// The programs of `tests/eager_zoo`, with what the names of their networks begin with. The first that fits has a network.
const FAMILIES: [(&str, &[&str]); 4] = [
    ("dense", &["densenet", "hrnet"]),
    ("inception", &["inception", "bn_inception", "googlenet", "alexnet", "lenet", "lrn", "nin", "vgg"]),
    ("mobile", &["efficientnet", "tf_efficientnet", "mnasnet", "mobilenet", "regnet", "shiftnet"]),
    ("residual", &[""]),
];

/// The networks whose inference is recorded and that a program of `tests/eager_zoo` must hold, sorted.
#[must_use]
pub fn family(program: &str) -> Vec<String> {
    let of = |name: &str| FAMILIES.iter().find(|(_, starts)| starts.iter().any(|start| name.starts_with(start)));
    let ours = |name: &str| of(name).is_some_and(|(family, _)| *family == program);
    let small = |name: &str| zoo::graph(name).costs().params < BELOW;
    let inferred = |name: &str| Inference::load(name).smallest().is_some();
    names().into_iter().filter(|name| ours(name) && small(name) && inferred(name)).collect()
}

/// A batch of two images with what is recorded of it.
pub struct Expected<S> {
    name: String,
    gain: f64,
    case: Case,
    shape: S,
}

impl<S: ConstShape> Expected<S> {
    /// What is recorded for inputs of this shape.
    ///
    /// # Panics
    /// If nothing is.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let shape = S::default();
        let dims: Vec<usize> = shape.concrete().into();
        let Inference { gain, cases, .. } = Inference::load(name);
        let case = cases.into_iter().find(|case| case.input_shape == dims);
        let case = case.unwrap_or_else(|| panic!("nothing is recorded of {name} at {dims:?}"));
        Expected { name: name.to_owned(), gain, case, shape }
    }

    /// Sets the weights by rule and gives the images.
    pub fn prepare(&self, net: &mut impl TensorCollection<f32, Cpu>) -> Tensor<S, f32, Cpu> {
        fill_with(net, |name, shape| zoo::values(name, shape, self.gain)).unwrap();
        Cpu::default().tensor_from_vec(zoo::images(&self.case.input_shape), self.shape)
    }

    /// Compares outputs: `logits`, and auxiliary ones by name. Those that are not among `found` are not compared.
    ///
    /// # Panics
    /// If one is further off than is allowed.
    #[track_caller]
    pub fn check(&self, found: &[(&str, Vec<f32>)]) {
        let allowed = self.case.allowed();
        for (name, values) in found {
            let output = self.case.outputs.iter().find(|output| output.name == *name);
            let off = output.unwrap_or_else(|| panic!("{} has no output {name}", self.name)).off(values);
            let line =
                format!("{:32} {:10} {name}: off by {off:.1e}, {allowed:.1e} allowed", self.name, self.case.size());
            println!("{line}");
            assert!(off <= allowed, "{line}");
        }
    }
}

/// Compares the logits of a module.
///
/// # Panics
/// If they are further off than is allowed.
pub fn compare<S: ConstShape, O: Shape, N>(name: &str, build: impl FnOnce() -> N + Send)
where
    N: TensorCollection<f32, Cpu> + Module<Tensor<S, f32, Cpu>, Output = Tensor<O, f32, Cpu>>,
{
    let run = move || {
        let (mut net, expected) = (build(), Expected::<S>::of(name));
        let images = expected.prepare(&mut net);
        expected.check(&[("logits", net.forward(images).as_vec())]);
    };
    // Unoptimised, dfdx moves what it builds once more for each level: DenseNet-201 takes 3 MiB, and a test's thread has 2.
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, run).unwrap();
        thread.join().unwrap_or_else(|panic| resume_unwind(panic));
    });
}

/// A program of `tests/eager_zoo`: a typed module and a test for each network, and one that none is missing.
#[macro_export]
macro_rules! eager_zoo {
    ($family:literal: $($name:ident: $net:ident $size:tt $shape:ty;)*) => {
        cnn_runtime::network! { $(pub $net = cnn_runtime::zoo::$net: $size;)* }

        $(
            #[test]
            fn $name() {
                let build = || {
                    dfdx::prelude::DeviceBuildExt::build_module::<$net, f32>(&dfdx::tensor::Cpu::default())
                };
                $crate::typed::compare::<$shape, _, _>(stringify!($name), build);
            }
        )*

        #[test]
        fn no_network_is_missing() {
            let mut names = vec![$(stringify!($name)),*];
            names.sort();
            assert_eq!(names, $crate::typed::family($family));
        }
    };
}

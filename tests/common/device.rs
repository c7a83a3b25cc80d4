//! Where sessions and trainers of the tests run.

use std::sync::OnceLock;

use cnn_lang::graph::Graph;
use cnn_runtime::engine::{
    Backend, Cpu, Cuda, EngineError, Isa, Number, Plan, Precision, Reference, Session, SessionOptions, Trainer,
    TrainerOptions,
};
use cnn_runtime::weights::StateDict;

/// A back end of the engine, with the kind of vectors that it uses. Tests that take one hold for every other: a new one is put
/// in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The portable kernels.
    Reference,
    /// The fast kernels.
    Cpu(Isa),
    /// Those of a graphics processor, the first one of this machine, in a precision.
    Cuda(Precision),
    /// The same on the processor.
    EmulatedCuda(Precision),
    /// The same without a library for convolutions.
    EmulatedKernels(Precision),
}

/// `cuda` or `cuda-emulated`: everything that computes in 32 bits runs there instead.
pub const WHERE: &str = "CNN_TEST_DEVICE";

/// The back end that is tested instead of this machine's, if one is.
fn instead() -> Option<Device> {
    match std::env::var(WHERE).ok()?.as_str() {
        "cuda" => Some(Device::Cuda(Precision::Full)),
        "cuda-emulated" => Some(Device::EmulatedCuda(Precision::Full)),
        other => panic!("{WHERE} is {other:?}; expected cuda or cuda-emulated"),
    }
}

/// The emulator of graphics processors, if this machine has the compiler that it wants.
fn emulator() -> Option<Device> {
    static WANTED: OnceLock<bool> = OnceLock::new();
    let there = WANTED.get_or_init(|| {
        let there = Cuda::emulated();
        there.iter().for_each(|_| println!("CUDA kernels are emulated"));
        let Err(error) = there else { return true };
        assert!(!error.to_string().contains("refuses the kernels"), "{error}");
        println!("CUDA kernels are left out: {error}");
        false
    });
    there.then_some(Device::EmulatedCuda(Precision::Full))
}

/// Numbers, and the back ends that compute with them.
pub trait Devices: Number {
    /// Every back end of this machine, that which the engine takes by itself first.
    fn devices() -> Vec<Device>;

    /// The back end.
    ///
    /// # Panics
    /// If it does not compute with these numbers.
    fn on(device: Device) -> Box<dyn Backend<Self>>;
}

impl Devices for f32 {
    fn devices() -> Vec<Device> {
        if let Some(device) = instead() {
            return vec![device];
        }
        let vectors = Isa::all().iter().rev();
        let here = vectors.map(|&isa| Device::Cpu(isa)).chain([Device::Reference]);
        here.chain(emulator()).collect()
    }

    fn on(device: Device) -> Box<dyn Backend<f32>> {
        match device {
            Device::Reference => Box::new(Reference::default()),
            Device::Cpu(isa) => {
                let cpu = Cpu::with_isa(isa);
                assert_eq!(cpu.isa(), isa, "the processor has it");
                Box::new(cpu)
            }
            Device::Cuda(precision) => {
                Box::new(Cuda::new(0).unwrap_or_else(|error| panic!("{error}")).with_precision(precision))
            }
            Device::EmulatedKernels(precision) => {
                Box::new(Cuda::emulated_kernels().unwrap_or_else(|error| panic!("{error}")).with_precision(precision))
            }
            Device::EmulatedCuda(precision) => {
                Box::new(Cuda::emulated().unwrap_or_else(|error| panic!("{error}")).with_precision(precision))
            }
        }
    }
}

impl Devices for f64 {
    fn devices() -> Vec<Device> {
        vec![Device::Reference]
    }

    fn on(device: Device) -> Box<dyn Backend<f64>> {
        match device {
            Device::Reference => Box::new(Reference::default()),
            device => panic!("{device:?} computes in 32 bits"),
        }
    }
}

impl Device {
    /// Whether it is that of graphics processors.
    #[must_use]
    pub fn is_graphics(self) -> bool {
        matches!(self, Device::Cuda(_) | Device::EmulatedCuda(_) | Device::EmulatedKernels(_))
    }

    /// The back ends of graphics processors that are tested, in this precision.
    pub fn graphics(precision: Precision) -> Vec<Device> {
        let with = |device| match device {
            Device::Cuda(_) => Some(Device::Cuda(precision)),
            Device::EmulatedCuda(_) => Some(Device::EmulatedCuda(precision)),
            Device::Reference | Device::Cpu(_) | Device::EmulatedKernels(_) => None,
        };
        f32::devices().into_iter().filter_map(with).collect()
    }

    /// Where case number `case` of many runs: on the back end that the engine takes by itself, one of `n` on all others too.
    #[must_use]
    pub fn of_case<E: Devices>(case: u64, n: u64) -> Vec<Device> {
        let mut devices = E::devices();
        if !case.is_multiple_of(n) {
            devices.truncate(1);
        }
        devices
    }

    /// A session there.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn session<E: Devices>(
        self,
        graph: &Graph,
        weights: &StateDict<E>,
        options: SessionOptions,
    ) -> Result<Session<E>, EngineError> {
        Session::on(&*E::on(self), graph, weights, options)
    }

    /// A trainer there.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn trainer<E: Devices>(
        self,
        graph: &Graph,
        weights: &StateDict<E>,
        options: TrainerOptions,
    ) -> Result<Trainer<E>, EngineError> {
        Trainer::on(E::on(self).into(), graph, weights, options)
    }

    /// The plan of a session there.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn plan_inference<E: Devices>(self, graph: &Graph, options: SessionOptions) -> Result<Plan, EngineError> {
        cnn_runtime::engine::plan_inference(&*E::on(self), graph, options)
    }

    /// The plan of a trainer there.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn plan_training<E: Devices>(self, graph: &Graph, options: &TrainerOptions) -> Result<Plan, EngineError> {
        cnn_runtime::engine::plan_training(&*E::on(self), graph, options).map(|(plan, _)| plan)
    }
}

//! Where sessions and trainers of the tests run.

use cnn_lang::graph::Graph;
use cnn_runtime::engine::{
    Backend, Cpu, EngineError, Isa, Number, Plan, Reference, Session, SessionOptions, Trainer, TrainerOptions,
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
        let vectors = Isa::all().iter().rev();
        vectors.map(|&isa| Device::Cpu(isa)).chain([Device::Reference]).collect()
    }

    fn on(device: Device) -> Box<dyn Backend<f32>> {
        match device {
            Device::Reference => Box::new(Reference::default()),
            Device::Cpu(isa) => {
                let cpu = Cpu::with_isa(isa);
                assert_eq!(cpu.isa(), isa, "the processor has it");
                Box::new(cpu)
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
            Device::Cpu(_) => panic!("{device:?} computes in 32 bits"),
        }
    }
}

impl Device {
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

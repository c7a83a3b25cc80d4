//! What the loss is multiplied by where gradients have few digits.

/// A power of two that keeps small gradients from becoming zero in f16: it falls where a gradient is not finite, and rises after
/// many steps in which all were. Micikevicius et al. 2017, <https://arxiv.org/abs/1710.03740>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LossScale {
    exponent: u32,
    /// Steps since it last changed in which all was finite.
    finite: u32,
}

/// Finite steps after which it is tried twice as large.
const PATIENCE: u32 = 2000;
/// Beyond that nothing is gained: the least number of f16, 2^-24, is 1 then.
const MOST: u32 = 24;

impl LossScale {
    pub const FIRST: LossScale = LossScale { exponent: 16, finite: 0 };

    pub fn factor(self) -> f64 {
        f64::from(self.exponent).exp2()
    }

    /// Learns of a step. Whether it is to blame if gradients were not finite: a loss that is not multiplied is not.
    pub fn learn(&mut self, finite: bool) -> bool {
        let LossScale { exponent, finite: so_far } = *self;
        *self = match finite {
            true if so_far + 1 >= PATIENCE => LossScale { exponent: MOST.min(exponent + 1), finite: 0 },
            true => LossScale { exponent, finite: so_far + 1 },
            false => LossScale { exponent: exponent.saturating_sub(1), finite: 0 },
        };
        !finite && exponent > 0
    }

    /// As a checkpoint holds it.
    pub fn numbers(self) -> [f64; 2] {
        [self.exponent, self.finite].map(f64::from)
    }

    /// What a checkpoint holds; as far as it makes sense.
    pub fn of([exponent, finite]: [f64; 2]) -> LossScale {
        LossScale { exponent: MOST.min(exponent as u32), finite: PATIENCE.min(finite as u32) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::backend::{Backend, Executor, Use};
    use crate::engine::constant_reader::ConstantReader;
    use crate::engine::error::EngineError;
    use crate::engine::operation::Operation;
    use crate::engine::plan::Plan;
    use crate::engine::precision::Precision;
    use crate::engine::storage::Layout;
    use crate::engine::{Clip, Cpu, Reference, Targets, Trainer, TrainerOptions};
    use crate::weights::StateDict;

    /// A back end that says it has few digits.
    struct Coarse<B>(B);

    impl<B: Backend<f32>> Backend<f32> for Coarse<B> {
        fn layout(&self) -> Layout {
            self.0.layout()
        }

        fn precision(&self) -> Precision {
            Precision::F16
        }

        fn workspace(&self, of: &Use<'_>) -> usize {
            self.0.workspace(of)
        }

        fn stored(&self, operation: &Operation, input: usize) -> Option<usize> {
            self.0.stored(operation, input)
        }

        fn prepare(
            &self,
            plan: Arc<Plan>,
            constants: &mut ConstantReader<'_, f32>,
        ) -> Result<Box<dyn Executor<f32>>, EngineError> {
            self.0.prepare(plan, constants)
        }
    }

    const NORMED: &str = "Normed: 2x6x6 -> 3; stem conv(4, 3) -> bn -> relu; head gap -> linear(3);";

    /// Its gradients grow with the images.
    const PLAIN: &str = "Plain: 2x6x6 -> 3; head gap -> linear(3);";

    fn trainer(source: &str, backend: impl Backend<f32> + 'static, options: TrainerOptions) -> Trainer {
        let graph = cnn_lang::load(source, None).unwrap_or_else(|errors| panic!("{}", errors[0]));
        let weights = StateDict::init(&graph, 1).unwrap();
        Trainer::on(Arc::new(backend), &graph, &weights, options).unwrap()
    }

    /// Images from 0 to the largest.
    fn images(largest: f32) -> Vec<f32> {
        (0..4 * 72).map(|index| largest * (index * 37 % 101) as f32 / 100.0).collect()
    }

    const LABELS: Targets<'static, f32> = Targets::Labels(&[0, 1, 2, 1]);

    /// Powers of two cost no digits: everything is as without, to the bit.
    #[test]
    fn what_the_loss_is_multiplied_by_is_seen_nowhere() {
        let all = [None, Some(Clip::Norm(0.5)), Some(Clip::Value(0.05))];
        for (clip, parts) in all.into_iter().flat_map(|clip| [(clip, 1), (clip, 2)]) {
            let options = TrainerOptions { batch: 4, clip, parts, keep_gradients: true, ..Default::default() };
            let run = |mut trainer: Trainer| {
                let losses: Vec<f64> = (0..4).map(|_| trainer.step(&images(1.0), LABELS, 0.1).unwrap().loss).collect();
                (losses, trainer.weights(), trainer.gradients())
            };
            assert_eq!(
                run(trainer(NORMED, Cpu::default(), options.clone())),
                run(trainer(NORMED, Coarse(Cpu::default()), options.clone()))
            );
            assert_eq!(
                run(trainer(NORMED, Reference::default(), options.clone())),
                run(trainer(NORMED, Coarse(Reference::default()), options.clone()))
            );
            println!("{clip:?} in {parts} parts: the same bits with and without a factor");
        }
    }

    /// Too large a factor costs a step, which moves nothing but the factor; what goes on from a checkpoint knows it.
    #[test]
    fn a_step_with_too_large_a_factor_is_skipped() {
        let options = TrainerOptions { batch: 4, ..Default::default() };
        let mut trainer = trainer(PLAIN, Coarse(Cpu::default()), options.clone());
        let before = trainer.weights();
        // Gradients of the first weights are finite but for the factor.
        let huge = images(1e35);
        let first = trainer.step(&huge, LABELS, 1e-30).unwrap();
        println!("{first:?}");
        assert!(first.skipped && first.is_search_for_scale() && first.not_finite().is_none());
        let parameters = |weights: &StateDict<f32>| {
            let is_parameter = |name: &str| name.ends_with("weight") || name.ends_with("bias");
            let tensors = weights.tensors().iter().filter(|tensor| is_parameter(&tensor.name));
            tensors.map(|tensor| tensor.data.clone()).collect::<Vec<_>>()
        };
        assert_eq!(parameters(&trainer.weights()), parameters(&before));
        assert_eq!(trainer.loss_scale.unwrap().exponent, LossScale::FIRST.exponent - 1);
        let bytes = trainer.checkpoint().unwrap();
        let mut other = self::trainer(PLAIN, Coarse(Cpu::default()), options);
        other.restore("checkpoint", &bytes).unwrap();
        assert_eq!(other.loss_scale, trainer.loss_scale);
        // What is infinite without a factor has diverged, and is not the factor's fault.
        let known = trainer.loss_scale;
        let last = trainer.step(&images(f32::INFINITY), LABELS, 0.1).unwrap();
        println!("{last:?}");
        assert_eq!((last.skipped, trainer.loss_scale), (false, known));
        assert!(last.not_finite().is_some_and(|(what, got)| what == "loss" && !got.is_finite()));
    }

    #[test]
    fn it_falls_at_once_and_rises_with_patience() {
        let mut scale = LossScale::FIRST;
        for step in 0..3 * PATIENCE {
            assert!(!scale.learn(true));
            let risen = (step + 1) / PATIENCE;
            assert_eq!(scale.factor(), f64::from(1 << (16 + risen)));
        }
        assert!(scale.learn(false), "a gradient that is not finite is the scale's fault");
        assert_eq!(LossScale::of(scale.numbers()), scale);
        let mut falls = 0;
        while scale.learn(false) {
            falls += 1;
        }
        println!("from 2^18 it falls {falls} times more");
        assert_eq!((falls, scale.factor()), (18, 1.0));
        (0..100 * PATIENCE).for_each(|_| {
            scale.learn(true);
        });
        assert_eq!(scale.factor(), f64::from(1 << MOST));
    }
}

//! One step, whole or in parts.

use cnn_lang::graph::Role;

use super::loss_scale::LossScale;
use super::options::check_targets;
use super::{Content, EngineError, Measure, Number, Targets, Trainer, mix};
use crate::engine::backend::{Feed, Images, Part, Preloaded};
use crate::engine::optimizer::Rule;
use crate::engine::pixels::Given;

/// What a step measured, before it moved the parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepReport {
    /// What was minimised: the logits' mean cross-entropy, and the auxiliary ones times their shares.
    pub loss: f64,
    /// Mean cross-entropy of the logits.
    pub main_loss: f64,
    /// Mean cross-entropies of the auxiliary outputs.
    pub auxiliary_losses: Vec<f64>,
    /// Samples whose largest logit is at their label.
    pub correct: usize,
    /// Samples of the step.
    pub samples: usize,
    /// Norm of all gradients before they were clipped, where they are clipped by it or looked at for what is not finite.
    pub gradient_norm: Option<f64>,
    /// Whether no parameter and no average moved, because a gradient was not finite: where [`TrainerOptions::skip_non_finite`](super::TrainerOptions::skip_non_finite)
    /// asks for it, which keeps running statistics too, and in f16, where the loss was multiplied by too much.
    pub skipped: bool,
    /// What the loss was multiplied by so that small gradients were not lost: 1 but in f16.
    pub loss_scale: f64,
}

impl StepReport {
    /// Whether it only found out that the loss was multiplied by too much; what it measured holds.
    pub fn is_search_for_scale(&self) -> bool {
        self.skipped && self.loss_scale > 1.0 && self.loss.is_finite()
    }

    /// What was not finite, and what it was, unless the step was skipped for that: the training has diverged.
    pub fn not_finite(&self) -> Option<(&'static str, f64)> {
        let all = [("loss", Some(self.loss)), ("norm of the gradients", self.gradient_norm)];
        let found = all.into_iter().find_map(|(what, got)| got.filter(|got| !got.is_finite()).map(|got| (what, got)));
        found.filter(|_| !self.skipped)
    }
}

impl<E: Number> Trainer<E> {
    /// One step: forward, backward, update with this learning rate. `images` holds 1 to
    /// [`TrainerOptions::batch`](super::TrainerOptions::batch) samples, as numbers or as [`Pixels`](crate::engine::Pixels).
    ///
    /// # Errors
    /// If images and targets do not fit each other or the network, or what thaws now needs memory that is not to be had;
    /// nothing is changed then.
    pub fn step<'a>(
        &mut self,
        images: impl Into<Given<'a, E>>,
        targets: Targets<'_, E>,
        rate: f64,
    ) -> Result<StepReport, EngineError> {
        let images = images.into();
        let samples = images.samples(self.graph.input_shape(), self.options.batch)?;
        match images {
            // In parts an image and its partner may be in different ones.
            Given::Pixels(pixels) if self.stage.executor.takes_pixels() && samples <= self.stage.plan.batch => {
                self.go(Images::Pixels(pixels), samples, None, targets, rate)
            }
            images => self.go(Images::Here(&images.numbers()), samples, None, targets, rate),
        }
    }

    /// Brings the images of the next step to the device: [`Self::step_preloaded`] takes them from there.
    ///
    /// # Errors
    /// If they are no whole number of samples or too many, or memory is not to be had.
    pub fn preload<'a>(&mut self, images: impl Into<Given<'a, E>>) -> Result<(), EngineError> {
        let images = images.into();
        let samples = images.samples(self.graph.input_shape(), self.options.batch)?;
        let taken = self.preloads(samples, self.steps) && self.stage.executor.preload(images)?;
        self.preloaded = Some(Preloaded::of(images, taken.then_some(samples)));
        Ok(())
    }

    /// [`Self::step`] on the images that were preloaded. Those of the step after this one, if they are given, are copied to the
    /// device while it computes this one: a training that always knows its next batch does not wait for copies.
    ///
    /// # Errors
    /// As [`Self::step`], and if nothing was preloaded.
    pub fn step_preloaded(
        &mut self,
        targets: Targets<'_, E>,
        rate: f64,
        next: Option<Given<'_, E>>,
    ) -> Result<StepReport, EngineError> {
        let of = |images: Given<'_, E>| images.samples(self.graph.input_shape(), self.options.batch);
        let following = next.map(of).transpose()?;
        // Another plan has other memory, and forgets what was brought to the last one's.
        self.enter_stage()?;
        let Some(preloaded) = self.preloaded.take() else { return Err(EngineError::NotPreloaded) };
        let there = following.filter(|&samples| self.preloads(samples, self.steps + 1));
        let (images, count) = preloaded.images(self.graph.input_shape().elements());
        let report = self.go(images, count, next.filter(|_| there.is_some()), targets, rate)?;
        self.preloaded = next.map(|images| Preloaded::of(images, there));
        Ok(report)
    }

    /// Whether the device may have the images of a step before the step begins: a step of several parts has them in parts, and
    /// one that another plan begins with has other memory.
    fn preloads(&self, samples: usize, step: u64) -> bool {
        let same_plan = self.options.stage(step) == self.stage.number;
        self.stage.executor.preloads() && same_plan && samples <= self.stage.plan.batch
    }

    fn go(
        &mut self,
        images: Images<'_, E>,
        samples: usize,
        next: Option<Given<'_, E>>,
        targets: Targets<'_, E>,
        rate: f64,
    ) -> Result<StepReport, EngineError> {
        check_targets(targets, samples, &self.graph)?;
        if !rate.is_finite() {
            return Err(EngineError::Setting { name: "learning rate", expected: "finite", got: rate });
        }
        self.enter_stage()?;
        let counted = self.uncounted;
        let statistics = if self.options.skip_non_finite { self.statistics() } else { Vec::new() };
        let seed = mix(mix(self.options.seed).wrapping_add(self.steps + 1));
        let (input, classes) = (self.graph.input_shape().elements(), self.graph.output_shape().elements());
        self.sums.fill(Measure::default());
        let loss_scale = self.loss_scale.map_or(1.0, LossScale::factor);
        self.scaled_by = loss_scale;
        let mut gradient_norm = None;
        for (index, first) in (0..samples).step_by(self.stage.plan.batch).enumerate() {
            let count = self.stage.plan.batch.min(samples - first);
            let part = Part { first: first == 0, last: first + count == samples, share: count as f64 / samples as f64 };
            let targets = match targets {
                Targets::Labels(labels) => Targets::Labels(&labels[first..][..count]),
                Targets::Soft(rows) => Targets::Soft(&rows[first * classes..][..count * classes]),
            };
            let images = match images {
                Images::Here(images) => Images::Here(&images[first * input..][..count * input]),
                whole @ (Images::Pixels(_) | Images::Preloaded) => whole,
            };
            let feed = Feed {
                images,
                samples: count,
                next: next.filter(|_| part.last),
                targets,
                update: part.last.then(|| self.rule(rate)),
                paces: &self.paces,
                part,
                loss_scale,
                // Every part has masks of its own.
                seed: if index == 0 { seed } else { mix(seed.wrapping_add(index as u64)) },
                dropout: self.dropout,
            };
            gradient_norm = self.stage.executor.run(feed, &mut self.measures)?;
            for (sum, measure) in self.sums.iter_mut().zip(&self.measures) {
                sum.loss += measure.loss * part.share;
                sum.correct += measure.correct;
            }
            self.uncounted += 1;
        }
        self.steps += 1;
        let finite = gradient_norm.is_none_or(f64::is_finite);
        // A loss that is not finite was so before it was multiplied.
        let scale = self.loss_scale.as_mut().filter(|_| self.sums.iter().all(|measure| measure.loss.is_finite()));
        let scaled_too_much = scale.is_some_and(|scale| scale.learn(finite));
        let skipped = scaled_too_much || self.options.skip_non_finite && !finite;
        if skipped && self.options.skip_non_finite {
            self.uncounted = counted;
            statistics.iter().for_each(|(index, values)| self.stage.executor.set_state(*index, values));
        }
        Ok(StepReport {
            loss: self.sums.iter().zip(&self.shares).map(|(measure, share)| measure.loss * share).sum(),
            main_loss: self.sums[0].loss,
            auxiliary_losses: self.sums[1..].iter().map(|measure| measure.loss).collect(),
            correct: self.sums[0].correct,
            samples,
            gradient_norm,
            skipped,
            loss_scale,
        })
    }

    fn rule(&self, rate: f64) -> Rule {
        let options = &self.options;
        let number = self.steps + 1;
        let young = (1.0 + number as f64) / (10.0 + number as f64);
        let decay = options.average.unwrap_or(0.0);
        Rule {
            optimizer: options.optimizer,
            rate,
            weight_decay: options.weight_decay,
            clip: options.clip,
            average_decay: if options.average_warm_up { decay.min(young) } else { decay },
            number,
            skip_non_finite: options.skip_non_finite || self.loss_scale.is_some(),
        }
    }

    /// Running statistics, which the forward pass of a step moves before anybody knows of its gradients.
    fn statistics(&self) -> Vec<(usize, Vec<E>)> {
        let moves =
            |content| matches!(content, Content::Entry(tensor) if self.template.role(tensor) == Some(Role::Buffer));
        let states = self.stage.plan.states.iter().enumerate().filter(|(_, state)| moves(state.content));
        states.map(|(index, _)| (index, self.stage.executor.state(index))).collect()
    }

    /// From the next step on, dropout and drop path drop with so many times the probability that the network says, from 0
    /// to 1: noise that grows or fades during a training. Morerio et al. 2017, <https://arxiv.org/abs/1703.06229>. A
    /// checkpoint does not hold it.
    ///
    /// # Errors
    /// If it is not from 0 to 1.
    pub fn set_dropout(&mut self, share: f64) -> Result<(), EngineError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(EngineError::Setting { name: "share of the dropout", expected: "from 0 to 1", got: share });
        }
        self.dropout = share;
        Ok(())
    }
}

//! One-shot search: all members share weights. Guo et al. 2020 (single path one-shot), <https://arxiv.org/abs/1904.00420>.

use std::collections::HashMap;
use std::sync::Arc;

use cnn_lang::graph::Graph;
use cnn_lang::space::Genome;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::domain::Members;
use super::error::SearchError;
use super::evaluate::Split;
use crate::engine::{Backend, EngineError, LossScale, Optimizer, Session, Trainer, TrainerOptions};
use crate::train::{Evaluation, Settings, TrainError, evaluate, targets};
use crate::weights::StateDict;

/// The weights of a whole space. Members that have a tensor of the same name and shape share it: an option's own tensors, and
/// what stands around a choice, mostly.
///
/// Each step of the training draws a member and moves its weights alone, by SGD without momentum. A member is judged with the
/// weights that it inherits, after the statistics of its batch norms have been taken anew. What is shared stays on the processor:
/// each step brings a member's weights to the device and back.
pub struct Supernet {
    members: Arc<dyn Members>,
    settings: Settings,
    backend: Arc<dyn Backend<f32>>,
    /// By name and shape.
    pool: HashMap<(String, Vec<usize>), Vec<f32>>,
    /// Planned members, the one used last at the end.
    planned: Vec<(Genome, Trainer)>,
    /// What the loss of whoever trains next is multiplied by, where it is.
    loss_scale: Option<LossScale>,
    steps: u64,
}

/// Members that are kept planned.
const PLANNED: usize = 64;

/// Batches that statistics of batch norms are taken from.
const CALIBRATION: usize = 16;

impl Supernet {
    /// Untrained weights. Of the settings, batch, learning rate, schedule, weight decay, label smoothing, seed, device and
    /// precision count.
    ///
    /// # Errors
    /// If the device is not to be had, or nothing multiplies so.
    pub fn new(members: Arc<dyn Members>, settings: Settings) -> Result<Supernet, SearchError> {
        let backend = settings.device.backend(settings.precision).map_err(TrainError::from)?;
        Ok(Supernet {
            members,
            settings,
            backend,
            pool: HashMap::new(),
            planned: Vec::new(),
            loss_scale: None,
            steps: 0,
        })
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Numbers that the space shares so far.
    pub fn parameters(&self) -> usize {
        self.pool.values().map(Vec::len).sum()
    }

    /// What a member inherits; tensors that no member has trained yet begin as they would in a training of their own. Statistics of batch norms are
    /// those of whoever trained last.
    ///
    /// # Errors
    /// If the genome is no member.
    pub fn weights(&self, genome: &Genome) -> Result<StateDict<f32>, SearchError> {
        self.inherited(&self.members.graph(genome)?)
    }

    fn inherited(&self, graph: &Graph) -> Result<StateDict<f32>, SearchError> {
        let mut weights = StateDict::init(graph, self.settings.seed).map_err(TrainError::from)?;
        for index in 0..weights.tensors().len() {
            let tensor = &weights.tensors()[index];
            if let Some(values) = self.pool.get(&(tensor.name.clone(), tensor.shape.clone())) {
                weights.tensor_mut(index).clone_from(values);
            }
        }
        Ok(weights)
    }

    /// A member's trainer, with the weights that it inherits now.
    fn trainer(&mut self, genome: &Genome) -> Result<Trainer, SearchError> {
        if let Some(at) = self.planned.iter().position(|(known, _)| known == genome) {
            let (_, mut trainer) = self.planned.remove(at);
            trainer.set_weights(&self.inherited(trainer.graph())?).map_err(TrainError::from)?;
            return Ok(trainer);
        }
        let graph = self.members.graph(genome)?;
        let options = TrainerOptions {
            optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false },
            ..self.settings.trainer_options(1)
        };
        let weights = self.inherited(&graph)?;
        loop {
            match Trainer::on(self.backend.clone(), &graph, &weights, options.clone()) {
                // Those that were not used for the longest time make room.
                Err(EngineError::Device { .. } | EngineError::Memory { .. }) if !self.planned.is_empty() => {
                    self.planned.drain(..self.planned.len().div_ceil(2));
                }
                result => return Ok(result.map_err(TrainError::from)?),
            }
        }
    }

    fn keep(&mut self, genome: Genome, trainer: Trainer) {
        if self.planned.len() >= PLANNED {
            self.planned.remove(0);
        }
        self.planned.push((genome, trainer));
    }

    /// Trains for the settings' epochs, a member drawn for each step. The mean loss of the last epoch.
    ///
    /// # Errors
    /// If the engine cannot train a member, or a loss is no longer finite.
    pub fn train(&mut self, split: &Split) -> Result<f64, SearchError> {
        let Settings { batch, epochs, learning_rate, .. } = self.settings;
        let per_epoch = split.train.len().div_ceil(batch) as u64;
        let mut mean = 0.0;
        for epoch in 0..epochs {
            let mut sum = 0.0;
            for images in split.batches(&self.settings, epoch) {
                let images = images.map_err(TrainError::from)?;
                let mut rng = ChaCha8Rng::seed_from_u64(self.settings.seed);
                rng.set_stream(self.steps);
                let genome = self.members.sample(&mut rng)?;
                let mut trainer = self.trainer(&genome)?;
                let rate = self.settings.schedule.rate(learning_rate, self.steps, per_epoch, epochs);
                trainer.set_loss_scale(self.loss_scale);
                let report = trainer.step(&images.images, targets(&images.labels), rate).map_err(TrainError::from)?;
                self.loss_scale = trainer.loss_scale();
                self.steps += 1;
                if let Some((loss, got)) = report.not_finite() {
                    return Err(TrainError::Diverged { loss, got, step: self.steps, rate }.into());
                }
                sum += report.loss;
                for tensor in trainer.weights().tensors() {
                    self.pool.insert((tensor.name.clone(), tensor.shape.clone()), tensor.data.clone());
                }
                self.keep(genome, trainer);
            }
            mean = sum / per_epoch as f64;
        }
        Ok(mean)
    }

    /// How a member does on held-out images with the weights that it inherits, and these weights with its own statistics: something to
    /// go on training from.
    ///
    /// # Errors
    /// If the engine cannot run it.
    pub fn judge(&mut self, genome: &Genome, split: &Split) -> Result<(Evaluation, StateDict<f32>), SearchError> {
        let mut trainer = self.trainer(genome)?;
        for images in split.batches(&self.settings, 0).take(CALIBRATION) {
            let images = images.map_err(TrainError::from)?;
            // Nothing moves but the statistics.
            trainer.step(&images.images, targets(&images.labels), 0.0).map_err(TrainError::from)?;
        }
        let weights = trainer.weights();
        let options = self.settings.session_options(self.settings.batch);
        let mut session = Session::on(&*self.backend, trainer.graph(), &weights, options).map_err(TrainError::from)?;
        let evaluation = evaluate(&mut session, &split.held_out)?;
        self.keep(genome.clone(), trainer);
        Ok((evaluation, weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Domain, Networks};

    const SPACE: &str = "Small(classes = 10): 1x12x12 -> classes;
        stem conv(8, 3, pad = 1) -> bn -> relu -> maxpool(2);
        body choose { conv(12, 3, pad = 1) -> bn -> relu; conv(12, 1) -> bn -> relu; };
        head gap -> linear(classes);";

    fn held_out(validation: f64) -> crate::train::ImageSettings {
        crate::train::ImageSettings { validation, ..Default::default() }
    }

    fn split(settings: &Settings, networks: &Networks) -> Split {
        let evaluation = crate::search::evaluate::Evaluation { training: settings.clone(), definition: String::new() };
        let any = networks.members(1000).unwrap().remove(0);
        Split::load(&evaluation, &networks.graph(&any).unwrap()).unwrap()
    }

    #[test]
    fn members_share_what_they_have_in_common_and_learn() {
        let networks = Arc::new(Networks::load(SPACE).unwrap());
        let settings = Settings {
            digits: [500, 20],
            images: held_out(0.2),
            epochs: 25,
            learning_rate: 0.2,
            ..Settings::new("Small")
        };
        let split = split(&settings, &networks);
        let mut first = Supernet::new(networks.clone(), Settings { epochs: 1, ..settings.clone() }).unwrap();
        let early = first.train(&split).unwrap();
        let train = || {
            let mut supernet = Supernet::new(networks.clone(), settings.clone()).unwrap();
            let loss = supernet.train(&split).unwrap();
            (supernet, loss)
        };
        let (mut supernet, late) = train();
        assert!(late < 0.95 * early, "{early} then {late}");
        assert_eq!(supernet.steps(), 325);
        let members = networks.members(10).unwrap();
        let [a, b] = [0, 1].map(|index| supernet.weights(&members[index]).unwrap());
        let (shared, own): (Vec<_>, Vec<_>) = a.tensors().iter().partition(|tensor| b.tensors().contains(tensor));
        assert!(shared.len() > 5 && own.len() == 1, "{} shared, {} of its own", shared.len(), own.len());
        for genome in &members {
            let (evaluation, weights) = supernet.judge(genome, &split).unwrap();
            println!("{genome}: accuracy {:.2} with inherited weights", evaluation.accuracy);
            assert!(evaluation.accuracy > 0.15);
            assert_eq!(supernet.judge(genome, &split).unwrap().1, weights, "judging changes nothing");
        }
        assert_eq!(train().0.weights(&members[0]).unwrap(), a, "the same seed, the same bits");
    }

    /// 64 members, each trained by itself too.
    #[test]
    #[ignore = "trains 64 networks and a supernet, minutes in release"]
    fn inherited_weights_rank_members_as_training_does() {
        use crate::search::Verdict;
        use crate::search::evaluate::{Ended, kendall_tau, train_short};
        use crate::search::proxies::{grad_norm, jacob_cov, synflow};
        let source = "Ranked(classes = 10): 1x16x16 -> classes;
            stem conv(8, 3, pad = 1) -> bn -> relu;
            body \"a\": choose { conv(16, 3, pad = 1) -> bn -> relu; conv(16, 1) -> bn -> relu; dwconv(3, pad = 1) -> bn -> relu -> conv(16, 1) -> bn -> relu; conv(16, 5, pad = 2) -> bn -> relu; } -> maxpool(2);
                 \"b\": choose { conv(24, 3, pad = 1) -> bn -> relu; conv(24, 1) -> bn -> relu; dwconv(3, pad = 1) -> bn -> relu -> conv(24, 1) -> bn -> relu; conv(24, 5, pad = 2) -> bn -> relu; } -> maxpool(2);
                 \"c\": choose { conv(32, 3, pad = 1) -> bn -> relu; conv(32, 1) -> bn -> relu; dwconv(3, pad = 1) -> bn -> relu -> conv(32, 1) -> bn -> relu; conv(32, 5, pad = 2) -> bn -> relu; };
            head gap -> linear(classes);";
        let networks = Arc::new(Networks::load(source).unwrap());
        let members = networks.members(64).unwrap();
        assert_eq!(members.len(), 64);
        let alone = Settings {
            digits: [2000, 20],
            images: held_out(0.5),
            epochs: 4,
            learning_rate: 4e-3,
            ..Settings::new("Ranked")
        };
        let evaluation = crate::search::evaluate::Evaluation { training: alone.clone(), definition: String::new() };
        let split = Split::load(&evaluation, &networks.graph(&members[0]).unwrap()).unwrap();
        let shared = Settings { epochs: 60, learning_rate: 0.1, ..alone.clone() };
        let mut supernet = Supernet::new(networks.clone(), shared).unwrap();
        let began = std::time::Instant::now();
        let loss = supernet.train(&split).unwrap();
        println!("supernet: {} steps in {:.0} s, loss {loss:.3}", supernet.steps(), began.elapsed().as_secs_f64());
        let mut images = vec![0.0; 64 * split.train.image_len()];
        for (index, image) in images.chunks_exact_mut(split.train.image_len()).enumerate() {
            split.train.image(index, image).unwrap();
        }
        let labels: Vec<usize> = (0..64).map(|index| split.train.label(index)).collect();
        let cpu = alone.device.backend(alone.precision).unwrap();
        let mut pairs = Vec::new();
        let mut proxies: [Vec<(f64, f64)>; 4] = Default::default();
        for genome in &members {
            let graph = networks.graph(genome).unwrap();
            let ended =
                train_short(&cpu, &graph, &alone, &split, &|| false, &mut |_, _| Ok(Verdict::Continue)).unwrap();
            let Ended::Done(trained) = ended else { panic!("it was not stopped") };
            let inherited = supernet.judge(genome, &split).unwrap().0;
            pairs.push((inherited.accuracy, trained.accuracy));
            let weights = StateDict::init(&graph, alone.seed).unwrap();
            let scores = [
                synflow(&graph, alone.seed).unwrap(),
                grad_norm(&*cpu, &graph, &weights, &images, &labels).unwrap(),
                jacob_cov(&*cpu, &graph, &weights, &images).unwrap(),
                networks.costs(genome).unwrap().macs as f64,
            ];
            proxies.iter_mut().zip(scores).for_each(|(all, score)| all.push((score, trained.accuracy)));
        }
        let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len() as f64;
        let tau = kendall_tau(&pairs);
        println!(
            "Kendall tau {tau:.2} over 64 members; mean accuracy {:.3} inherited, {:.3} trained alone; {:.0} s in all",
            mean(|pair| pair.0),
            mean(|pair| pair.1),
            began.elapsed().as_secs_f64()
        );
        let [synflow, grad_norm, jacob_cov, macs] = proxies.each_ref().map(|pairs| kendall_tau(pairs));
        println!(
            "by proxies: synflow {synflow:.2}, grad_norm {grad_norm:.2}, jacob_cov {jacob_cov:.2}, multiply-adds {macs:.2}"
        );
        assert!(tau > 0.5, "{tau}");
    }
}

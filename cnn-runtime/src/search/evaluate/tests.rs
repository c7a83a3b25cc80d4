use super::*;
use crate::engine::Cpu;
use crate::search::{Asked, Domain, Memory, Networks, Objective, Verdict};
use crate::train::{ImageSettings, targets};

const SPACE: &str = "Small(classes = 10): 1x12x12 -> classes;
    stem conv(choose(4, 8), 3, pad = 1) -> bn -> relu -> maxpool(2);
    body choose { conv(choose(8, 12), 3, pad = 1) -> bn -> relu; dwconv(3, pad = 1) -> relu; };
    head choose { gap; flatten; } -> linear(classes);";

fn networks() -> Arc<Networks> {
    Arc::new(Networks::load(SPACE).unwrap())
}

fn spec(objectives: &[&str]) -> Spec {
    let networks = networks();
    let training = Settings {
        digits: [240, 40],
        images: ImageSettings { validation: 0.25, ..Default::default() },
        epochs: 2,
        learning_rate: 4e-3,
        ..Settings::new("Small")
    };
    let evaluation = Evaluation { training, definition: SPACE.to_owned() };
    let objectives: Vec<Objective> = objectives.iter().map(|text| text.parse().unwrap()).collect();
    Spec {
        objectives,
        evaluation: serde_json::to_value(evaluation).unwrap(),
        ..Spec::new("Small", &*networks, Objective::maximise("accuracy"))
    }
}

fn trial() -> Trial {
    let genome = networks().sample(&mut ChaCha8Rng::seed_from_u64(5)).unwrap();
    Trial { genome, ..Trial::default() }
}

/// The outcome, and what was reported.
fn evaluated(spec: &Spec, threads: usize) -> (Evaluated, Vec<(u64, f64)>) {
    let evaluator = Evaluator::new(networks(), spec, None).unwrap();
    let mut reports = Vec::new();
    let mut report = |step, value| {
        reports.push((step, value));
        Ok(Verdict::Continue)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let evaluated = pool.install(|| evaluator.evaluate(&trial(), &|| false, &mut report)).unwrap();
    (evaluated, reports)
}

#[test]
fn a_member_is_trained_and_counted_the_same_on_any_number_of_threads() {
    let spec = spec(&["max:accuracy", "min:loss", "min:params", "min:macs", "min:activations"]);
    let (first, reports) = evaluated(&spec, 1);
    assert_eq!((&first, &reports), (&evaluated(&spec, 2).0, &evaluated(&spec, 2).1));
    let Evaluated::Told(Outcome::Values(values)) = first else { panic!("{first:?}") };
    assert_eq!(reports.iter().map(|report| report.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(values[0], reports[1].1);
    let graph = networks().graph(&trial().genome).unwrap();
    let costs = graph.costs();
    assert_eq!(values[2..], [costs.params as f64, costs.macs as f64, costs.activations as f64]);
    assert!(values[0] > 0.15 && values[1] > 0.0, "{values:?}");
    println!("accuracy {:.3} and loss {:.3} of held-out digits after two epochs on 180", values[0], values[1]);
}

/// What the loop in memory reaches is what a run in a folder does on the same images.
#[test]
fn a_short_training_is_that_of_a_run() {
    let spec = spec(&["min:loss"]);
    let evaluator = Evaluator::new(networks(), &spec, None).unwrap();
    let (split, training) = (evaluator.split().unwrap(), &evaluator.evaluation().training);
    let graph = networks().graph(&trial().genome).unwrap();
    let mut epochs = Vec::new();
    let mut each = |_: u64, short: &Short| {
        epochs.push(short.weights.clone());
        Ok(Verdict::Continue)
    };
    let ended = train_short(&evaluator.backend, &graph, training, split, &|| false, &mut each).unwrap();
    let Ended::Done(short) = ended else { panic!("{ended:?}") };
    let weights = StateDict::init(&graph, training.seed).unwrap();
    let mut trainer = crate::engine::Trainer::new(&graph, &weights, training.trainer_options(6)).unwrap();
    for (epoch, expected) in epochs.iter().enumerate() {
        for batch in split.batches(training, epoch) {
            let batch = batch.unwrap();
            let rate = training.schedule.rate(training.learning_rate, trainer.steps(), 6, 2);
            trainer.step(&batch.images, targets(&batch.labels), rate).unwrap();
        }
        assert_eq!(trainer.weights(), *expected);
    }
    assert_eq!(epochs.len(), 2);
    assert_eq!(trainer.weights(), short.weights);
    assert_eq!((split.train.len() + split.held_out.len(), split.test.len()), (240, 40));
}

#[test]
fn a_training_that_diverges_is_a_failed_trial() {
    let mut spec = spec(&["max:accuracy"]);
    let mut evaluation: Evaluation = serde_json::from_value(spec.evaluation.clone()).unwrap();
    evaluation.training.optimizer = crate::engine::Optimizer::SGD;
    evaluation.training.learning_rate = 1e30;
    spec.evaluation = serde_json::to_value(&evaluation).unwrap();
    let (ended, _) = evaluated(&spec, 1);
    let Evaluated::Told(Outcome::Failed(why)) = ended else { panic!("{ended:?}") };
    assert!(why.contains("expected a finite number"), "{why}");
    let mut none = evaluation.clone();
    none.training.images.validation = 0.0;
    let spec = Spec { evaluation: serde_json::to_value(none).unwrap(), ..spec };
    let message = Evaluator::new(networks(), &spec, None).err().unwrap().to_string();
    assert!(message.contains("share of validation images must be above 0"), "{message}");
    let spec = Spec { evaluation: serde_json::json!({"epochs": 3}), ..spec };
    assert!(
        Evaluator::new(networks(), &spec, None)
            .err()
            .unwrap()
            .to_string()
            .contains("the evaluation of Small is damaged")
    );
}

/// A further training is that of another seed on the same images; the same seed says what the trial said.
#[test]
fn members_are_confirmed_from_other_seeds() {
    let spec = spec(&["max:accuracy", "min:loss"]);
    let evaluator = Evaluator::new(networks(), &spec, None).unwrap();
    let Evaluated::Told(Outcome::Values(values)) = evaluated(&spec, 1).0 else { panic!("it was told") };
    let confirm = |seed| evaluator.confirm(&trial(), seed, &|| false).unwrap().unwrap();
    let same = confirm(evaluator.evaluation().training.seed);
    assert_eq!([same.accuracy, same.loss], values[..]);
    let [one, again, two] = [1, 1, 2].map(confirm);
    assert_eq!(one, again);
    assert!(one.loss != two.loss && one.loss != same.loss, "{one:?} {two:?}");
    assert!(one.test > 0.1 && one.test <= 1.0, "{one:?}");
    assert_eq!(evaluator.confirm(&trial(), 1, &|| true).unwrap(), None);
    let counted = Evaluator::new(networks(), &self::spec(&["min:macs"]), None).unwrap();
    let message = counted.confirm(&trial(), 1, &|| false).unwrap_err().to_string();
    assert!(message.contains("nothing is trained in this study"), "{message}");
}

/// Proxies are of the untrained network at the study's seed; nothing is trained for them.
#[test]
fn proxies_are_objectives() {
    let spec = spec(&["max:synflow", "max:grad_norm", "max:jacob_cov"]);
    let (first, reports) = evaluated(&spec, 1);
    assert_eq!((&first, reports.len()), (&evaluated(&spec, 2).0, 0));
    let Evaluated::Told(Outcome::Values(values)) = first else { panic!("{first:?}") };
    let graph = networks().graph(&trial().genome).unwrap();
    assert_eq!(values[0], synflow(&graph, 0).unwrap());
    println!("synflow {}, grad_norm {}, jacob_cov {}", values[0], values[1], values[2]);
    assert!(values.iter().all(|value| value.is_finite()) && values[1] > 0.0 && values[2] < 0.0, "{values:?}");
    // Without images, where none are needed.
    let spec = self::spec(&["max:synflow"]);
    let evaluator = Evaluator::new(networks(), &spec, None).unwrap();
    assert!(evaluator.split().is_none() && !evaluator.trains());
}

#[test]
fn trainings_are_pruned_and_stopped() {
    let spec = spec(&["max:accuracy"]);
    let evaluator = Evaluator::new(networks(), &spec, None).unwrap();
    let pruned = evaluator.evaluate(&trial(), &|| false, &mut |_, _| Ok(Verdict::Prune)).unwrap();
    assert_eq!(pruned, Evaluated::Told(Outcome::Pruned));
    let stopped = evaluator.evaluate(&trial(), &|| true, &mut |_, _| Ok(Verdict::Continue)).unwrap();
    assert_eq!(stopped, Evaluated::Stopped);
}

#[test]
fn objectives_are_named() {
    for (objective, expected) in [
        ("max:speed", "no objective speed; there are max:accuracy, min:loss, min:latency"),
        ("min:accuracy", "the objective min:accuracy goes the wrong way; write max:accuracy"),
    ] {
        let message = Evaluator::check(&spec(&[objective]), 1).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn weights_are_kept_of_the_front_alone() {
    let dir = tempfile::tempdir().unwrap();
    let spec = Spec { sampler: "random".parse().unwrap(), ..spec(&["max:accuracy", "min:params"]) };
    let evaluator = Evaluator::new(networks(), &spec, Some(dir.path().join("weights"))).unwrap();
    let mut study = Study::new(networks(), Box::new(Memory::new(spec).unwrap())).unwrap();
    for _ in 0..5 {
        let Asked::Trial(trial) = study.ask(5).unwrap() else { panic!("a trial") };
        let ended = evaluator.evaluate(&trial, &|| false, &mut |_, _| Ok(Verdict::Continue)).unwrap();
        let Evaluated::Told(outcome) = ended else { panic!("{ended:?}") };
        study.tell(&trial, outcome).unwrap();
    }
    evaluator.tidy(&study);
    let front: Vec<u64> = study.front().iter().map(|trial| trial.number).collect();
    for number in 0..5 {
        let kept = weights_file(&dir.path().join("weights"), number).is_file();
        assert_eq!(kept, front.contains(&number), "trial {number}");
    }
    let best = study.best().unwrap();
    let graph = networks().graph(&best.genome).unwrap();
    StateDict::<f32>::load(&graph, weights_file(&dir.path().join("weights"), best.number)).unwrap();
}

#[test]
fn latencies_are_measured_and_predicted() {
    let networks = networks();
    let graphs: Vec<Graph> =
        networks.members(100).unwrap().iter().map(|genome| networks.graph(genome).unwrap()).collect();
    let mut lookup = Lookup::new(Arc::new(Cpu::default()));
    for graph in graphs.iter().step_by(3) {
        lookup.learn(graph).unwrap();
    }
    let known = lookup.len();
    let error = lookup.error(&graphs).unwrap();
    println!("{known} operations learned, {} known in the end; {error}", lookup.len());
    assert!(error.median <= error.largest, "{error:?}");
    assert!(known > 5 && lookup.len() < 60 && error.networks == graphs.len());
    // Other tests run beside this one: only the order of magnitude is sure.
    assert!(error.mean < 1.0, "{error:?}");
    let measured = latency(&Cpu::default(), &graphs[0]).unwrap();
    assert!(measured.median > 0.0 && measured.spread >= 0.0 && measured.runs >= 11);
}

/// Whatever runs members, they are judged alike.
#[cfg(feature = "cuda")]
#[test]
fn a_graphics_processor_evaluates_members() {
    let Some(cuda) = crate::engine::Cuda::for_tests().map(Arc::new) else { return };
    let spec =
        spec(&["max:accuracy", "min:loss", "max:grad_norm", "max:jacob_cov", "min:latency", "min:predicted_latency"]);
    let values = |backend: Arc<dyn Backend<f32>>| {
        let evaluator = Evaluator::on(backend, networks(), &spec, None).unwrap();
        let evaluated = evaluator.evaluate(&trial(), &|| false, &mut |_, _| Ok(Verdict::Continue)).unwrap();
        let Evaluated::Told(Outcome::Values(values)) = evaluated else { panic!("{evaluated:?}") };
        let confirmed = evaluator.confirm(&trial(), 1, &|| false).unwrap().unwrap();
        (values, confirmed)
    };
    let (there, confirmed) = values(cuda);
    let (here, expected) = values(Arc::new(Cpu::default()));
    println!("emulated CUDA: {there:?}, {confirmed:?}\nprocessor: {here:?}, {expected:?}");
    for (there, here) in there.iter().zip(&here).take(4).chain([(&confirmed.loss, &expected.loss)]) {
        assert!((there / here - 1.0).abs() < 0.02, "{there} {here}");
    }
    assert!(there[4] > 0.0 && there[5] > 0.0, "{there:?}");
}

/// As studies were begun that knew no other devices.
#[test]
fn an_older_study_runs_on_the_processor() {
    let newer = spec(&["max:accuracy"]);
    let mut older = newer.clone();
    let training = older.evaluation["training"].as_object_mut().unwrap();
    training.remove("device").unwrap();
    training.remove("precision").unwrap();
    assert_eq!(Evaluation::of(&older).unwrap(), Evaluation::of(&newer).unwrap());
    older.same_as(&newer, "older.db").unwrap();
    let mut elsewhere = newer.clone();
    elsewhere.evaluation["training"]["device"] = "cuda:0".into();
    let message = older.same_as(&elsewhere, "older.db").unwrap_err().to_string();
    println!("{message}");
    assert!(message.contains("a study with device \"cpu\", not \"cuda:0\""), "{message}");
}

/// Nothing is measured on a graphics processor that others keep busy, and what is not to be had is said at once.
#[test]
fn devices_are_checked() {
    let on = |device: &str, objective: &str| {
        let mut spec = spec(&[objective]);
        spec.evaluation["training"]["device"] = device.into();
        spec
    };
    for objective in ["min:latency", "min:predicted_latency"] {
        let message = Evaluator::check(&on("cuda:99", objective), 2).unwrap_err().to_string();
        println!("{message}");
        assert!(message.contains("latencies on cuda:99 are measured with one worker, got 2"), "{message}");
        Evaluator::check(&on("cpu", objective), 2).unwrap();
    }
    let message = Evaluator::check(&on("cuda:99", "max:accuracy"), 2).unwrap_err().to_string();
    assert!(message.starts_with("cuda:99: ") && message.lines().count() == 1, "{message}");
}

#[test]
fn taus_are_kendalls() {
    let tau = |second: [f64; 4]| kendall_tau(&[1.0, 2.0, 3.0, 4.0].into_iter().zip(second).collect::<Vec<_>>());
    assert_eq!(tau([1.0, 2.0, 3.0, 4.0]), 1.0);
    assert_eq!(tau([4.0, 3.0, 2.0, 1.0]), -1.0);
    assert!((tau([1.0, 2.0, 4.0, 3.0]) - 4.0 / 6.0).abs() < 1e-12);
    assert_eq!(tau([1.0; 4]), 0.0);
}

//! Noisy Student and Meta Pseudo Labels: what their steps compute, what they refuse, that they come to the same bits.

use std::sync::Arc;

use cnn_lang::graph::Graph;
use cnn_runtime::data::{Augment, Collection, Dataset, Digits, Part, Preparation};
use cnn_runtime::engine::{Optimizer, Session, SessionOptions, Targets, Trainer, TrainerOptions};
use cnn_runtime::train::schemes::{
    FineTune, Learned, Learner, MetaPseudoLabels, Moment, NoisyStudent, Phase, PseudoLabels, SchemeError, Sort, Uda,
};
use cnn_runtime::train::{Schedule, evaluate};
use cnn_runtime::weights::StateDict;

/// A network without noise or batch statistics, so that an image's gradient is its own.
const NET: &str = "Net(classes = 10): 1x12x12 -> classes;
    stem conv(8, 3, stride = 2, pad = 1) -> relu; body conv(16, 3, stride = 2, pad = 1) -> relu; head flatten -> linear(classes);";
/// One with both.
const NOISY: &str = "Noisy(classes = 10): 1x12x12 -> classes;
    stem conv(12, 3, pad = 1) -> bn -> relu -> maxpool(2, stride = 2); body add { { conv(12, 3, pad = 1) -> bn -> drop_path(0.1) }; identity; } -> relu;
    head gap -> dropout(0.1) -> linear(classes);";

fn graph(source: &str) -> Graph {
    cnn_lang::load(source, None).unwrap_or_else(|errors| panic!("{}", errors[0]))
}

fn learner(source: &str, batch: usize, epochs: usize, seed: u64) -> Learner {
    let graph = graph(source);
    let weights = StateDict::init(&graph, seed).unwrap();
    let options = TrainerOptions { batch, optimizer: Optimizer::ADAMW, seed, ..TrainerOptions::default() };
    Learner { graph, weights, options, learning_rate: 3e-3, schedule: Schedule::Constant, epochs }
}

fn part(data: Dataset, augment: &str) -> Part {
    let augment: Augment = augment.parse().unwrap();
    let (shape, all) = (data.shape, (0..data.len()).collect());
    let channels = shape[0];
    let preparation = Preparation {
        shape,
        mean: vec![0.3; channels],
        std: vec![0.3; channels],
        augment,
        class_weights: None,
        skip: false,
    };
    Part::new(Arc::new(Collection::from(data)), all, Arc::new(preparation))
}

/// Labelled and unlabelled digits; the classes of the latter are wrong, so that whoever looks at them errs.
fn digits(few: usize, many: usize, augment: &str) -> (Part, Part, Vec<usize>) {
    let digits = Digits { seed: 5, shape: [1, 12, 12], noise: 0.3, clutter: 0.3, ..Digits::default() };
    let (labelled, mut rest) = digits.dataset(few + many).unwrap().split(few);
    let truth = rest.labels.clone();
    rest.labels.iter_mut().for_each(|label| *label = (*label + 1) % 10);
    (part(labelled, augment), part(rest, augment), truth)
}

fn bits(learned: &Learned) -> Vec<u32> {
    learned.weights.tensors().iter().flat_map(|tensor| &tensor.data).map(|x| x.to_bits()).collect()
}

fn message<T>(result: Result<T, SchemeError>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn pseudo_labels_are_the_teachers_probabilities_filtered_and_balanced() {
    let (_, images, _) = digits(10, 50, "crop:3,randaugment");
    let learner = learner(NET, 8, 1, 1);
    let teacher = Learned { graph: learner.graph.clone(), weights: learner.weights.clone() };
    let labels = PseudoLabels::predict(&teacher, &images, 7).unwrap();
    let mut session = Session::new(&teacher.graph, &teacher.weights, SessionOptions::default()).unwrap();
    for index in 0..50 {
        let mut image = vec![0.0; 144];
        images.image(index, &mut image).unwrap();
        let logits = session.run(&image).unwrap();
        let sum: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
        for (&p, &x) in labels.probabilities(index).iter().zip(logits) {
            assert!((f64::from(p) - f64::from(x).exp() / sum).abs() < 1e-5, "image {index}");
        }
    }
    println!("50 images: probabilities are those of the session, augmentation or not");

    let row = |class: usize, p: f32| (0..3).map(move |c| if c == class { p } else { (1.0 - p) / 2.0 });
    let rows = [(0, 0.9), (0, 0.5), (1, 0.8), (0, 0.7), (2, 0.4)];
    let rows = rows.iter().flat_map(|&(class, p)| row(class, p)).collect();
    let labels = PseudoLabels::new(vec![10, 11, 12, 13, 14], rows, 3).unwrap();
    assert_eq!(labels.counts(), [3, 1, 1]);
    let sure = labels.confident(0.6).unwrap();
    assert_eq!((sure.items(), sure.counts()), (&[10, 12, 13][..], vec![2, 1, 0]));
    let even = labels.balanced(2);
    assert_eq!((even.items(), even.counts()), (&[10, 13, 12, 12, 14, 14][..], vec![2, 2, 2]));
    assert!((even.confidence(1) - 0.7).abs() < 1e-6 && even.class(5) == 2);
    assert_eq!(
        message(labels.confident(0.95)),
        "no unlabelled image has a confidence of 0.95, the surest has 0.900: a lower one, or a better teacher"
    );
    let few = message(PseudoLabels::new(vec![1, 2], vec![0.5; 3], 2));
    assert_eq!(few, "number of probabilities must be images times classes, got 3 for 2 images and 2 classes");
}

#[test]
fn a_noised_student_surpasses_its_teacher_to_the_same_bits() {
    let (labelled, unlabelled, truth) = digits(40, 600, "crop:1");
    let digits = Digits { seed: 6, shape: [1, 12, 12], noise: 0.3, clutter: 0.3, ..Digits::default() };
    let test = part(digits.dataset(400).unwrap(), "none");
    let accuracy = |network: &Learned| evaluate(&mut network.session(50).unwrap(), &test).unwrap().accuracy;
    let teacher = learner(NET, 16, 30, 1).supervised(&labelled, &mut ()).unwrap();

    // Labels that are right: more than the teacher knows can be learned from them.
    let rows = truth.iter().flat_map(|&class| (0..10).map(move |c| f32::from(u8::from(c == class)))).collect();
    let right = PseudoLabels::new((0..600).collect(), rows, 10).unwrap();
    let scheme = NoisyStudent { confidence: 0.2, per_class: Some(60), ..NoisyStudent::default() };
    let student = learner(NOISY, 32, 6, 2);
    let taught = scheme.student(&student, &labelled, &unlabelled, &right, &mut ()).unwrap();
    let (before, after) = (accuracy(&teacher), accuracy(&taught));
    println!("teacher {before:.3}, a student of right labels {after:.3}");
    assert!(after > before + 0.05);

    for sort in [Sort::Soft, Sort::Hard] {
        let scheme = NoisyStudent { sort, ..scheme.clone() };
        let mut steps = Vec::new();
        let mut watch = |moment: &Moment| steps.push((moment.phase, moment.step, moment.steps));
        let students = [Learner { epochs: 2, ..student.clone() }, learner(NOISY, 32, 1, 3)];
        let first = scheme.run(&teacher, &students, &labelled, &unlabelled, &mut watch).unwrap();
        let counts = first[0].pseudo_labels.counts();
        assert!(counts.iter().all(|&count| count == 0 || count == 60), "{counts:?}");
        // 24 pseudo-labelled images a step.
        let per_epoch = first[0].pseudo_labels.len().div_ceil(24) as u64;
        assert_eq!(steps.first(), Some(&(Phase::Student, 1, 2 * per_epoch)));
        assert_eq!(steps.iter().filter(|step| step.1 == 2 * per_epoch).count(), 1);
        let second = scheme.run(&teacher, &students, &labelled, &unlabelled, &mut ()).unwrap();
        assert_eq!(bits(&first[1].student), bits(&second[1].student));
        println!("{sort:?}: {} steps, the same bits twice, {:.3}", steps.len(), accuracy(&first[1].student));
    }
}

/// The paper's step by other means: gradients of trainers that know nothing of the scheme.
#[test]
fn the_teacher_follows_the_students_feedback() {
    let (labelled, unlabelled, _) = digits(8, 24, "none");
    let sgd = Optimizer::Sgd { momentum: 0.0, nesterov: false };
    let of = |batch, seed, rate| {
        let mut learner = learner(NET, batch, 1, seed);
        learner.options.optimizer = sgd;
        Learner { learning_rate: rate, ..learner }
    };
    // Small, for what is of second order in it; large enough for f32.
    let (rate, factor) = (3e-5, 1e5);
    let (teacher, student) = (of(32, 1, 0.1), of(24, 2, rate));
    let scheme = MetaPseudoLabels { feedback: factor, baseline: None, draw: false, uda: None, fine_tune: None };
    let mut feedback = Vec::new();
    let mut watch = |moment: &Moment| feedback.extend(moment.feedback);
    let meta = scheme.run(&teacher, &student, &labelled, &unlabelled, &mut watch).unwrap();
    let [feedback] = feedback[..] else { panic!("one step, got {feedback:?}") };

    let images = |part: &Part| {
        let mut images = vec![0.0; part.len() * 144];
        images.chunks_mut(144).enumerate().for_each(|(i, image)| part.image(i, image).unwrap());
        images
    };
    let (known, unknown) = (images(&labelled), images(&unlabelled));
    let truth: Vec<usize> = (0..8).map(|i| labelled.label(i)).collect();
    let before = Learned { graph: teacher.graph.clone(), weights: teacher.weights.clone() };
    let labels = PseudoLabels::predict(&before, &unlabelled, 24).unwrap();
    let drawn: Vec<usize> = (0..24).map(|i| labels.class(i)).collect();
    let gradients = |learner: &Learner, images: &[f32], labels: &[usize]| {
        let options = TrainerOptions { keep_gradients: true, ..learner.options.clone() };
        let mut trainer = Trainer::new(&learner.graph, &learner.weights, options).unwrap();
        trainer.step(images, Targets::Labels(labels), 0.0).unwrap();
        trainer.gradients()
    };

    // The change of the loss is the rate times the product of both gradients, to first order.
    let [on_known, on_unknown] = [gradients(&student, &known, &truth), gradients(&student, &unknown, &drawn)];
    let dot: f64 = on_known
        .iter()
        .zip(&on_unknown)
        .flat_map(|(a, b)| a.1.iter().zip(&b.1))
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .sum();
    println!("feedback {feedback:.6e}, rate times product of gradients {:.6e}", rate * dot);
    assert!((feedback / (rate * dot) - 1.0).abs() < 0.05);

    // The teacher's step: labelled images, and its own labels times the feedback.
    let [own, told] = [gradients(&teacher, &known, &truth), gradients(&teacher, &unknown, &drawn)];
    let (mut worst, mut largest) = (0.0f64, 0.0f64);
    for (name, own) in &own {
        let told = &told.iter().find(|(other, _)| other == name).unwrap().1;
        let (begin, end) = (teacher.weights.get(name).unwrap(), meta.teacher.weights.get(name).unwrap());
        for (i, own) in own.iter().enumerate() {
            let step = f64::from(end.data[i]) - f64::from(begin.data[i]);
            let expected = -0.1 * (f64::from(*own) + factor * feedback * f64::from(told[i]));
            worst = worst.max((step - expected).abs());
            largest = largest.max(expected.abs());
        }
    }
    println!("the teacher's step, up to {largest:.1e}, differs by at most {worst:.1e}");
    assert!(worst < 3e-5 * largest);
    assert_eq!(bits(&meta.student), bits(&meta.pupil));
}

#[test]
fn meta_pseudo_labels_come_to_the_same_bits_and_learn() {
    let (labelled, unlabelled, _) = digits(40, 300, "crop:1,randaugment:1:3");
    let scheme = MetaPseudoLabels {
        uda: Some(Uda { weight: 1.0, warm_up: 10, temperature: 0.7, confidence: 0.5 }),
        fine_tune: Some(FineTune { epochs: 5, learning_rate: 1e-3, batch: 16 }),
        ..MetaPseudoLabels::default()
    };
    let (teacher, mut student) = (learner(NOISY, 48, 5, 1), learner(NOISY, 32, 5, 2));
    student.options.average = Some(0.9);
    let run = || {
        let mut phases = [0; 2];
        let mut watch = |moment: &Moment| match moment.phase {
            Phase::Meta => phases[0] += 1,
            Phase::FineTuning => phases[1] += 1,
            Phase::Supervised | Phase::Student => panic!("{moment:?}"),
        };
        let meta = scheme.run(&teacher, &student, &labelled, &unlabelled, &mut watch).unwrap();
        (meta, phases)
    };
    let (first, phases) = run();
    assert_eq!(phases, [50, 15]);
    let (second, _) = run();
    for (a, b) in [(&first.teacher, &second.teacher), (&first.pupil, &second.pupil), (&first.student, &second.student)]
    {
        assert_eq!(bits(a), bits(b));
    }
    let accuracy = |network: &Learned| evaluate(&mut network.session(50).unwrap(), &labelled).unwrap().accuracy;
    let found = [&first.teacher, &first.pupil, &first.student].map(accuracy);
    println!("50 meta steps, 15 of fine-tuning, the same bits twice; teacher, pupil, student {found:.3?}");
    assert!(found[0] > 0.3 && found[2] >= found[1]);
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    let (labelled, unlabelled, _) = digits(10, 20, "none");
    let usual = learner(NET, 8, 1, 1);
    let teacher = Learned { graph: usual.graph.clone(), weights: usual.weights.clone() };
    let labels = PseudoLabels::predict(&teacher, &unlabelled, 8).unwrap();
    let student = |scheme: &NoisyStudent, learner: &Learner, unlabelled: &Part| {
        message(scheme.student(learner, &labelled, unlabelled, &labels, &mut ()))
    };
    let usual_scheme = NoisyStudent::default();
    let change = |change: fn(&mut Learner)| {
        let mut learner = usual.clone();
        change(&mut learner);
        student(&usual_scheme, &learner, &unlabelled)
    };
    let scheme = |change: fn(&mut NoisyStudent)| {
        let mut scheme = usual_scheme.clone();
        change(&mut scheme);
        student(&scheme, &usual, &unlabelled)
    };
    let small = NET.replace("12x12", "16x16");
    let other = learner(&small, 8, 1, 1);
    let fewer = learner(&NET.replace("classes = 10", "classes = 4"), 8, 1, 1);
    let mixed = unlabelled.augmented_by("mixup:0.2".parse().unwrap());
    let none = unlabelled.selected(&[]);
    let meta = |change: fn(&mut MetaPseudoLabels, &mut Learner, &mut Learner)| {
        let (mut scheme, mut teacher, mut student) =
            (MetaPseudoLabels::default(), learner(NET, 12, 1, 1), learner(NET, 8, 1, 2));
        change(&mut scheme, &mut teacher, &mut student);
        message(scheme.run(&teacher, &student, &labelled, &unlabelled, &mut ()))
    };
    let cases = [
        (
            change(|l| l.options.batch = 1),
            "batch of a student must be at least 2: a labelled image and another one, got 1",
        ),
        (change(|l| l.epochs = 0), "number of epochs must be at least 1, got 0"),
        (change(|l| l.learning_rate = -1.0), "learning rate must be positive and finite, got -1"),
        (change(|l| l.options.batch = 0), "batch must be at least 1, got 0"),
        (scheme(|s| s.confidence = 1.5), "confidence must be from 0 to 1, got 1.5"),
        (scheme(|s| s.per_class = Some(0)), "number of images of each class must be at least 1, got 0"),
        (scheme(|s| s.ratio = f64::NAN), "ratio of pseudo-labelled images must be positive and finite, got NaN"),
        (
            student(&usual_scheme, &other, &unlabelled),
            "Net takes 1x16x16, the labelled images are prepared as 1x12x12: prepare them for it",
        ),
        (
            student(&usual_scheme, &fewer, &unlabelled),
            "Net has 4 outputs but the labelled images have 10 classes; give it as many",
        ),
        (
            student(&usual_scheme, &usual, &mixed),
            "unlabelled images cannot be mixed (`mixup:0.2`): their pseudo-labels belong to single images; leave it out",
        ),
        (student(&usual_scheme, &usual, &none), "there are no unlabelled images, expected at least 1"),
        (
            student(&usual_scheme, &usual, &unlabelled.selected(&[0, 1])),
            "pseudo-labels name image 19 but there are 2 unlabelled images: label these",
        ),
        (meta(|s, _, _| s.feedback = -1.0), "factor of the feedback must be at least 0 and finite, got -1"),
        (meta(|s, _, _| s.baseline = Some(1.0)), "decay of the feedback's mean must be at least 0 and below 1, got 1"),
        (
            meta(|s, _, _| s.uda = Some(Uda { temperature: 0.0, ..Uda::default() })),
            "temperature must be positive and finite, got 0",
        ),
        (
            meta(|s, _, _| s.uda = Some(Uda { confidence: 2.0, ..Uda::default() })),
            "confidence must be from 0 to 1, got 2",
        ),
        (
            meta(|_, t, _| t.options.batch = 8),
            "batch of the teacher must be above the student's: what it has more are labelled images, got 8",
        ),
        (meta(|_, t, _| t.epochs = 2), "number of the teacher's epochs must be the student's, got 2"),
    ];
    for (got, expected) in &cases {
        assert_eq!(got, expected);
    }
    println!("{} mistakes, each told in one line", cases.len());
}

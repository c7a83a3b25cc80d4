//! Steps of Meta Pseudo Labels.

use cnn_runtime::engine::{Optimizer, Targets, Trainer, TrainerOptions};
use cnn_runtime::train::evaluate;
use cnn_runtime::train::schemes::{FineTune, Learned, Learner, MetaPseudoLabels, Moment, Phase, PseudoLabels, Uda};

use super::{NET, NOISY, bits, digits, images, learner};

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

//! The gradient that Meta Pseudo Labels' teacher follows is that of its student's loss: against finite differences.

use cnn_runtime::data::Part;
use cnn_runtime::engine::{Optimizer, Session, SessionOptions, Targets, Trainer};
use cnn_runtime::train::schemes::{Learned, Learner, MetaPseudoLabels, Moment, PseudoLabels};
use cnn_runtime::weights::StateDict;

use super::{digits, images, learner};

/// Smooth, so that differences are of what the gradient is of: paper of one shade puts many ReLUs at their bend at once.
const SMOOTH: &str = "Smooth(classes = 10): 1x12x12 -> classes;
    stem conv(8, 3, stride = 2, pad = 1) -> tanh; body conv(16, 3, stride = 2, pad = 1) -> tanh; head flatten -> linear(classes);";
const CLASSES: usize = 10;
/// What the teacher is told is scaled so that f32 keeps enough of its step.
const FACTOR: f64 = 50.0;

/// Plain gradient descent, one step.
fn plain(batch: usize, seed: u64, rate: f64) -> Learner {
    let mut learner = learner(SMOOTH, batch, 1, seed);
    learner.options.optimizer = Optimizer::Sgd { momentum: 0.0, nesterov: false };
    Learner { learning_rate: rate, ..learner }
}

/// The mean loss of labelled images after the student learned that the one unlabelled image is of a class; before it learned
/// anything, without a class.
fn student_loss(student: &Learner, labelled: &Part, image: &[f32], class: Option<usize>) -> f64 {
    let mut trainer = Trainer::new(&student.graph, &student.weights, student.options.clone()).unwrap();
    if let Some(class) = class {
        trainer.step(image, Targets::Labels(&[class]), student.learning_rate).unwrap();
    }
    let mut session = Session::new(&student.graph, &trainer.weights(), SessionOptions::default()).unwrap();
    let loss = |(index, image): (usize, &[f32])| {
        let logits = session.run(image).unwrap();
        let sum: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
        sum.ln() - f64::from(logits[labelled.label(index)])
    };
    images(labelled).chunks(144).enumerate().map(loss).sum::<f64>() / labelled.len() as f64
}

/// A step of the scheme: its feedback, and how the teacher moved, as a gradient.
fn step(scheme: &MetaPseudoLabels, pair: [&Learner; 2], parts: [&Part; 2]) -> (f64, Vec<Vec<f64>>) {
    let mut feedback = f64::NAN;
    let mut watch = |moment: &Moment| feedback = moment.feedback.unwrap();
    let meta = scheme.run(pair[0], pair[1], parts[0], parts[1], &mut watch).unwrap();
    let ends = pair[0].weights.tensors().iter().zip(meta.teacher.weights.tensors());
    let moved = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)) / pair[0].learning_rate;
    (feedback, ends.map(|(begin, end)| begin.data.iter().zip(&end.data).map(moved).collect()).collect())
}

#[test]
fn the_expected_step_of_the_teacher_is_the_gradient_of_the_students_loss() {
    let (labelled, unlabelled, _) = digits(8, 1, "none");
    // A large step of the student: what is said holds to all orders.
    let (mut teacher, student) = (plain(9, 1, 1.0), plain(1, 2, 0.05));
    let image = images(&unlabelled);
    let before = student_loss(&student, &labelled, &image, None);
    let after: Vec<f64> = (0..CLASSES).map(|y| student_loss(&student, &labelled, &image, Some(y))).collect();

    // What the teacher would learn without feedback, then with the feedback of each class that it may draw.
    let silent = MetaPseudoLabels { feedback: 0.0, baseline: None, draw: true, uda: None, fine_tune: None };
    let scheme = MetaPseudoLabels { feedback: FACTOR, ..silent.clone() };
    let (_, own) = step(&silent, [&teacher, &student], [&labelled, &unlabelled]);
    let mut told: Vec<Option<Vec<Vec<f64>>>> = vec![None; CLASSES];
    let mut draws = 0;
    while told.iter().any(Option::is_none) {
        teacher.options.seed = draws;
        let (feedback, moved) = step(&scheme, [&teacher, &student], [&labelled, &unlabelled]);
        let far = |y: &usize| (feedback - (before - after[*y])).abs();
        let drawn = (0..CLASSES).min_by(|a, b| far(a).total_cmp(&far(b))).unwrap();
        assert!(far(&drawn) < 1e-5, "feedback {feedback} is that of no class");
        told[drawn] = Some(moved);
        draws += 1;
        assert!(draws < 5_000, "some class is never drawn");
    }

    // Its mean over the classes, as likely as they are drawn.
    let probabilities = |weights: StateDict<f32>| {
        let teacher = Learned { graph: teacher.graph.clone(), weights };
        PseudoLabels::predict(&teacher, &unlabelled, 1).unwrap().probabilities(0).to_vec()
    };
    let likely = probabilities(teacher.weights.clone());
    let mut mean: Vec<Vec<f64>> = own.iter().map(|own| vec![0.0; own.len()]).collect();
    for (told, &likely) in told.iter().flatten().zip(&likely) {
        for ((mean, told), own) in mean.iter_mut().zip(told).zip(&own) {
            for ((mean, told), own) in mean.iter_mut().zip(told).zip(own) {
                *mean += f64::from(likely) * (told - own) / FACTOR;
            }
        }
    }

    // Each tensor is moved along its gradient, and the expected loss of the student computed anew.
    for (index, mean) in mean.iter().enumerate() {
        let name = &teacher.weights.tensors()[index].name;
        let norm = mean.iter().map(|x| x * x).sum::<f64>().sqrt();
        let reach = 0.02;
        let expected = |sign: f64| {
            let mut weights = teacher.weights.clone();
            let values = weights.get_mut(name).unwrap();
            values.iter_mut().zip(mean).for_each(|(w, g)| *w += (sign * reach * g / norm) as f32);
            let losses = probabilities(weights).into_iter().zip(&after);
            losses.map(|(p, loss)| f64::from(p) * (loss - before)).sum::<f64>()
        };
        let found = (expected(1.0) - expected(-1.0)) / (2.0 * reach);
        println!("{name:<16} norm of the gradient {norm:.6e}, finite difference {found:.6e}");
        assert!((found / norm - 1.0).abs() < 1e-3, "{name}: {norm} against {found}");
    }
    println!("{draws} steps drew all classes");
}

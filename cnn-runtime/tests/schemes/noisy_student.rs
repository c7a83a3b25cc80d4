//! Pseudo-labels, and students that learn from them.

use cnn_runtime::data::Digits;
use cnn_runtime::engine::{Session, SessionOptions};
use cnn_runtime::train::evaluate;
use cnn_runtime::train::schemes::{Learned, Learner, Moment, NoisyStudent, Phase, PseudoLabels, Sort};

use super::{NET, NOISY, bits, digits, learner, message, part};

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

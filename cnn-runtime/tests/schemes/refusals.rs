//! What makes no sense.

use cnn_runtime::data::Part;
use cnn_runtime::train::schemes::{Learned, Learner, MetaPseudoLabels, NoisyStudent, PseudoLabels, Uda};

use super::{NET, digits, learner, message};

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

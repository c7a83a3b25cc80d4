//! Meta Pseudo Labels: a teacher with three labels a class tells its student what thousands of images are, and learns from what
//! that does to the student. Pham et al. 2021.
//!
//! ```text
//! cargo run --release --example meta_pseudo_labels
//! cargo run --release --example meta_pseudo_labels -- --data cifar10:DIR --labels 100
//! ```

use std::time::Instant;

use clap::Parser;
use cnn_examples::Failure;
use cnn_examples::few::{Few, accuracy, learner, summary};
use cnn_runtime::data::{Augment, Source};
use cnn_runtime::train::schemes::{FineTune, MetaPseudoLabels, Moment, Phase, Uda};
use cnn_runtime::{Architecture, network};

network! {
    block unit(out, stride = 1) {
        add {
            { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(out, 3, pad = 1, bias = false)      -> bn2: bn };
            { if stride != 1 || in.channels != out { shortcut: { conv(out, 1, stride, bias = false) -> bn } } };
        } -> relu
    }

    /// A small residual network: teacher and student are the same.
    pub Small(classes = 10, width = 12): 3x16x16 -> classes;
    stem conv1: conv(width, 3, pad = 1, bias = false) -> bn1: bn -> relu;
    body stage1: unit(width);
         stage2: unit(2 * width, stride = 2);
         stage3: unit(4 * width, stride = 2);
    head gap -> fc: linear(classes);
}

#[derive(Parser)]
struct Args {
    /// Images of ten classes: digits (drawn by the library), mnist:DIR, cifar10:DIR, …
    #[arg(long, default_value = "digits")]
    data: Source,
    /// Labelled images of each class
    #[arg(long, default_value_t = 3)]
    labels: usize,
    /// Images without labels
    #[arg(long, default_value_t = 3_000)]
    unlabelled: usize,
    /// How often all of it is done, with other images and weights
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Passes over the unlabelled images
    #[arg(long, default_value_t = 12)]
    epochs: usize,
    /// Factor of the student's feedback
    #[arg(long, default_value_t = 1.0)]
    feedback: f64,
    /// Weight of the teacher's consistency (UDA)
    #[arg(long, default_value_t = 1.0)]
    uda: f64,
    /// Noise and stray strokes of drawn digits, from 0 (none) to 4
    #[arg(long, default_value_t = 1.5)]
    strength: f32,
    /// What happens to images while something learns from them
    #[arg(long, default_value = "crop:1,randaugment:1:3")]
    augment: Augment,
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let (few_batch, many) = (32, 64);
    println!("{} labelled images of each class, {} without labels", args.labels, args.unlabelled);
    let begin = Instant::now();
    let mut rows = Vec::new();
    for seed in 0..args.seeds {
        let few =
            Few::open(&args.data, <Small>::INPUT, [args.labels, args.unlabelled], args.strength, &args.augment, seed)?;
        println!("seed {seed}");
        let alone = 12_000 / few.labelled.len().max(1);
        let supervised = learner::<Small>(32, 4e-3, alone, seed)?.supervised(&few.labelled, &mut ())?;
        let scheme = MetaPseudoLabels {
            feedback: args.feedback,
            uda: Some(Uda { weight: args.uda, warm_up: 200, temperature: 0.7, confidence: 0.6 }),
            fine_tune: Some(FineTune { epochs: 10, learning_rate: 2e-4, batch: 32 }),
            ..MetaPseudoLabels::default()
        };
        // Both begin anew, as in the paper.
        let teacher = learner::<Small>(few_batch + many, 4e-3, args.epochs, seed)?;
        let mut student = learner::<Small>(many, 4e-3, args.epochs, seed + 100)?;
        student.options.average = Some(0.98);
        student.options.average_warm_up = true;
        let mut feedback = Vec::new();
        let mut watch = |moment: &Moment| {
            if moment.phase == Phase::Meta {
                feedback.extend(moment.feedback);
            }
        };
        let meta = scheme.run(&teacher, &student, &few.labelled, &few.unlabelled, &mut watch)?;
        let mut row = Vec::new();
        for (name, network) in NAMES.iter().zip([&supervised, &meta.teacher, &meta.pupil, &meta.student]) {
            row.push(accuracy(network, &few.test)?);
            println!("  {name:<44} {:.2} %", row[row.len() - 1]);
        }
        let helped = 100.0 * feedback.iter().filter(|&&x| x > 0.0).count() as f64 / feedback.len().max(1) as f64;
        println!("  the student's loss on labelled images fell in {helped:.0} % of {} steps", feedback.len());
        println!("  {:.0} s so far", begin.elapsed().as_secs_f64());
        rows.push(row);
    }
    summary(&NAMES, &rows);
    let beaten = |than: usize| rows.iter().filter(|row| row[3] > row[than]).count();
    println!(
        "the student beats the network on labelled images for {} of {} seeds, its teacher for {}",
        beaten(0),
        rows.len(),
        beaten(1)
    );
    Ok(())
}

const NAMES: [&str; 4] = [
    "labelled images alone",
    "teacher, by feedback and consistency",
    "student, unlabelled images alone",
    "student, fine-tuned",
];

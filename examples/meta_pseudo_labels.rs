//! Meta Pseudo Labels: a teacher with four labels a class tells its student what thousands of images are, and learns from what
//! that does to the student. Pham et al. 2021.
//!
//! ```text
//! cargo run --release --example meta_pseudo_labels
//! cargo run --release --example meta_pseudo_labels -- --data cifar10:DIR --labels 100
//! ```

use clap::Parser;
use cnn_examples::Failure;
use cnn_examples::few::{Setting, Small, accuracy, learner};
use cnn_runtime::network;
use cnn_runtime::train::schemes::{FineTune, MetaPseudoLabels, Moment, Phase, Uda};

network! {
    /// Wider than the teacher.
    pub Student = cnn_examples::few::Small(width = 24);
}

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    setting: Setting,
    /// Passes over the unlabelled images
    #[arg(long, default_value_t = 20)]
    epochs: usize,
    /// Factor of the student's feedback
    #[arg(long, default_value_t = 1.0)]
    feedback: f64,
    /// Weight of the teacher's consistency (UDA)
    #[arg(long, default_value_t = 2.0)]
    uda: f64,
    /// Steps in which that grows
    #[arg(long, default_value_t = 300)]
    warm_up: u64,
    /// The teacher's highest learning rate
    #[arg(long, default_value_t = 1e-3)]
    teacher_rate: f64,
    /// Classes drawn from the teacher's probabilities for its student, instead of the most likely ones
    #[arg(long)]
    draw: bool,
    /// What a teacher must be sure of an image for consistency
    #[arg(long, default_value_t = 0.6)]
    confidence: f64,
    /// Learning rate of the last step, from labelled images
    #[arg(long, default_value_t = 2e-4)]
    fine_rate: f64,
    /// Passes of the last step
    #[arg(long, default_value_t = 20)]
    fine_epochs: usize,
}

const NAMES: [&str; 5] = [
    "teacher's network, labelled images alone",
    "student's network, labelled images alone",
    "teacher, by feedback and consistency",
    "student, pseudo-labelled images alone",
    "student, fine-tuned",
];

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let (few_batch, many) = (32, 96);
    let Args { feedback, uda, warm_up, confidence, .. } = args;
    let scheme = MetaPseudoLabels {
        feedback,
        uda: Some(Uda { weight: uda, warm_up, temperature: 0.7, confidence }),
        fine_tune: Some(FineTune { epochs: args.fine_epochs, learning_rate: args.fine_rate, batch: few_batch }),
        draw: args.draw,
        ..MetaPseudoLabels::default()
    };
    println!("{scheme:?}");
    let rows = args.setting.for_each_seed(&NAMES, |seed, few| {
        let alone = args.setting.alone::<Small>(few, seed)?;
        // The paper's teachers begin anew and take a million steps. This one begins with what labelled images have taught it.
        let mut teacher = learner::<Small>(few_batch + many, args.epochs, seed)?;
        (teacher.weights, teacher.learning_rate) = (alone.weights.clone(), args.teacher_rate);
        let student = learner::<Student>(many, args.epochs, seed + 100)?;
        let mut feedback = Vec::new();
        let mut watch = |moment: &Moment| {
            if moment.phase == Phase::Meta {
                feedback.extend(moment.feedback);
            }
        };
        let meta = scheme.run(&teacher, &student, &few.labelled, &few.unlabelled, &mut watch)?;
        let large = args.setting.alone::<Student>(few, seed)?;
        let mut row = Vec::new();
        for (name, network) in NAMES.iter().zip([&alone, &large, &meta.teacher, &meta.pupil, &meta.student]) {
            row.push(accuracy(network, &few.test)?);
            println!("  {name:<44} {:.2} %", row[row.len() - 1]);
        }
        let helped = 100.0 * feedback.iter().filter(|&&x| x > 0.0).count() as f64 / feedback.len().max(1) as f64;
        println!("  the student's loss on labelled images fell in {helped:.0} % of {} steps", feedback.len());
        Ok(row)
    })?;
    let beaten = |than: usize| rows.iter().filter(|row| row[4] > row[than]).count();
    let seeds = rows.len();
    println!(
        "the student beats its network on labelled images for {} of {seeds} seeds, its teacher for {}",
        beaten(1),
        beaten(2)
    );
    Ok(())
}

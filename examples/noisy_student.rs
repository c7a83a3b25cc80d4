//! Noisy Student: a network that knows four labels a class labels thousands of images, a larger one learns from these under
//! noise, and a larger one still from that. Does a student surpass its teacher? Xie et al. 2020.
//!
//! ```text
//! cargo run --release --example noisy_student
//! cargo run --release --example noisy_student -- --data cifar10:DIR --labels 100
//! ```

use clap::Parser;
use cnn_examples::Failure;
use cnn_examples::few::{Setting, Small, accuracy, learner};
use cnn_runtime::network;
use cnn_runtime::train::schemes::{NoisyStudent, PseudoLabels, Sort};

network! {
    /// Wider than the teacher, with stochastic depth and dropout.
    pub Student = cnn_examples::few::Small(width = 24, drop = 0.1, dropout = 0.2);
    /// Wider still.
    pub SecondStudent = cnn_examples::few::Small(width = 32, drop = 0.1, dropout = 0.2);
}

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    setting: Setting,
    /// Passes of a student over the unlabelled images
    #[arg(long, default_value_t = 8)]
    epochs: usize,
    /// What its teacher is less sure of is left out
    #[arg(long, default_value_t = 0.3)]
    confidence: f64,
    /// Pseudo-labelled images for each labelled one in a step
    #[arg(long, default_value_t = 3.0)]
    ratio: f64,
    /// Classes instead of probabilities as pseudo-labels
    #[arg(long)]
    hard: bool,
}

const NAMES: [&str; 4] =
    ["teacher, labelled images alone", "the largest network on the same", "first student", "second student"];

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let setting = &args.setting;
    let scheme = NoisyStudent {
        sort: if args.hard { Sort::Hard } else { Sort::Soft },
        confidence: args.confidence,
        per_class: Some(setting.unlabelled / 10),
        ratio: args.ratio,
    };
    println!("{scheme:?}");
    let rows = setting.for_each_seed(&NAMES, |seed, few| {
        let teacher = setting.alone::<Small>(few, seed)?;
        let mut row = vec![accuracy(&teacher, &few.test)?];
        println!("  {:<51} {:.2} %", NAMES[0], row[0]);
        let large = setting.alone::<SecondStudent>(few, seed)?;
        row.push(accuracy(&large, &few.test)?);
        println!("  {:<51} {:.2} %", NAMES[1], row[1]);
        let students =
            [learner::<Student>(128, args.epochs, seed)?, learner::<SecondStudent>(128, args.epochs, seed + 100)?];
        let generations = scheme.run(&teacher, &students, &few.labelled, &few.unlabelled, &mut ())?;
        for (generation, name) in generations.iter().zip(&NAMES[2..]) {
            let found = accuracy(&generation.student, &few.test)?;
            println!("  {name:<15} {:<35} {found:.2} %", told(&generation.pseudo_labels, &few.hidden));
            row.push(found);
        }
        Ok(row)
    })?;
    let beaten = |than: usize| rows.iter().filter(|row| row[3] > row[than]).count();
    let seeds = rows.len();
    println!(
        "the last student beats the teacher for {} of {seeds} seeds, the largest network for {}",
        beaten(0),
        beaten(1)
    );
    Ok(())
}

/// How many different images were kept, and how many of their labels are right.
fn told(labels: &PseudoLabels, hidden: &[usize]) -> String {
    let mut right: Vec<(usize, bool)> =
        labels.items().iter().enumerate().map(|(i, &item)| (item, labels.class(i) == hidden[item])).collect();
    right.sort_unstable();
    right.dedup();
    let share = 100.0 * right.iter().filter(|(_, right)| *right).count() as f64 / right.len().max(1) as f64;
    format!("({} images, {share:.1} % rightly labelled)", right.len())
}

//! Noisy Student: a network that knows three labels a class labels thousands of images, a larger one learns from these under
//! noise, and a larger one still from that. Does a student surpass its teacher? Xie et al. 2020.
//!
//! ```text
//! cargo run --release --example noisy_student
//! cargo run --release --example noisy_student -- --data cifar10:DIR --labels 100
//! ```

use std::time::Instant;

use clap::Parser;
use cnn_examples::Failure;
use cnn_examples::few::{Few, accuracy, learner, summary};
use cnn_runtime::data::{Augment, Source};
use cnn_runtime::train::schemes::{NoisyStudent, PseudoLabels, Sort};
use cnn_runtime::{Architecture, network};

network! {
    block unit(out, stride = 1, drop = 0.0) {
        add {
            { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
              -> conv2: conv(out, 3, pad = 1, bias = false)      -> bn2: bn -> drop_path(drop) };
            { if stride != 1 || in.channels != out { shortcut: { conv(out, 1, stride, bias = false) -> bn } } };
        } -> relu
    }

    /// A small residual network, without noise of its own.
    pub Teacher(classes = 10, width = 12, drop = 0.0, dropout = 0.0): 3x16x16 -> classes;
    stem conv1: conv(width, 3, pad = 1, bias = false) -> bn1: bn -> relu;
    body stage1: unit(width, 1, drop);
         stage2: unit(2 * width, 2, drop);
         stage3: unit(4 * width, 2, drop);
    head gap -> dropout(dropout) -> fc: linear(classes);

    /// Wider, with stochastic depth and dropout.
    pub Student = Teacher(width = 16, drop = 0.1, dropout = 0.2);
    /// Wider still.
    pub SecondStudent = Teacher(width = 20, drop = 0.1, dropout = 0.2);
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
    /// Passes of a student over the unlabelled images
    #[arg(long, default_value_t = 8)]
    epochs: usize,
    /// Classes instead of probabilities as pseudo-labels
    #[arg(long)]
    hard: bool,
    /// Noise and stray strokes of drawn digits, from 0 (none) to 4
    #[arg(long, default_value_t = 1.5)]
    strength: f32,
    /// What happens to images while something learns from them
    #[arg(long, default_value = "crop:1,randaugment:1:3")]
    augment: Augment,
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let scheme = NoisyStudent {
        sort: if args.hard { Sort::Hard } else { Sort::Soft },
        confidence: 0.5,
        per_class: Some(args.unlabelled / 10),
        ratio: 3.0,
    };
    println!("{} labelled images of each class, {} without labels; {scheme:?}", args.labels, args.unlabelled);
    let begin = Instant::now();
    let mut rows = Vec::new();
    for seed in 0..args.seeds {
        let few = Few::open(
            &args.data,
            <Teacher>::INPUT,
            [args.labels, args.unlabelled],
            args.strength,
            &args.augment,
            seed,
        )?;
        println!("seed {seed}");
        let alone = 12_000 / few.labelled.len().max(1);
        let teacher = learner::<Teacher>(32, 4e-3, alone, seed)?.supervised(&few.labelled, &mut ())?;
        let mut row = vec![accuracy(&teacher, &few.test)?];
        println!("  teacher, labelled images alone               {:.2} %", row[0]);
        let large = learner::<SecondStudent>(32, 4e-3, alone, seed)?.supervised(&few.labelled, &mut ())?;
        row.push(accuracy(&large, &few.test)?);
        println!("  the largest network on the same              {:.2} %", row[1]);

        let students = [
            learner::<Student>(64, 4e-3, args.epochs, seed)?,
            learner::<SecondStudent>(64, 4e-3, args.epochs, seed + 100)?,
        ];
        let generations = scheme.run(&teacher, &students, &few.labelled, &few.unlabelled, &mut ())?;
        for (number, generation) in (1..).zip(&generations) {
            row.push(accuracy(&generation.student, &few.test)?);
            let found = row.last().copied().unwrap_or_default();
            println!("  student {number}  {:<34} {found:.2} %", told(&generation.pseudo_labels, &few.hidden));
        }
        println!("  {:.0} s so far", begin.elapsed().as_secs_f64());
        rows.push(row);
    }
    summary(
        &["teacher, labelled images alone", "the largest network on the same", "first student", "second student"],
        &rows,
    );
    let beaten = rows.iter().filter(|row| row[3] > row[0]).count();
    println!("the last student beats the teacher for {beaten} of {} seeds", rows.len());
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

//! How much memory some steps of training take: `memory NETWORK BATCH STEPS`.
//!
//! Prints, in bytes, what the plan said, by how much the process grew, and by how much at its largest. `memory.py` measures
//! PyTorch in the same way and compares.

use std::error::Error;
use std::fs;

use cnn_runtime::engine::{Targets, Trainer, TrainerOptions};
use cnn_runtime::weights::StateDict;
use cnn_runtime::zoo;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, batch, steps] = &arguments[..] else { return Err("usage: memory NETWORK BATCH STEPS".into()) };
    let (batch, steps): (usize, usize) = (batch.parse()?, steps.parse()?);
    let (_, source) = zoo::ALL.iter().find(|(known, _)| known == name).ok_or("no such network in the zoo")?;
    let graph = cnn_lang::load(source, None).map_err(|_| "the zoo compiles")?;
    let images: Vec<f32> =
        (0..batch * graph.input_shape().elements()).map(|i| (i % 251) as f32 / 125.0 - 1.0).collect();
    let labels: Vec<usize> = (0..batch).collect();

    // From here on, the peak is that of what follows.
    fs::write("/proc/self/clear_refs", "5")?;
    let before = status("VmRSS:")?;
    let weights = StateDict::<f32>::init(&graph, 1)?;
    let options = TrainerOptions { batch, weight_decay: 1e-4, ..Default::default() };
    let mut trainer = Trainer::new(&graph, &weights, options)?;
    drop(weights);
    for _ in 0..steps {
        let loss = trainer.step(&images, Targets::Labels(&labels), 1e-6)?.loss;
        if !loss.is_finite() {
            return Err(format!("the loss is {loss}").into());
        }
    }
    let (now, peak) = (status("VmRSS:")?, status("VmHWM:")?);
    println!("{} {} {}", trainer.allocated(), now.saturating_sub(before), peak.saturating_sub(before));
    Ok(())
}

/// A figure of the process in bytes.
fn status(what: &str) -> Result<usize, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(what)).ok_or("Linux says how large a process is")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}

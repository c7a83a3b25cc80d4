//! This engine as a peer of `compare.py` and `cuda.py`; the setting is a precision. `ours --describe NETWORK` says its input, classes and parameters.

use cnn_lang::graph::{Graph, Shape};
use cnn_runtime::engine::{Device, Precision, Session, SessionOptions, Targets, Trainer, TrainerOptions};
use cnn_runtime::weights::{InitialWeights, StateDict};
use cnn_runtime::zoo;

#[path = "rust/protocol/src/lib.rs"]
#[allow(dead_code)] // ONNX files are for others.
mod protocol;

use protocol::{Failure, Peer, Work};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, network] = &arguments[..]
        && flag == "--describe"
    {
        let graph = graph(network)?;
        let Shape::Map { channels, height, width } = graph.input_shape() else { return Err("no images go in".into()) };
        let (classes, parameters) = (graph.output_shape().elements(), graph.costs().params);
        println!("{channels}x{height}x{width} {classes} {parameters}");
        return Ok(());
    }
    protocol::serve(build)
}

fn build(work: &Work) -> Result<Peer<'_>, Failure> {
    let graph = graph(&work.network)?;
    let (input, classes) = (graph.input_shape().elements(), graph.output_shape().elements());
    if (input, classes) != (work.input.iter().product(), work.classes) {
        return Err(format!("{} is a network of {input} values and {classes} classes", work.network).into());
    }
    if rayon::current_num_threads() != work.threads {
        return Err(format!("{} threads, not {}", rayon::current_num_threads(), work.threads).into());
    }
    let precision = if work.setting.is_empty() { Precision::Full } else { work.setting.parse()? };
    let device: Device = work.device.parse()?;
    let parameters = Some(graph.costs().params);
    if work.train {
        // SGD with momentum 0.9, at a rate at which weights stay what they are: nothing diverges while it is measured.
        let options = TrainerOptions { batch: work.batch, precision, device, ..Default::default() };
        let mut trainer = Trainer::new(&graph, &StateDict::<f32>::init(&graph, 1)?, options)?;
        let planned = Some(trainer.allocated());
        // Images go to a graphics processor while it computes the step before.
        let ahead = device != Device::Cpu;
        if ahead {
            trainer.preload(&work.images)?;
        }
        let step = move || {
            let targets = Targets::Labels(&work.labels);
            let report = match ahead {
                true => trainer.step_preloaded(targets, 1e-9, Some((&work.images).into()))?,
                false => trainer.step(&work.images, targets, 1e-9)?,
            };
            let loss = report.loss;
            if loss.is_finite() { Ok(()) } else { Err(format!("the loss is {loss}").into()) }
        };
        return Ok(Peer { parameters, planned, step: Box::new(step) });
    }
    let options = SessionOptions { batch: work.batch, precision, device, ..Default::default() };
    let mut session = Session::new(&graph, InitialWeights::<f32>::new(&graph, 1)?, options)?;
    let planned = Some(session.allocated());
    let ahead = device != Device::Cpu;
    if ahead {
        session.preload(&work.images)?;
    }
    let step = move || {
        let logits = if ahead { session.run_preloaded(Some((&work.images).into())) } else { session.run(&work.images) };
        Ok(logits.map(|_| ())?)
    };
    Ok(Peer { parameters, planned, step: Box::new(step) })
}

fn graph(network: &str) -> Result<Graph, Failure> {
    let known = zoo::ALL.iter().find(|(known, _)| *known == network);
    let (_, source) = known.ok_or_else(|| format!("no {network} in the zoo; `cnn list` shows what is"))?;
    cnn_lang::load(source, None).map_err(|_| "the zoo compiles".into())
}

//! `cnn predict NET`: a network on tensors of one's own.

use std::path::{Path, PathBuf};

use clap::Args;
use cnn_lang::graph::{Graph, Shape};
use serde::Serialize;

use super::Output;
use super::count::count;
use super::failure::Failure;
use super::network::Wanted;
use super::text::json;
use super::weights::Names;
use crate::engine::{Device, Precision, Session, SessionOptions};
use crate::train::Run;
use crate::weights::{NamedTensor, StoredWeights, read_tensor, write_tensors};

/// Runs a network on the tensor `input` of a file and writes its tensor `logits` to another
#[derive(Args)]
pub(super) struct Predict {
    /// A network as in `cnn show`, or the folder of a run
    #[arg(value_name = "NET|RUN", required_unless_present = "named")]
    net: Option<String>,
    /// The same, by name
    #[arg(long = "net", value_name = "NET|RUN", id = "named", conflicts_with = "net")]
    named: Option<String>,
    /// The weights, a safetensors file [default: the best of the run]
    #[arg(long, value_name = "W.safetensors")]
    weights: Option<PathBuf>,
    #[command(flatten)]
    names: Names,
    /// A safetensors file with a tensor `input`: batch x channels x height x width
    #[arg(long, value_name = "X.safetensors")]
    input: PathBuf,
    /// Where `logits` go
    #[arg(long, value_name = "Y.safetensors")]
    output: PathBuf,
    /// Write the auxiliary outputs too, by their names
    #[arg(long)]
    auxiliary: bool,
    /// Normalise the input, values from 0 to 1, as the run's images were
    #[arg(long)]
    normalize: bool,
    /// How convolutions and fully connected layers multiply: f32, bf16, or on a GPU tf32 or f16 [default: the run's, or f32]
    #[arg(long)]
    precision: Option<Precision>,
    /// Where it runs: cpu, cuda or cuda:N [default: the run's, or cpu]
    #[arg(long)]
    device: Option<Device>,
    /// Samples that run at a time
    #[arg(long, default_value_t = 8, value_parser = count::<usize>(1..))]
    batch: usize,
    /// Write JSON about the result
    #[arg(long)]
    json: bool,
}

/// The output of `cnn predict --json`.
#[derive(Serialize)]
struct Predicted {
    network: String,
    output: String,
    tensors: Vec<Printed>,
}

#[derive(Serialize)]
struct Printed {
    name: String,
    shape: Vec<usize>,
}

impl Predict {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let net = self.net.as_ref().or(self.named.as_ref()).map(String::as_str).unwrap_or_default();
        let run = Run::is_at(Path::new(net)).then(|| Run::open(Path::new(net))).transpose()?;
        // Before a large file is read.
        let own = match &run {
            Some(run) => run.graph()?,
            None => Wanted { net, input: None }.load()?.graph,
        };
        let (shape, mut values) = read_tensor(&self.input, "input")?;
        let (count, size) = sample(&self.input, &shape)?;
        let graph = match &run {
            _ if own.input_shape() == size => own,
            Some(run) => run.graph_at(Some(size))?,
            None => Wanted { net, input: Some(size) }.load()?.graph,
        };
        let weights = match (&self.weights, &run) {
            (Some(weights), _) => weights.clone(),
            (None, Some(run)) => run.weights(),
            (None, None) => {
                let failure = Failure::mistake(format!("no weights for {net}"));
                return Err(failure.help("give --weights W.safetensors, or the folder of a run"));
            }
        };
        let stored = self.names.open(&graph, &weights)?;
        if self.normalize {
            normalize(run.as_ref(), size, &mut values)?;
        }
        let settings = run.as_ref().map(|run| run.settings());
        let precision = self.precision.or(settings.map(|settings| settings.precision)).unwrap_or_default();
        let device = self.device.or(settings.map(|settings| settings.device)).unwrap_or_default();
        // No more memory than the samples need; a batch of 0 is the engine's to refuse.
        let batch = self.batch.min(count);
        let options = SessionOptions { batch, auxiliary: self.auxiliary, precision, device };
        let tensors = predict(&graph, stored, options, &values, count)?;
        write_tensors(&self.output, &tensors)?;
        let named = tensors.into_iter().map(|NamedTensor { name, shape, .. }| Printed { name, shape });
        let written = self.output.display().to_string();
        let predicted = Predicted { network: net.to_owned(), output: written, tensors: named.collect() };
        if self.json {
            return json(output.out, &predicted);
        }
        for Printed { name, shape } in &predicted.tensors {
            let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
            writeln!(output.out, "{}: {name} {}", predicted.output, shape.join("x"))?;
        }
        Ok(())
    }
}

/// All outputs for `count` samples, a batch at a time.
fn predict(
    graph: &Graph,
    weights: StoredWeights<f32>,
    options: SessionOptions,
    values: &[f32],
    count: usize,
) -> Result<Vec<NamedTensor<f32>>, Failure> {
    let mut session = Session::new(graph, weights, options)?;
    let outputs = session.outputs().map(|(name, shape)| NamedTensor {
        name: name.to_owned(),
        shape: [vec![count], shape.dims()].concat(),
        data: Vec::new(),
    });
    let mut outputs: Vec<NamedTensor<f32>> = outputs.collect();
    for images in values.chunks(options.batch * graph.input_shape().elements()) {
        session.run(images)?;
        for NamedTensor { name, data, .. } in &mut outputs {
            data.extend_from_slice(session.output(name).unwrap_or_default());
        }
    }
    Ok(outputs)
}

/// How many samples of which size a tensor holds.
fn sample(path: &Path, shape: &[usize]) -> Result<(usize, Shape), Failure> {
    let (&[_, ref sample @ ..], path) = (shape, path.display()) else {
        return Err(Failure::mistake(format!("`input` of {} is a single number", path.display())));
    };
    let size = match *sample {
        [channels, height, width] => Shape::map(channels, height, width),
        [length] => Shape::Vector(length),
        _ => {
            let failure = Failure::mistake(format!("`input` of {path} has the shape {shape:?}"));
            return Err(failure.help("expected batch x channels x height x width"));
        }
    };
    match shape.contains(&0) {
        true => {
            Err(Failure::mistake(format!("`input` of {path} has the shape {shape:?}")).help("expected at least 1 each"))
        }
        false => Ok((shape[0], size)),
    }
}

fn normalize(run: Option<&Run>, size: Shape, values: &mut [f32]) -> Result<(), Failure> {
    let facts = run.map(Run::facts).transpose()?.flatten();
    let Some(facts) = facts else {
        let failure = Failure::mistake("--normalize takes the numbers of a run");
        return Err(failure.help("name the folder of one in place of the network"));
    };
    let channels = size.channels();
    if facts.mean.len() != channels {
        let message = format!("the run's images have {} channels, the input has {channels}", facts.mean.len());
        return Err(Failure::mistake(message));
    }
    let plane = size.spatial().map_or(1, |[height, width]| height * width);
    for (index, values) in values.chunks_mut(plane).enumerate() {
        let (mean, scale) = (facts.mean[index % channels], 1.0 / facts.std[index % channels]);
        values.iter_mut().for_each(|x| *x = (*x - mean) * scale);
    }
    Ok(())
}

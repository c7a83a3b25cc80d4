//! `cnn export NET`: a network for other programs to run.

use std::path::{Path, PathBuf};

use clap::Args;
use cnn_lang::graph::Shape;
use serde::Serialize;

use super::Output;
use super::count::count;
use super::failure::Failure;
use super::network::Wanted;
use super::text::json;
use crate::export::onnx::{self, OPSET, Options};
use crate::train::Run;
use crate::weights::StateDict;

/// Writes a network with its weights as an ONNX file
#[derive(Args)]
pub(super) struct Export {
    /// A network as in `cnn show`, or the folder of a run
    #[arg(value_name = "NET|RUN")]
    net: String,
    /// Another input than the definition's: channels, height, width
    #[arg(long, value_name = "CxHxW")]
    input: Option<Shape>,
    /// The weights, a safetensors file [default: the best of the run]
    #[arg(long, value_name = "W.safetensors")]
    weights: Option<PathBuf>,
    /// Where the model goes
    #[arg(long, value_name = "OUT.onnx")]
    onnx: PathBuf,
    /// Samples of every run [default: open]
    #[arg(long, value_parser = count::<usize>(1..=i32::MAX as u64))]
    batch: Option<usize>,
    /// Keep batch normalisation as operations of its own
    #[arg(long)]
    keep_batch_norm: bool,
    /// Export the auxiliary outputs too, by their names
    #[arg(long)]
    auxiliary: bool,
    /// Put the weights into OUT.onnx.data, however small [default: beyond 1.5 GB]
    #[arg(long)]
    external_data: bool,
    /// Write JSON about the result
    #[arg(long)]
    json: bool,
}

/// The output of `cnn export --json`.
#[derive(Serialize)]
struct Exported {
    network: String,
    onnx: String,
    external_data: Option<String>,
    opset: i64,
    nodes: usize,
    bytes: u64,
}

impl Export {
    pub(super) fn run(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let net = self.net.as_str();
        let run = Run::is_at(Path::new(net)).then(|| Run::open(Path::new(net))).transpose()?;
        let graph = match &run {
            Some(run) if self.input.is_none() => run.graph()?,
            Some(run) => run.graph_at(self.input)?,
            None => Wanted { net, input: self.input }.load()?.graph,
        };
        let weights = match (&self.weights, &run) {
            (Some(weights), _) => weights.clone(),
            (None, Some(run)) => run.weights(),
            (None, None) => {
                let failure = Failure::mistake(format!("no weights for {net}"));
                return Err(failure.help("give --weights W.safetensors, or the folder of a run"));
            }
        };
        let same = |path: &Path| std::fs::canonicalize(path).ok();
        if same(&weights).is_some_and(|weights| same(&self.onnx) == Some(weights)) {
            let failure = Failure::mistake(format!("{} is the file of the weights", self.onnx.display()));
            return Err(failure.help("write the model elsewhere"));
        }
        let state = StateDict::<f32>::load(&graph, weights)?;
        let options = Options {
            batch: self.batch,
            fold_batch_norm: !self.keep_batch_norm,
            auxiliary: self.auxiliary,
            inline: if self.external_data { 0 } else { Options::INLINE },
        };
        let saved = onnx::save(&graph, &state, options, &self.onnx)?;
        let exported = Exported {
            network: net.to_owned(),
            onnx: self.onnx.display().to_string(),
            external_data: saved.weights.map(|path| path.display().to_string()),
            opset: OPSET,
            nodes: saved.nodes,
            bytes: saved.bytes,
        };
        if self.json {
            return json(output.out, &exported);
        }
        let Exported { onnx, external_data, nodes, bytes, .. } = &exported;
        write!(output.out, "{onnx}: opset {OPSET}, {nodes} operations, {:.1} MB", *bytes as f64 / 1e6)?;
        match external_data {
            Some(data) => writeln!(output.out, ", weights in {data}")?,
            None => writeln!(output.out)?,
        }
        Ok(())
    }
}

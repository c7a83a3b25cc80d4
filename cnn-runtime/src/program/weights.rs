//! Weights from files of other programs.

use std::path::Path;

use clap::Args;
use cnn_lang::graph::Graph;

use super::failure::Failure;
use crate::weights::{LoadOptions, StoredWeights};

/// How a file names the network's tensors.
#[derive(Args)]
pub(super) struct Names {
    /// A scope that the file's names begin with and the network's do not: module; may be repeated
    #[arg(long, value_name = "SCOPE")]
    strip: Vec<String>,
    /// What the network calls a part of the file's names: classifier=fc; may be repeated
    #[arg(long, value_name = "FROM=TO", value_parser = pair)]
    rename: Vec<(String, String)>,
}

impl Names {
    pub(super) fn options(&self) -> LoadOptions {
        LoadOptions { strip: self.strip.clone(), rename: self.rename.clone(), ..LoadOptions::default() }
    }

    /// Every tensor of the network.
    pub(super) fn open(&self, graph: &Graph, path: &Path) -> Result<StoredWeights<f32>, Failure> {
        Ok(StoredWeights::open(graph, path, &self.options())?)
    }
}

/// `classifier=fc`
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.to_owned(), to.to_owned())),
        _ => Err("expected two names as in classifier=fc".to_owned()),
    }
}

//! tract on the file of --onnx.

use protocol::{Failure, Peer, Work};
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

fn main() -> Result<(), Failure> {
    protocol::serve(build)
}

fn build(work: &Work) -> Result<Peer<'_>, Failure> {
    if work.train {
        return Err("tract infers only".into());
    }
    let path = work.onnx.as_ref().ok_or("--onnx is needed")?;
    set_default_executor(Executor::multithread(work.threads));
    // With the causes of an error in its text.
    let model = tract_onnx::onnx().model_for_path(path).and_then(|model| model.into_optimized());
    let model = model.and_then(|model| model.into_runnable()).map_err(|error| format!("{error:#}"))?;
    let [channels, height, width] = work.input;
    let images: TValue = Tensor::from_shape(&[work.batch, channels, height, width], &work.images)?.into();
    let step = move || {
        model.run(tvec!(images.clone()))?;
        Ok(())
    };
    Ok(Peer { parameters: None, planned: None, step: Box::new(step) })
}

//! How a run goes on and what it keeps: nothing of it changes its numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::program::count::count;
use crate::program::failure::Failure;
use crate::program::progress::Progress;
use crate::train::OnNan;

/// What may be given with `--resume` too.
#[derive(Args)]
pub(super) struct Running {
    /// The longest time between two checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    checkpoint_seconds: f64,
    /// How many checkpoints are kept: the newest
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = count::<u16>(1..=1000))]
    keep: u16,
    /// Where loss, gradients or weights are not finite: stop and name the layer, or go back to
    /// the newest checkpoint and on with half the learning rate
    #[arg(long, value_name = "WAY", default_value = "stop")]
    on_nan: OnNanArg,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnNanArg {
    Stop,
    Rollback,
}

impl Running {
    /// Has a training observed like this.
    pub(super) fn apply(&self, progress: &mut Progress<'_, '_>) {
        progress.checkpoint_every = Duration::from_secs_f64(self.checkpoint_seconds);
        progress.keep = usize::from(self.keep);
        progress.on_nan = match self.on_nan {
            OnNanArg::Stop => OnNan::Stop,
            OnNanArg::Rollback => OnNan::Rollback,
        };
    }
}

/// Set by SIGINT, SIGTERM or SIGHUP; a second one ends the process at once.
pub(in crate::program) fn interrupts() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let handler = move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Failed(format!("cannot listen to signals: {error}")))?;
    Ok(stop)
}

/// At most a year, which no duration overflows.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=3.2e7).contains(seconds));
    seconds.ok_or_else(|| "expected a number of seconds, at least 0".to_owned())
}

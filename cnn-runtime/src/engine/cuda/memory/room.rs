//! Whether a plan's memory is to be had, said before any of it is taken.

use crate::engine::cuda::device::{Device, failed};
use crate::engine::error::EngineError;
use crate::engine::plan::Plan;

/// Bytes that a plan takes on a device.
struct Needs {
    batch: usize,
    /// Whatever the batch.
    kept: usize,
    /// For all samples of a batch.
    batched: usize,
}

impl Needs {
    fn of(plan: &Plan, shares_weights: bool) -> Needs {
        let weights = if shares_weights { 0 } else { plan.report.weights };
        // Of a run, and of the next, which may be given ahead.
        let images = 2 * plan.batch * plan.input * size_of::<f32>();
        Needs { batch: plan.batch, kept: weights + plan.report.optimizer, batched: plan.arena + images }
    }

    /// What is to be said where there is not as much.
    fn shortage(&self, [free, total]: [usize; 2]) -> Option<String> {
        let Needs { batch, kept, batched } = *self;
        if kept + batched <= free {
            return None;
        }
        let [needs, free_text, total] = [kept + batched, free, total].map(gibibytes);
        let there = format!("a batch of {batch} needs {needs}, and {free_text} of {total} are free");
        // What lies in the arena grows with the batch, for the most part.
        let fitting = free.saturating_sub(kept) as u128 * batch as u128 / batched.max(1) as u128;
        Some(match fitting {
            0 => format!("{there}: not even one sample would fit"),
            _ => format!("{there}: a batch of {fitting} would fit"),
        })
    }
}

fn gibibytes(bytes: usize) -> String {
    format!("{:.2} GiB", bytes as f64 / (1u64 << 30) as f64)
}

/// Refuses a plan that takes more than is free.
pub(super) fn check(device: &dyn Device, plan: &Plan, shares_weights: bool) -> Result<(), EngineError> {
    let shortage = device.room().and_then(|room| Needs::of(plan, shares_weights).shortage(room));
    shortage.map_or(Ok(()), |shortage| Err(failed(device, shortage)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_fit_is_said() {
        const GIB: usize = 1 << 30;
        let needs = Needs { batch: 512, kept: GIB, batched: 20 * GIB };
        assert_eq!(needs.shortage([21 * GIB, 40 * GIB]), None);
        let said = |free: usize| needs.shortage([free, 24 * GIB]).unwrap();
        println!("{}\n{}", said(11 * GIB), said(GIB));
        assert_eq!(
            said(11 * GIB),
            "a batch of 512 needs 21.00 GiB, and 11.00 GiB of 24.00 GiB are free: a batch of 256 would fit"
        );
        assert!(said(GIB).ends_with("1.00 GiB of 24.00 GiB are free: not even one sample would fit"));
        // What would fit does.
        let fitting = Needs { batch: 256, kept: GIB, batched: 10 * GIB };
        assert_eq!(fitting.shortage([11 * GIB, 24 * GIB]), None);
    }
}

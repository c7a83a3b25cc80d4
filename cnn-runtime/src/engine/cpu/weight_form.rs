//! What weights go through before they are used, filter by filter.

use super::rows::Scratch;
use super::team::Team;
use crate::kernels::Kernel;
use crate::kernels::conv::weight::{STANDARDIZATION_EPS, Standardize};

/// Numbers that are worth a task.
const GRAIN: usize = 1 << 14;

/// `f(first, len)` for runs of whole filters.
fn runs(team: &Team, filters: usize, all: usize, f: impl Fn(usize, usize) + Sync) {
    let size = all / filters.max(1);
    let each = GRAIN.div_ceil(size.max(1));
    team.each(filters.div_ceil(each), |task, _| {
        let first = task * each;
        f(first * size, each.min(filters - first) * size);
    });
}

/// Filters of a run.
fn standardize(len: usize, filters: usize, all: usize) -> Standardize {
    Standardize { filters: len / (all / filters.max(1)).max(1), eps: STANDARDIZATION_EPS }
}

/// Each filter with mean 0 and variance 1.
pub(super) fn forward(team: &Team, filters: usize, weight: &[f32], formed: &mut [f32]) {
    let (all, to) = (formed.len(), Scratch::of(formed));
    runs(team, filters, all, |first, len| {
        // SAFETY: runs have filters of their own.
        let to = unsafe { to.part(first, len) };
        standardize(len, filters, all).forward(&[&weight[first..][..len]], to);
    });
}

/// The gradient, onto what is there.
pub(super) fn backward(team: &Team, filters: usize, weight: &[f32], gradient: &[f32], dweight: &mut [f32]) {
    let (all, to) = (dweight.len(), Scratch::of(dweight));
    runs(team, filters, all, |first, len| {
        // SAFETY: as above.
        let to = unsafe { to.part(first, len) };
        let [weight, gradient] = [weight, gradient].map(|of| &of[first..][..len]);
        standardize(len, filters, all).backward(&[weight], &[], gradient, &mut [to]);
    });
}

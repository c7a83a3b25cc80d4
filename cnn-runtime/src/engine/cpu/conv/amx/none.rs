//! Other processors have no such unit.

use super::super::tile::Run;
use super::Product;

pub(in super::super) const SLACK: usize = 0;

pub(in super::super) fn is_here() -> bool {
    false
}

pub(in super::super) struct Unit;

impl Unit {
    /// # Safety
    /// [`is_here`] said yes.
    pub unsafe fn begin() -> Unit {
        unreachable!("it is not here")
    }
}

pub(in super::super) fn tiles(_: usize) -> &'static [Run] {
    unreachable!("it is not here")
}

impl Product {
    /// # Safety
    /// None.
    pub(in super::super) unsafe fn add(&self) {
        unreachable!("it is not here")
    }
}

/// # Safety
/// None.
pub(in super::super) unsafe fn copy_turned(
    _: *const f32,
    _: Option<*const f32>,
    _: usize,
    _: usize,
    _: usize,
    _: *mut f32,
    _: usize,
) {
    unreachable!("it is not here")
}

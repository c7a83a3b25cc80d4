//! Other processors have no such unit.

use super::tile::Run;

pub(super) const SLACK: usize = 0;
pub(super) const ROWS: usize = 16;

pub(super) fn is_here() -> bool {
    false
}

pub(super) struct Unit;

impl Unit {
    /// # Safety
    /// [`is_here`] said yes.
    pub unsafe fn begin() -> Unit {
        unreachable!("it is not here")
    }
}

pub(super) fn tiles(_: usize) -> &'static [Run] {
    unreachable!("it is not here")
}

pub(super) struct Product {
    pub x: *const f32,
    pub x_pitch: usize,
    pub jump: isize,
    pub dy: *const f32,
    pub dy_pitch: usize,
    pub sequences: usize,
    pub steps: usize,
    pub squares: [usize; 2],
    pub sums: *mut f32,
    pub sums_pitch: usize,
}

impl Product {
    /// # Safety
    /// None.
    pub unsafe fn add(&self) {
        unreachable!("it is not here")
    }
}

/// # Safety
/// None.
pub(super) unsafe fn copy_turned(
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

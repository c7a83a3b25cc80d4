//! Memory of this machine, in which plans run: where operands become slices.

pub(super) mod memory;
pub(super) mod view;

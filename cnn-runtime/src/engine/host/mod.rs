//! What back ends on this machine share: memory in which operands become slices, and a clock.

pub(super) mod audit;
pub(super) mod memory;
pub(super) mod view;
pub(super) mod watch;

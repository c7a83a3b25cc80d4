//! What generated networks and their users call.

pub mod eager;
pub mod kernels;
pub mod layers;

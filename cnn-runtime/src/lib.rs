//! What generated networks and their users call.

pub mod data;
pub mod weights;

//! What the integration tests share: weights by rule, and what a reference implementation computes with them.

pub mod cases;
pub mod device;
pub mod every_layer;
pub mod fixture;
pub mod gradients;
pub mod inference;
pub mod layers;
pub mod oracle;
pub mod parts;
pub mod random_graph;
pub mod rule;
pub mod training;
pub mod typed;
pub mod zoo;

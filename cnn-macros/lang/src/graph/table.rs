//! How a network reads: the layer table.

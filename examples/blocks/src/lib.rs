//! Blocks that other crates import.

//! The procedural macros of `cnn-runtime`.

//! Batch, channels and plane of a vector or a map, for layers that take both.

use dfdx::prelude::Shape;

/// The sizes of `(B, C)` or `(B, C, H, W)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Samples in the batch.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Height times width, 1 for vectors.
    pub plane: usize,
}

impl Sizes {
    /// Of any shape with a batch and channels.
    #[track_caller]
    pub fn of<S: Shape>(op: &str, shape: &S) -> Self {
        let shape: Vec<usize> = shape.concrete().into();
        let [batch, channels, plane @ ..] = &shape[..] else {
            panic!("{op}: takes (B, C) or (B, C, H, W), not {shape:?}; this is a bug in the calling code")
        };
        Self { batch: *batch, channels: *channels, plane: plane.iter().product() }
    }

    /// As [`Sizes::of`], of a layer that was made for so many channels.
    #[track_caller]
    pub fn made_for<S: Shape>(op: &str, shape: &S, expected: usize) -> Self {
        let sizes = Self::of(op, shape);
        let channels = sizes.channels;
        assert_eq!(
            channels, expected,
            "{op}: {channels} channels, made for {expected}; this is a bug in the calling code"
        );
        sizes
    }
}

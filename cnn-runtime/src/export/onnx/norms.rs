//! Normalisation of a sample by itself.

use cnn_lang::graph::Shape;

use super::builder::Builder;
use super::ops::per_channel_dims;
use super::tensors::{float, int, ints, last_axis};

impl Builder<'_> {
    /// Each group is a channel of a normalisation of instances. (`GroupNormalization` had a scale for each group, not for each
    /// channel, until opset 21.)
    pub(super) fn gn(&mut self, index: usize, groups: usize, eps: f64, x: &str, from: Shape) -> String {
        let each = self.reshape(index, x, &[0, groups, from.elements() / groups]);
        let (ones, zeros) = (self.floats(&[groups], vec![1.0; groups]), self.floats(&[groups], vec![0.0; groups]));
        let normal = self.push(index, "InstanceNormalization", &[&each, &ones, &zeros], vec![float("epsilon", eps)]);
        let normal = self.reshape(index, &normal, &[&[0], &from.dims()[..]].concat());
        let dims = per_channel_dims(from);
        let [weight, bias] = [0, 1].map(|n| self.tensor(index, n, &dims));
        let scaled = self.push(index, "Mul", &[&normal, &weight], Vec::new());
        self.push(index, "Add", &[&scaled, &bias], Vec::new())
    }

    /// Over the last axis, to which the channels of a map are moved.
    pub(super) fn ln(&mut self, index: usize, eps: f64, x: &str, from: Shape) -> String {
        let [weight, bias] = [0, 1].map(|n| self.tensor(index, n, &[from.channels()]));
        let attributes = vec![last_axis("axis"), float("epsilon", eps)];
        let norm = |this: &mut Self, x: &str| this.push(index, "LayerNormalization", &[x, &weight, &bias], attributes);
        let turn = |this: &mut Self, x: &str, order| this.push(index, "Transpose", &[x], vec![ints("perm", order)]);
        match from {
            Shape::Vector(_) => norm(self, x),
            Shape::Map { .. } => {
                let last = turn(self, x, &[0, 2, 3, 1]);
                let normal = norm(self, &last);
                turn(self, &normal, &[0, 3, 1, 2])
            }
        }
    }

    /// ONNX's window of an even size reaches further behind the channel than in front of it, ours further in front: then the
    /// mean of the squares is taken with channels as rows of a map.
    pub(super) fn lrn(
        &mut self,
        index: usize,
        size: usize,
        [alpha, beta, k]: [f64; 3],
        x: &str,
        from: Shape,
    ) -> String {
        if size % 2 == 1 {
            let attributes = vec![int("size", size), float("alpha", alpha), float("beta", beta), float("bias", k)];
            return self.push(index, "LRN", &[x], attributes);
        }
        let squares = self.push(index, "Mul", &[x, x], Vec::new());
        let rows = self.reshape(index, &squares, &[0, 1, from.channels(), from.elements() / from.channels()]);
        let attributes = vec![
            ints("kernel_shape", &[size, 1]),
            ints("strides", &[1, 1]),
            ints("pads", &[size / 2, 0, (size - 1) / 2, 0]),
            int("count_include_pad", 1),
        ];
        let means = self.push(index, "AveragePool", &[&rows], attributes);
        let means = self.reshape(index, &means, &[&[0], &from.dims()[..]].concat());
        let [alpha, beta, k] = [alpha, beta, k].map(|value| self.scalar(value));
        let scaled = self.push(index, "Mul", &[&means, &alpha], Vec::new());
        let sum = self.push(index, "Add", &[&scaled, &k], Vec::new());
        let divisor = self.push(index, "Pow", &[&sum, &beta], Vec::new());
        self.push(index, "Div", &[x, &divisor], Vec::new())
    }
}

//! Layers that are a product with a weight, and the batch normalisation that becomes part of it.

use cnn_lang::graph::{Conv, Op, Shape};

use super::builder::Builder;
use super::tensors::{float, int, ints};
use crate::engine::Recipe;
use crate::engine::operation::WeightForm;

impl Builder<'_> {
    pub(super) fn conv(&mut self, index: usize, conv: &Conv, x: &str, from: Shape) -> String {
        let Conv { out, kernel, stride, pad: [top, bottom, left, right], dilation, groups, bias, .. } = *conv;
        let mut weight = self.recipe(index, 0);
        if let Some(form) = WeightForm::of(conv, from.channels()) {
            weight = self.constants.add(Recipe::Form(weight, form));
        }
        let dims = [out, from.channels() / groups, kernel[0], kernel[1]];
        let operands = self.operands(index, x, weight, &dims, bias);
        let attributes = vec![
            ints("kernel_shape", &kernel),
            ints("strides", &stride),
            ints("pads", &[top, left, bottom, right]),
            ints("dilations", &dilation),
            int("group", groups),
        ];
        self.push(index, "Conv", &operands.iter().map(String::as_str).collect::<Vec<_>>(), attributes)
    }

    /// Of a vector, or pixel by pixel of a map.
    pub(super) fn linear(&mut self, index: usize, out: usize, bias: bool, x: &str, from: Shape) -> String {
        let weight = self.recipe(index, 0);
        let (op, dims, attributes) = match from {
            Shape::Map { channels, .. } => ("Conv", vec![out, channels, 1, 1], vec![ints("kernel_shape", &[1, 1])]),
            Shape::Vector(length) => ("Gemm", vec![out, length], vec![int("transB", 1)]),
        };
        let operands = self.operands(index, x, weight, &dims, bias);
        self.push(index, op, &operands.iter().map(String::as_str).collect::<Vec<_>>(), attributes)
    }

    /// What a layer reads: x, its weight, its bias if it has one or the batch normalisation behind it makes it one.
    fn operands(&mut self, index: usize, x: &str, mut weight: usize, dims: &[usize], has_bias: bool) -> Vec<String> {
        let mut bias = has_bias.then(|| self.recipe(index, 1));
        if let Some(norm) = self.reach.absorbs[index] {
            let Op::Bn { eps, affine, .. } = self.graph.nodes[norm].op else { unreachable!("a batch normalisation") };
            let (scale, shift) = self.norm(norm, eps, affine);
            weight = self.constants.add(Recipe::Scaled { weight, scale });
            bias = Some(match bias {
                Some(bias) => self.constants.add(Recipe::Shifted { bias, scale, shift }),
                None => shift,
            });
        }
        let mut operands = vec![x.to_owned(), self.initializer(index, 0, dims, weight)];
        operands.extend(bias.map(|bias| match has_bias {
            true => self.initializer(index, 1, &dims[..1], bias),
            false => self.extra(index, "bias", &dims[..1], bias),
        }));
        operands
    }

    /// Factor and summand of a batch normalisation.
    fn norm(&mut self, index: usize, eps: f64, affine: bool) -> (usize, usize) {
        let first = self.first_tensor(index);
        self.constants.norm(first, eps, affine)
    }

    /// A batch normalisation that stays one.
    pub(super) fn bn(&mut self, index: usize, eps: f64, affine: bool, x: &str, from: Shape) -> String {
        let dims = [from.channels()];
        let statistics = 2 * usize::from(affine);
        let [scale, bias] = [(0, 1.0), (1, 0.0)].map(|(n, none)| match affine {
            true => self.tensor(index, n, &dims),
            false => self.floats(&dims, vec![none; dims[0]]),
        });
        let [mean, var] = [statistics, statistics + 1].map(|n| self.tensor(index, n, &dims));
        self.push(index, "BatchNormalization", &[x, &scale, &bias, &mean, &var], vec![float("epsilon", eps)])
    }
}

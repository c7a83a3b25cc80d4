//! What inference can compute once and for all: folded batch normalisation, standardised weights.
//!
//! A constant is a recipe over the network's tensors. Recipes are followed in f64, so folding adds no error of its own.

use super::operation::WeightForm;
use crate::kernels::Kernel;
use crate::kernels::conv::weight::{Connect, STANDARDIZATION_EPS, Standardize};

/// How a constant comes about; numbers are indices of earlier constants, except in [`Recipe::Entry`].
#[derive(Clone, Debug, PartialEq)]
pub enum Recipe {
    /// An entry of the network's state dict, by its index. (No variant is called `Tensor`: rustc would spell out the path of
    /// dfdx's in the errors of users.)
    Entry(usize),
    /// The same number so many times.
    Fill(f64, usize),
    /// Batch normalisation as a factor: `weight / sqrt(var + eps)`.
    NormScale {
        /// 1 where there is none.
        weight: Option<usize>,
        /// Running variance.
        var: usize,
        /// Added to the variance.
        eps: f64,
    },
    /// Batch normalisation as a summand: `bias - mean scale`.
    NormShift {
        /// 0 where there is none.
        bias: Option<usize>,
        /// Running mean.
        mean: usize,
        /// The factor.
        scale: usize,
    },
    /// A weight whose output channels are each multiplied by a number.
    Scaled {
        /// `[channels, …]`
        weight: usize,
        /// `[channels]`
        scale: usize,
    },
    /// `shift + bias scale`
    Shifted {
        /// `[channels]`
        bias: usize,
        /// `[channels]`
        scale: usize,
        /// `[channels]`
        shift: usize,
    },
    /// A weight in another form.
    Form(usize, WeightForm),
}

/// Recipes, each after those that it names.
#[derive(Clone, Debug, Default)]
pub struct Constants {
    recipes: Vec<Recipe>,
}

impl Constants {
    /// Index of the new recipe.
    pub fn add(&mut self, recipe: Recipe) -> usize {
        self.recipes.push(recipe);
        self.recipes.len() - 1
    }

    /// Factor and summand of a batch normalisation, whose tensors begin with this entry.
    pub fn norm(&mut self, first: usize, eps: f64, affine: bool) -> (usize, usize) {
        let mut entry = |n: usize| self.add(Recipe::Entry(first + n));
        let (weight, bias) = if affine { (Some(entry(0)), Some(entry(1))) } else { (None, None) };
        let statistics = 2 * usize::from(affine);
        let (mean, var) = (entry(statistics), entry(statistics + 1));
        let scale = self.add(Recipe::NormScale { weight, var, eps });
        (scale, self.add(Recipe::NormShift { bias, mean, scale }))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.recipes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.recipes.is_empty()
    }

    /// Follows a recipe; `tensor` gives the network's tensors.
    pub fn evaluate(&self, index: usize, tensor: &dyn Fn(usize) -> Vec<f64>) -> Vec<f64> {
        let get = |index: usize| self.evaluate(index, tensor);
        match &self.recipes[index] {
            Recipe::Entry(index) => tensor(*index),
            Recipe::Fill(number, count) => vec![*number; *count],
            Recipe::NormScale { weight, var, eps } => {
                let inverse = get(*var).into_iter().map(|var| 1.0 / (var + eps).sqrt());
                match weight {
                    Some(weight) => inverse.zip(get(*weight)).map(|(inverse, weight)| weight * inverse).collect(),
                    None => inverse.collect(),
                }
            }
            Recipe::NormShift { bias, mean, scale } => {
                let moved = get(*mean).into_iter().zip(get(*scale)).map(|(mean, scale)| -mean * scale);
                match bias {
                    Some(bias) => moved.zip(get(*bias)).map(|(moved, bias)| moved + bias).collect(),
                    None => moved.collect(),
                }
            }
            Recipe::Scaled { weight, scale } => {
                let (mut weight, scale) = (get(*weight), get(*scale));
                let filter = (weight.len() / scale.len().max(1)).max(1);
                for (filter, scale) in weight.chunks_mut(filter).zip(scale) {
                    filter.iter_mut().for_each(|weight| *weight *= scale);
                }
                weight
            }
            Recipe::Shifted { bias, scale, shift } => {
                let scaled = get(*bias).into_iter().zip(get(*scale)).map(|(bias, scale)| bias * scale);
                scaled.zip(get(*shift)).map(|(scaled, shift)| scaled + shift).collect()
            }
            Recipe::Form(weight, form) => {
                let weight = get(*weight);
                let mut formed = vec![0.0; weight.len()];
                match form.clone() {
                    WeightForm::Standardized { filters } => {
                        Standardize { filters, eps: STANDARDIZATION_EPS }.forward(&[&weight], &mut formed);
                    }
                    WeightForm::Connected { table, inputs, window } => {
                        Connect { table: table.into(), inputs, window }.forward(&[&weight], &mut formed);
                    }
                }
                formed
            }
        }
    }
}

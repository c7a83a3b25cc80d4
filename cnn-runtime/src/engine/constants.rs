//! What inference can compute once and for all: folded batch normalisation, standardised weights.
//!
//! A constant is a recipe over the network's tensors. Recipes are followed in f64, so folding adds no error of its own.

use std::convert::Infallible;
use std::ops::Range;

use super::operation::WeightForm;
use crate::kernels::Kernel;
use crate::kernels::conv::weight::{Connect, STANDARDIZATION_EPS, Standardize};
use crate::weights::{Element, StateDict};

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

    /// How many numbers a recipe gives.
    pub(crate) fn count<T: Entries + ?Sized>(&self, index: usize, entries: &T) -> usize {
        match &self.recipes[index] {
            Recipe::Entry(entry) => entries.count(*entry),
            Recipe::Fill(_, count) => *count,
            Recipe::NormScale { var: like, .. }
            | Recipe::NormShift { mean: like, .. }
            | Recipe::Scaled { weight: like, .. }
            | Recipe::Shifted { bias: like, .. }
            | Recipe::Form(like, _) => self.count(*like, entries),
        }
    }

    /// The entry that a recipe gives as it is, if it does.
    pub(super) fn plain(&self, index: usize) -> Option<usize> {
        if let Recipe::Entry(entry) = self.recipes[index] { Some(entry) } else { None }
    }

    /// Calls `found` for each entry that a recipe reads.
    pub(super) fn entries(&self, index: usize, found: &mut dyn FnMut(usize)) {
        let mut all = |of: &[Option<usize>]| of.iter().flatten().for_each(|&of| self.entries(of, found));
        match &self.recipes[index] {
            Recipe::Entry(entry) => found(*entry),
            Recipe::Fill(..) => {}
            Recipe::NormScale { weight, var, .. } => all(&[*weight, Some(*var)]),
            Recipe::NormShift { bias, mean, scale } => all(&[*bias, Some(*mean), Some(*scale)]),
            Recipe::Scaled { weight, scale } => all(&[Some(*weight), Some(*scale)]),
            Recipe::Shifted { bias, scale, shift } => all(&[Some(*bias), Some(*scale), Some(*shift)]),
            Recipe::Form(weight, _) => all(&[Some(*weight)]),
        }
    }

    /// Follows a recipe for these of its numbers.
    pub(crate) fn evaluate<T: Entries + ?Sized>(
        &self,
        index: usize,
        range: Range<usize>,
        entries: &T,
    ) -> Result<Vec<f64>, T::Failed> {
        let get = |index: usize| self.evaluate(index, range.clone(), entries);
        Ok(match &self.recipes[index] {
            Recipe::Entry(entry) => entries.numbers(*entry, range)?,
            Recipe::Fill(number, _) => vec![*number; range.len()],
            Recipe::NormScale { weight, var, eps } => {
                let inverse = get(*var)?.into_iter().map(|var| 1.0 / (var + eps).sqrt());
                match weight {
                    Some(weight) => inverse.zip(get(*weight)?).map(|(inverse, weight)| weight * inverse).collect(),
                    None => inverse.collect(),
                }
            }
            Recipe::NormShift { bias, mean, scale } => {
                let moved = get(*mean)?.into_iter().zip(get(*scale)?).map(|(mean, scale)| -mean * scale);
                match bias {
                    Some(bias) => moved.zip(get(*bias)?).map(|(moved, bias)| moved + bias).collect(),
                    None => moved.collect(),
                }
            }
            Recipe::Scaled { weight, scale } => {
                let rows = Rows::of(self.count(*weight, entries), self.count(*scale, entries), &range);
                let scales = self.evaluate(*scale, rows.rows.clone(), entries)?;
                let mut weight = get(*weight)?;
                for (row, scale) in rows.rows.clone().zip(scales) {
                    let begin = (row * rows.len).max(range.start) - range.start;
                    let end = ((row + 1) * rows.len).min(range.end) - range.start;
                    weight[begin..end].iter_mut().for_each(|weight| *weight *= scale);
                }
                weight
            }
            Recipe::Shifted { bias, scale, shift } => {
                let scaled = get(*bias)?.into_iter().zip(get(*scale)?).map(|(bias, scale)| bias * scale);
                scaled.zip(get(*shift)?).map(|(scaled, shift)| scaled + shift).collect()
            }
            Recipe::Form(weight, form) => {
                let count = self.count(*weight, entries);
                let whole = match form {
                    WeightForm::Standardized { filters } => Rows::of(count, *filters, &range).numbers(),
                    WeightForm::Connected { .. } => 0..count,
                };
                let weight = self.evaluate(*weight, whole.clone(), entries)?;
                let mut formed = vec![0.0; weight.len()];
                match form.clone() {
                    WeightForm::Standardized { filters } => {
                        let filters = Rows::of(count, filters, &range).rows.len();
                        Standardize { filters, eps: STANDARDIZATION_EPS }.forward(&[&weight], &mut formed);
                    }
                    WeightForm::Connected { table, inputs, window } => {
                        Connect { table: table.into(), inputs, window }.forward(&[&weight], &mut formed);
                    }
                }
                formed.drain(..range.start - whole.start);
                formed.truncate(range.len());
                formed
            }
        })
    }
}

/// The tensors that recipes are followed over.
pub(crate) trait Entries {
    /// Why they may not be to be had.
    type Failed;

    /// How many numbers an entry has.
    fn count(&self, entry: usize) -> usize;

    /// These of them.
    fn numbers(&self, entry: usize, range: Range<usize>) -> Result<Vec<f64>, Self::Failed>;
}

impl<E: Element> Entries for StateDict<E> {
    type Failed = Infallible;

    fn count(&self, entry: usize) -> usize {
        self.tensors()[entry].data.len()
    }

    fn numbers(&self, entry: usize, range: Range<usize>) -> Result<Vec<f64>, Infallible> {
        Ok(self.tensors()[entry].data[range].iter().map(|value| value.widen()).collect())
    }
}

/// The filters that a range of a weight's numbers lies in.
struct Rows {
    rows: Range<usize>,
    /// Numbers of each.
    len: usize,
}

impl Rows {
    /// Of a weight of so many numbers in so many rows.
    fn of(count: usize, rows: usize, range: &Range<usize>) -> Rows {
        let len = (count / rows.max(1)).max(1);
        Rows { rows: range.start / len..range.end.div_ceil(len), len }
    }

    fn numbers(&self) -> Range<usize> {
        self.rows.start * self.len..self.rows.end * self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any part of any recipe's numbers is that part of all of them.
    #[test]
    fn parts_are_parts_of_the_whole() {
        let entries: Vec<Vec<f64>> = [6 * 10, 6, 6, 6, 6, 6]
            .iter()
            .enumerate()
            .map(|(entry, &count)| (0..count).map(|i| 0.3 + ((7 * i + 3 * entry) % 11) as f64).collect())
            .collect();
        let mut recipes = Constants::default();
        let weight = recipes.add(Recipe::Entry(0));
        let bias = recipes.add(Recipe::Entry(5));
        let (scale, shift) = recipes.norm(1, 1e-5, true);
        recipes.norm(3, 1e-5, false);
        recipes.add(Recipe::Scaled { weight, scale });
        recipes.add(Recipe::Shifted { bias, scale, shift });
        let standardized = recipes.add(Recipe::Form(weight, WeightForm::Standardized { filters: 6 }));
        recipes.add(Recipe::Scaled { weight: standardized, scale });
        let table = vec![vec![0, 2], vec![1], vec![0, 1, 4], vec![3], vec![4, 0], vec![2]];
        recipes.add(Recipe::Form(weight, WeightForm::Connected { table, inputs: 5, window: 2 }));
        recipes.add(Recipe::Fill(0.5, 9));
        for index in 0..recipes.len() {
            let count = recipes.count(index, &entries);
            let Ok(whole) = recipes.evaluate(index, 0..count, &entries);
            assert_eq!(whole.len(), count, "recipe {index}");
            for start in 0..count {
                for end in start + 1..=count {
                    let Ok(part) = recipes.evaluate(index, start..end, &entries);
                    assert_eq!(part, whole[start..end], "recipe {index}, {start} to {end}");
                }
            }
        }
    }

    impl Entries for Vec<Vec<f64>> {
        type Failed = Infallible;

        fn count(&self, entry: usize) -> usize {
            self[entry].len()
        }

        fn numbers(&self, entry: usize, range: Range<usize>) -> Result<Vec<f64>, Infallible> {
            Ok(self[entry][range].to_vec())
        }
    }
}

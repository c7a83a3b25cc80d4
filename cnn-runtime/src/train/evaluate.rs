//! How well a network does on labelled images.

use super::error::TrainError;
use super::quality::{Calibration, Confusion, Tally, Worst};
use crate::data::Batched;
use crate::engine::Session;

/// What a network reached on labelled images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of images whose class has the largest logit.
    pub accuracy: f64,
    /// Share of images whose class is among the five largest, where there are more than five classes.
    pub top5: Option<f64>,
    /// How many images there were.
    pub images: usize,
    /// Which classes were taken for which.
    pub confusion: Confusion,
    /// How sure the network is where it is right.
    pub calibration: Calibration,
    /// The images of the highest losses, the highest first.
    pub worst: Vec<Worst>,
}

/// Runs all images of a [`Part`](crate::data::Part), or of a data set, which must be normalised as in training. Of equal logits the first counts as larger.
///
/// # Errors
/// If images are not of the network's size or there are none, cannot be read, or the logits are not one for each class.
pub fn evaluate(session: &mut Session, data: &dyn Batched) -> Result<Evaluation, TrainError> {
    let mut sums = (0.0, 0, 0);
    let outputs = session.outputs().next().map_or(0, |(_, shape)| shape.elements());
    if data.classes() > outputs {
        let got = outputs.to_string();
        return Err(TrainError::Setting { name: "number of logits", expected: "the number of classes or more", got });
    }
    let mut tally = Tally::new(outputs);
    let batch = session.plan().batch;
    let mut images = 0;
    for batch in data.in_order(batch) {
        let batch = batch?;
        images += batch.items.len();
        let logits = session.run(&batch.images)?;
        for (row, &item) in logits.chunks_exact(outputs.max(1)).zip(&batch.items) {
            let label = data.label(item);
            let (rank, loss) = (rank(row, label), cross_entropy(row, label));
            sums = (sums.0 + loss, sums.1 + usize::from(rank == 0), sums.2 + usize::from(rank < 5));
            tally.add(item, row, label, loss);
        }
    }
    let share = |sum: f64| sum / images.max(1) as f64;
    let top5 = (data.classes() > 5).then(|| share(sums.2 as f64));
    let (confusion, calibration, worst) = tally.finish();
    let (loss, accuracy) = (share(sums.0), share(sums.1 as f64));
    Ok(Evaluation { loss, accuracy, top5, images, confusion, calibration, worst })
}

/// How many logits come before that of the label. One that is no number comes last.
fn rank(row: &[f32], label: usize) -> usize {
    let own = row[label];
    let before = |(class, &logit): (usize, &f32)| logit > own || own.is_nan() || (logit == own && class < label);
    row.iter().enumerate().filter(|&(class, logit)| class != label && before((class, logit))).count()
}

/// `log(sum(exp(row))) - row[label]`, summed in double precision.
fn cross_entropy(row: &[f32], label: usize) -> f64 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row.iter().map(|&x| libm::exp(f64::from(x) - f64::from(largest))).sum();
    libm::log(sum) + f64::from(largest) - f64::from(row[label])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_what_is_larger() {
        let row = [0.5, 2.0, 2.0, -1.0];
        assert_eq!((0..4).map(|label| rank(&row, label)).collect::<Vec<_>>(), [2, 0, 1, 3]);
        assert_eq!(rank(&[1.0, f32::NAN], 1), 1);
        assert_eq!(rank(&[1.0, f32::NAN], 0), 0);
    }

    #[test]
    fn cross_entropy_is_that_of_softmax() {
        assert!((cross_entropy(&[0.0, 0.0], 1) - 2f64.ln()).abs() < 1e-15);
        let [a, b, c] = [1f64, 3.0, -2.0].map(f64::exp);
        assert!((cross_entropy(&[1.0, 3.0, -2.0], 0) + (a / (a + b + c)).ln()).abs() < 1e-12);
        assert!((cross_entropy(&[1000.0, 0.0], 1) - 1000.0).abs() < 1e-9);
    }
}

//! Initialisation of weights.

use dfdx::nn::tensor_collection::TensorCollection;
use dfdx::tensor_ops::Device;
use rand::SeedableRng;
use rand::distributions::Distribution;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{Element, NamedTensor, WeightsError, visit};

/// Which side of a weight its variance makes up for, with `kernel` the product of the dimensions after the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Second dimension times kernel: activations keep their variance on the way forward.
    FanIn,
    /// First dimension times kernel: gradients keep theirs on the way back. torchvision's choice for ResNets.
    FanOut,
}

/// Draws every tensor named `weight` of rank 2 or more (out x in / groups x kernel…) from a normal distribution of mean 0 and
/// standard deviation `sqrt(2 / fan)`, as made for ReLU: He, Zhang, Ren & Sun 2015, "Delving Deep into Rectifiers", eq. 10
/// and 14; PyTorch's `kaiming_normal_(mode, nonlinearity='relu')`. All other tensors stay.
///
/// Tensor number `i` in visiting order depends on `seed`, `i` and its own size alone.
///
/// # Errors
/// If the device fails.
pub fn kaiming_normal<E, D, M>(module: &mut M, mode: Mode, seed: u64) -> Result<(), WeightsError>
where
    E: Element,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let mut index = 0;
    visit::fill(module, &mut |tensor: &NamedTensor<E>| {
        index += 1;
        draw(&tensor.name, &tensor.shape, mode, seed, index)
    })
}

/// Values for a weight, none for any other tensor.
fn draw(name: &str, shape: &[usize], mode: Mode, seed: u64, index: u64) -> Option<Vec<f64>> {
    if shape.len() < 2 || name.rsplit('.').next() != Some("weight") {
        return None;
    }
    let kernel: usize = shape[2..].iter().product();
    let fan = kernel
        * match mode {
            Mode::FanIn => shape[1],
            Mode::FanOut => shape[0],
        };
    let std = (2.0 / fan.max(1) as f64).sqrt();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let count = shape.iter().product();
    Some((0..count).map(|_| std * normal()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_the_deviation_of_their_fan() {
        for (mode, fan) in [(Mode::FanOut, 64.0 * 9.0), (Mode::FanIn, 32.0 * 9.0)] {
            let shape = [64, 32, 3, 3];
            let values = draw("a.weight", &shape, mode, 3, 1).unwrap();
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let square = values.iter().map(|x| x * x).sum::<f64>() / count;
            // Within four standard errors.
            let error = (square * fan / 2.0 - 1.0).abs();
            assert!(error < 4.0 * (2.0 / count).sqrt(), "{square}");
            assert!(mean.abs() < 4.0 * (square / count).sqrt(), "{mean}");

            assert_eq!(draw("a.weight", &shape, mode, 3, 1).unwrap(), values);
            assert_ne!(draw("a.weight", &shape, mode, 4, 1).unwrap(), values);
            assert_ne!(draw("a.weight", &shape, mode, 3, 2).unwrap(), values);
        }
    }

    #[test]
    fn only_weights_of_rank_2_and_more_are_drawn() {
        assert_eq!(draw("fc.bias", &[3, 4], Mode::FanIn, 0, 1), None);
        assert_eq!(draw("bn.weight", &[3], Mode::FanIn, 0, 1), None);
        assert!(draw("weight", &[3, 4], Mode::FanIn, 0, 1).is_some());
    }
}

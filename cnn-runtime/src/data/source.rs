//! Data sets by name, as programs take them on their command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::{DataError, Dataset, Digits, idx};

/// Where images come from: `digits`, `mnist:DIR` or `fashion-mnist:DIR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Drawn by the library, at any size.
    Digits,
    /// The four IDX files of MNIST, 1x28x28.
    Mnist(PathBuf),
    /// The four IDX files of Fashion-MNIST, 1x28x28.
    FashionMnist(PathBuf),
}

impl Source {
    /// Training and test images. `shape` is the network's input; `counts` says how many digits to draw for each.
    ///
    /// # Errors
    /// If files are missing or damaged, or their images have another size than `shape`.
    pub fn load(&self, shape: [usize; 3], counts: [usize; 2], seed: u64) -> Result<(Dataset, Dataset), DataError> {
        let (Source::Mnist(dir) | Source::FashionMnist(dir)) = self else {
            return Digits { seed, shape, ..Digits::default() }.train_and_test(counts[0], counts[1]);
        };
        let (train, test) = idx::mnist(dir)?;
        for part in [&train, &test] {
            if part.shape != shape {
                return Err(DataError::InputShape { data: part.shape, network: shape });
            }
        }
        Ok((train, test))
    }
}

/// As it is read back.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Digits => write!(f, "digits"),
            Source::Mnist(dir) => write!(f, "mnist:{}", dir.display()),
            Source::FashionMnist(dir) => write!(f, "fashion-mnist:{}", dir.display()),
        }
    }
}

impl FromStr for Source {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Source, DataError> {
        let unknown = || DataError::UnknownSource { name: text.to_owned() };
        match text.split_once(':') {
            None if text == "digits" => Ok(Source::Digits),
            Some(("mnist", dir)) if !dir.is_empty() => Ok(Source::Mnist(dir.into())),
            Some(("fashion-mnist", dir)) if !dir.is_empty() => Ok(Source::FashionMnist(dir.into())),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!("digits".parse::<Source>().unwrap(), Source::Digits);
        assert_eq!("mnist:a/b".parse::<Source>().unwrap(), Source::Mnist("a/b".into()));
        for name in ["digits", "mnist:a/b", "fashion-mnist:c d"] {
            assert_eq!(name.parse::<Source>().unwrap().to_string(), name);
        }
        for wrong in ["", "mnist", "mnist:", "digits:x", "cifar"] {
            let message = wrong.parse::<Source>().unwrap_err().to_string();
            assert!(message.contains("expected digits, mnist:DIR or fashion-mnist:DIR"), "{message}");
        }
    }

    #[test]
    fn digits_take_any_size() {
        let (train, test) = Source::Digits.load([3, 20, 24], [30, 10], 1).unwrap();
        assert_eq!((train.len(), test.len(), train.shape), (30, 10, [3, 20, 24]));
    }
}

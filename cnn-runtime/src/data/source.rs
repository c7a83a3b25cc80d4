//! Data sets by name, as programs take them on their command line.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Collection, DataError, Dataset, Digits, cifar, folder, idx};

/// Where images come from: `digits`, `mnist:DIR`, `fashion-mnist:DIR`, `cifar10:DIR`, `cifar100:DIR` or `folder:DIR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Drawn by the library, at any size.
    Digits,
    /// The four IDX files of MNIST, 1x28x28.
    Mnist(PathBuf),
    /// The four IDX files of Fashion-MNIST, 1x28x28.
    FashionMnist(PathBuf),
    /// CIFAR-10's binary files, 3x32x32.
    Cifar10(PathBuf),
    /// CIFAR-100's binary files, 3x32x32.
    Cifar100(PathBuf),
    /// A [folder] for each class, images of any size.
    Folder(PathBuf),
}

/// Training and test images.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// To train on.
    pub train: Collection,
    /// To test on.
    pub test: Collection,
}

impl Source {
    /// Opens the data set; of a folder only the names are read. `shape` is the size at which digits are drawn, `counts` says
    /// how many for each part.
    ///
    /// # Errors
    /// If files are missing or damaged.
    pub fn open(&self, shape: [usize; 3], counts: [usize; 2], seed: u64) -> Result<Parts, DataError> {
        match self {
            Source::Digits => {
                let (train, test) = Digits { seed, shape, ..Digits::default() }.train_and_test(counts[0], counts[1])?;
                Ok(Parts { train: train.into(), test: test.into() })
            }
            Source::Mnist(dir) | Source::FashionMnist(dir) => idx::bytes(dir),
            Source::Cifar10(dir) => cifar::cifar10(dir),
            Source::Cifar100(dir) => cifar::cifar100(dir),
            Source::Folder(dir) => folder::folder(dir),
        }
    }

    /// Training and test images as numbers in memory, at the network's input size `shape`; images of a folder are resized
    /// and cut to it.
    ///
    /// # Errors
    /// If files are missing or damaged, or their images have another size than `shape`.
    pub fn load(&self, shape: [usize; 3], counts: [usize; 2], seed: u64) -> Result<(Dataset, Dataset), DataError> {
        let Parts { train, test } = self.open(shape, counts, seed)?;
        Ok((train.numbers(shape)?, test.numbers(shape)?))
    }

    /// The folder, where it is one.
    pub fn dir(&self) -> Option<&Path> {
        match self {
            Source::Digits => None,
            Source::Mnist(dir)
            | Source::FashionMnist(dir)
            | Source::Cifar10(dir)
            | Source::Cifar100(dir)
            | Source::Folder(dir) => Some(dir),
        }
    }

    /// The same from any working directory.
    ///
    /// # Errors
    /// If the system does not tell the working directory.
    pub fn absolute(mut self) -> std::io::Result<Source> {
        match &mut self {
            Source::Digits => {}
            Source::Mnist(dir)
            | Source::FashionMnist(dir)
            | Source::Cifar10(dir)
            | Source::Cifar100(dir)
            | Source::Folder(dir) => *dir = std::path::absolute(&dir)?,
        }
        Ok(self)
    }

    fn name(&self) -> &'static str {
        match self {
            Source::Digits => "digits",
            Source::Mnist(_) => "mnist",
            Source::FashionMnist(_) => "fashion-mnist",
            Source::Cifar10(_) => "cifar10",
            Source::Cifar100(_) => "cifar100",
            Source::Folder(_) => "folder",
        }
    }
}

/// As it is read back.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.dir().map_or(Ok(()), |dir| write!(f, ":{}", dir.display()))
    }
}

impl FromStr for Source {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Source, DataError> {
        let (name, dir) = text.split_once(':').map_or((text, None), |(name, dir)| (name, Some(PathBuf::from(dir))));
        let dir = dir.filter(|dir| !dir.as_os_str().is_empty());
        match (name, dir) {
            ("digits", None) if text == "digits" => Ok(Source::Digits),
            ("mnist", Some(dir)) => Ok(Source::Mnist(dir)),
            ("fashion-mnist", Some(dir)) => Ok(Source::FashionMnist(dir)),
            ("cifar10", Some(dir)) => Ok(Source::Cifar10(dir)),
            ("cifar100", Some(dir)) => Ok(Source::Cifar100(dir)),
            ("folder", Some(dir)) => Ok(Source::Folder(dir)),
            _ => Err(DataError::UnknownSource { name: text.to_owned() }),
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
        for name in ["digits", "mnist:a/b", "fashion-mnist:c d", "cifar10:x", "cifar100:/y", "folder:C:z"] {
            assert_eq!(name.parse::<Source>().unwrap().to_string(), name);
        }
        for wrong in ["", "mnist", "mnist:", "digits:x", "digits:", "cifar", "folder:"] {
            let message = wrong.parse::<Source>().unwrap_err().to_string();
            assert!(
                message
                    .contains("expected digits, mnist:DIR, fashion-mnist:DIR, cifar10:DIR, cifar100:DIR or folder:DIR"),
                "{message}"
            );
        }
    }

    #[test]
    fn digits_take_any_size() {
        let (train, test) = Source::Digits.load([3, 20, 24], [30, 10], 1).unwrap();
        assert_eq!((train.len(), test.len(), train.shape), (30, 10, [3, 20, 24]));
    }
}

//! The binary format of CIFAR-10 and CIFAR-100 (Krizhevsky 2009, <https://www.cs.toronto.edu/~kriz/cifar.html>).
//!
//! A record is one byte of label (CIFAR-100: one of the 20 superclasses, then one of the class), then 3,072 bytes: planes of
//! red, green and blue, 32x32 each, row by row. CIFAR-10's training images are in five files.

use std::path::{Path, PathBuf};

use super::collection::{Collection, Items};
use super::{DataError, Parts};

/// Bytes of an image.
const IMAGE: usize = 3 * 32 * 32;

/// Most bytes of a file: ten times an original one.
const MOST: u64 = 2 << 30;

/// A data set of these files.
struct Format {
    name: &'static str,
    /// The folder of the archive.
    inner: &'static str,
    train: &'static [&'static str],
    test: &'static str,
    names: &'static str,
    classes: usize,
    /// Bytes in front of an image; the last is the class.
    labels: usize,
}

const CIFAR10: Format = Format {
    name: "CIFAR-10",
    inner: "cifar-10-batches-bin",
    train: &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
    test: "test_batch.bin",
    names: "batches.meta.txt",
    classes: 10,
    labels: 1,
};

const CIFAR100: Format = Format {
    name: "CIFAR-100",
    inner: "cifar-100-binary",
    train: &["train.bin"],
    test: "test.bin",
    names: "fine_label_names.txt",
    classes: 100,
    labels: 2,
};

/// CIFAR-10 from the folder of its six files, or the one that holds it: training and test images 3x32x32.
///
/// # Errors
/// If a file is missing, is no whole number of records, or has a label that is none of the classes.
pub fn cifar10(dir: impl AsRef<Path>) -> Result<Parts, DataError> {
    CIFAR10.read(dir.as_ref())
}

/// The same of CIFAR-100; the labels are the 100 fine ones.
///
/// # Errors
/// As [`cifar10`].
pub fn cifar100(dir: impl AsRef<Path>) -> Result<Parts, DataError> {
    CIFAR100.read(dir.as_ref())
}

impl Format {
    fn read(&self, dir: &Path) -> Result<Parts, DataError> {
        let inner = dir.join(self.inner);
        let dir = if inner.is_dir() { inner.as_path() } else { dir };
        let classes = self.class_names(dir)?;
        let part = |files: &[&'static str]| {
            let (mut labels, mut values) = (Vec::new(), Vec::new());
            for name in files {
                self.file(dir, name, &mut labels, &mut values)?;
            }
            let items = Items::Bytes { values, shape: [3, 32, 32] };
            Ok::<_, DataError>(Collection { items, labels, classes: classes.clone() })
        };
        Ok(Parts { train: part(self.train)?, test: part(&[self.test])? })
    }

    fn file(
        &self,
        dir: &Path,
        name: &'static str,
        labels: &mut Vec<usize>,
        values: &mut Vec<u8>,
    ) -> Result<(), DataError> {
        let path = dir.join(name);
        let io = |source| DataError::Io { path: path.clone(), source };
        let missing = || DataError::CifarFile { dir: dir.into(), file: name, set: self.name };
        // Opening a pipe would block, so look first.
        let metadata = match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
            metadata => metadata.map_err(io)?,
        };
        if !metadata.is_file() {
            return Err(DataError::NotAFile { path });
        }
        let record = self.labels + IMAGE;
        let wrong = |got| DataError::CifarLength { path: path.clone(), set: self.name, record, got };
        if metadata.len() > MOST {
            return Err(wrong(metadata.len()));
        }
        let bytes = std::fs::read(&path).map_err(io)?;
        if bytes.is_empty() || bytes.len() % record != 0 {
            return Err(wrong(bytes.len() as u64));
        }
        values.reserve(bytes.len() / record * IMAGE);
        for (index, record) in bytes.chunks_exact(record).enumerate() {
            let label = usize::from(record[self.labels - 1]);
            if label >= self.classes {
                let place = path.display().to_string();
                return Err(DataError::Label { place, index, label, classes: self.classes });
            }
            labels.push(label);
            values.extend_from_slice(&record[self.labels..]);
        }
        Ok(())
    }

    /// From their file; numbers where there is none.
    fn class_names(&self, dir: &Path) -> Result<Vec<String>, DataError> {
        let path: PathBuf = dir.join(self.names);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok((0..self.classes).map(|class| class.to_string()).collect());
            }
            Err(source) => return Err(DataError::Io { path, source }),
        };
        let names: Vec<String> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        match names.len() == self.classes {
            true => Ok(names),
            false => Err(DataError::ClassNames { path, expected: self.classes, got: names.len() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Image `i` of file `f` holds the byte `10 f + i` in red, 100 more in green, 1 in blue.
    fn record(labels: &[u8], value: u8) -> Vec<u8> {
        [labels.to_vec(), vec![value; 1024], vec![value + 100; 1024], vec![1; 1024]].concat()
    }

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (f, name) in CIFAR10.train.iter().chain([&CIFAR10.test]).enumerate() {
            let records = (0..3).flat_map(|i| record(&[(f + i) as u8], (10 * f + i) as u8));
            std::fs::write(dir.path().join(name), records.collect::<Vec<u8>>()).unwrap();
        }
        dir
    }

    #[test]
    fn records_are_labels_and_planes() {
        let dir = folder();
        let Parts { train, test } = cifar10(dir.path()).unwrap();
        assert_eq!((train.len(), test.len(), train.shape()), (15, 3, Some([3, 32, 32])));
        assert_eq!(train.labels[..6], [0, 1, 2, 1, 2, 3]);
        assert_eq!(train.classes[9], "9");
        let mut image = vec![0.0; IMAGE];
        train.view(4, [3, 32, 32], crate::data::resample::Window::whole, &mut image).unwrap();
        assert_eq!([image[0], image[1024], image[2048]], [11.0, 111.0, 1.0].map(|x: f32| x / 255.0));
        // The folder that holds the archive's folder, with names.
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("cifar-10-batches-bin");
        std::fs::rename(dir.path(), &inner).unwrap();
        let names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
        std::fs::write(inner.join("batches.meta.txt"), names).unwrap();
        assert_eq!(cifar10(outer.path()).unwrap().train.classes[3], "cat");
        std::fs::write(inner.join("batches.meta.txt"), "cat\ndog\n").unwrap();
        let message = cifar10(outer.path()).unwrap_err().to_string();
        assert!(message.ends_with("batches.meta.txt names 2 classes, expected 10: fetch it again"), "{message}");
        std::fs::create_dir(dir.path()).unwrap();
    }

    #[test]
    fn cifar100_has_fine_labels() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["train.bin", "test.bin"] {
            std::fs::write(dir.path().join(name), [record(&[19, 99], 7), record(&[0, 42], 8)].concat()).unwrap();
        }
        let parts = cifar100(dir.path()).unwrap();
        assert_eq!((parts.train.labels, parts.test.classes.len()), (vec![99, 42], 100));
    }

    #[test]
    fn what_is_no_cifar_is_refused() {
        let dir = folder();
        let path = dir.path().join("data_batch_3.bin");
        let told = || {
            let message = cifar10(dir.path()).unwrap_err().to_string();
            message.replace(&dir.path().display().to_string(), "DIR")
        };
        for cut in [0, 1, 3072, 3074, 9218] {
            std::fs::write(&path, vec![0; cut]).unwrap();
            let expected = format!(
                "DIR/data_batch_3.bin has {cut} bytes, expected records of 3073 bytes as in CIFAR-10's binary version: \
                 fetch it again"
            );
            assert_eq!(told(), expected);
        }
        std::fs::write(&path, record(&[10], 0)).unwrap();
        assert_eq!(told(), "DIR/data_batch_3.bin: label 10 of item 0 is not one of the 10 classes 0 to 9");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(told(), "DIR holds no data_batch_3.bin: put the files of CIFAR-10's binary version there");
        std::fs::create_dir(&path).unwrap();
        assert_eq!(told(), "DIR/data_batch_3.bin is not a regular file: give the path of a data file");
    }
}

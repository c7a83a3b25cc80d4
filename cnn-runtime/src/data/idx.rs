//! The IDX format of MNIST and Fashion-MNIST (LeCun, Cortes & Burges, <http://yann.lecun.com/exdb/mnist>).
//!
//! Big-endian: two zero bytes, the element type (0x08 = unsigned byte), the number of dimensions, one `u32` per
//! dimension, the elements. Files are read plain or gzipped, told apart by their first bytes. They come from outside:
//! what the header claims is checked against the file before memory is taken for it.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;

use super::collection::{Collection, Items};
use super::{DataError, Dataset, Parts};

/// The most bytes of data that one file may claim: 1 GiB, 4 GiB as `f32`.
pub const MAX_BYTES: u64 = 1 << 30;

/// Deflate at its best: 258 bytes from two bits, so no honest stream inflates more.
const MAX_INFLATION: u64 = 1032;

/// What an IDX file is expected to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Images: count, height, width.
    Images,
    /// Labels: count.
    Labels,
}

impl Contents {
    /// How many dimensions such a file has.
    pub fn dimensions(self) -> u8 {
        match self {
            Self::Images => 3,
            Self::Labels => 1,
        }
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Images => "images: count, height, width",
            Self::Labels => "labels: count",
        })
    }
}

/// Reads MNIST, Fashion-MNIST or any data set of ten classes in their four files: `train-images-idx3-ubyte`,
/// `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each plain or with `.gz`.
///
/// Gives training and test set, images 1 x height x width in [0, 1].
///
/// # Errors
/// If a file is missing or is not what [`read`] takes, or if training and test images differ in size.
pub fn mnist(dir: impl AsRef<Path>) -> Result<(Dataset, Dataset), DataError> {
    let Parts { train, test } = bytes(dir.as_ref())?;
    let numbers = |part: Collection| {
        let shape = part.shape().unwrap_or_default();
        part.numbers(shape)
    };
    Ok((numbers(train)?, numbers(test)?))
}

/// The same as bytes.
pub(super) fn bytes(dir: &Path) -> Result<Parts, DataError> {
    let part = |images, labels| {
        let (values, labels, shape) = read_pair(&find(dir, images)?, &find(dir, labels)?, 10)?;
        let classes = (0..10).map(|class| class.to_string()).collect();
        Ok::<_, DataError>((Collection { items: Items::Bytes { values, shape }, labels, classes }, shape))
    };
    let (train, shape) = part("train-images-idx3-ubyte", "train-labels-idx1-ubyte")?;
    let (test, other) = part("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")?;
    match shape == other {
        true => Ok(Parts { train, test }),
        false => Err(DataError::SplitShapes { dir: dir.into(), train: shape, test: other }),
    }
}

/// Reads one pair of IDX files, plain or gzipped; images become 1 x height x width in [0, 1].
///
/// # Errors
/// If a file cannot be read, is cut off, too long, too large ([`MAX_BYTES`]), empty or damaged, holds something else
/// than unsigned bytes in the expected number of dimensions, if the counts differ, or a label is not less than `classes`.
pub fn read(images: impl AsRef<Path>, labels: impl AsRef<Path>, classes: usize) -> Result<Dataset, DataError> {
    let (values, labels, shape) = read_pair(images.as_ref(), labels.as_ref(), classes)?;
    Dataset::new(values.into_iter().map(|p| f32::from(p) / 255.0).collect(), labels, shape, classes)
}

/// Bytes, labels and the shape of an image.
#[expect(clippy::type_complexity, reason = "taken apart at once")]
fn read_pair(
    images_path: &Path,
    labels_path: &Path,
    classes: usize,
) -> Result<(Vec<u8>, Vec<usize>, [usize; 3]), DataError> {
    let (size, pixels) = read_file(images_path, Contents::Images)?;
    let (_, labels) = read_file(labels_path, Contents::Labels)?;
    if size[0] as usize != labels.len() {
        return Err(DataError::CountMismatch {
            images_path: images_path.into(),
            images: size[0] as usize,
            labels_path: labels_path.into(),
            labels: labels.len(),
        });
    }
    if let Some(index) = labels.iter().position(|&l| usize::from(l) >= classes) {
        return Err(DataError::Label {
            place: labels_path.display().to_string(),
            index,
            label: labels[index].into(),
            classes,
        });
    }
    Ok((pixels, labels.into_iter().map(usize::from).collect(), [1, size[1] as usize, size[2] as usize]))
}

/// The file of this name, plain or with `.gz`.
fn find(dir: &Path, name: &'static str) -> Result<PathBuf, DataError> {
    let candidates = [dir.join(name), dir.join(format!("{name}.gz"))];
    let found = candidates.into_iter().find(|path| path.exists());
    found.ok_or_else(|| DataError::NotFound { dir: dir.into(), name })
}

/// Sizes and elements of one file.
fn read_file(path: &Path, contents: Contents) -> Result<(Vec<u32>, Vec<u8>), DataError> {
    let io = |source| DataError::Io { path: path.into(), source };
    // Opening a pipe would block, so look first.
    let metadata = std::fs::metadata(path).map_err(io)?;
    if !metadata.is_file() {
        return Err(DataError::NotAFile { path: path.into() });
    }
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    if !file.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]) {
        return parse(path, contents, &mut file, metadata.len(), "", io);
    }

    let gzip = |source| DataError::Gzip { path: path.into(), source };
    let capacity = metadata.len().saturating_mul(MAX_INFLATION);
    let mut decoder = GzDecoder::new(file);
    let (size, data) = parse(path, contents, &mut decoder, capacity, "at most ", gzip)?;
    let mut file = decoder.into_inner();
    if !file.fill_buf().map_err(io)?.is_empty() {
        return Err(DataError::Trailing { path: path.into(), expected: data.len() as u64 });
    }
    Ok((size, data))
}

/// Reads header and elements from a stream that holds at most `capacity` bytes.
fn parse(
    path: &Path,
    contents: Contents,
    stream: &mut impl Read,
    capacity: u64,
    qualifier: &'static str,
    failed: impl Fn(io::Error) -> DataError,
) -> Result<(Vec<u32>, Vec<u8>), DataError> {
    let path = || path.to_path_buf();
    // A stream that ends early is a cut-off file, whatever the decoder calls it.
    let mut take = |count: u64| -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        match stream.by_ref().take(count).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(bytes),
            Err(error) => Err(failed(error)),
        }
    };
    let exactly = |bytes: Vec<u8>, expected: u64| {
        let got = bytes.len() as u64;
        let cut = DataError::Truncated { path: path(), expected, got, qualifier: "" };
        if got == expected { Ok(bytes) } else { Err(cut) }
    };

    let magic = exactly(take(4)?, 4)?;
    if magic[..2] != [0, 0] {
        return Err(DataError::Magic { path: path(), got: [magic[0], magic[1], magic[2], magic[3]] });
    }
    if magic[2] != 0x08 {
        return Err(DataError::ElementType { path: path(), got: magic[2] });
    }
    if magic[3] != contents.dimensions() {
        return Err(DataError::Dimensions { path: path(), expected: contents, got: magic[3] });
    }

    let header = 4 * u64::from(contents.dimensions());
    let size: Vec<u32> =
        exactly(take(header)?, header)?.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
    let claimed = size.iter().fold(1u64, |n, &side| n.saturating_mul(side.into()));
    if claimed == 0 {
        return Err(DataError::Empty { path: path(), size });
    }
    if claimed > MAX_BYTES {
        return Err(DataError::TooLarge { path: path(), size, limit: MAX_BYTES });
    }
    let room = capacity.saturating_sub(4 + header);
    if claimed > room {
        return Err(DataError::Truncated { path: path(), expected: claimed, got: room, qualifier });
    }

    // Memory grows with the bytes that come, not with those claimed.
    let data = exactly(take(claimed)?, claimed)?;
    // Reaching the end makes the decoder compare its checksum, so here an early end is an error too.
    if stream.read(&mut [0]).map_err(&failed)? != 0 {
        return Err(DataError::Trailing { path: path(), expected: claimed });
    }
    Ok((size, data))
}

#[cfg(test)]
mod tests;

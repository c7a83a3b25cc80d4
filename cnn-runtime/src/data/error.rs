//! Everything that can be wrong with data, each told in one line.

use std::io;
use std::path::PathBuf;

use super::idx::Contents;

/// What is wrong with a data set or one of its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system could not open or read a file.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A data set that the library does not know.
    #[error(
        "no data set `{name}`, expected digits, mnist:DIR, fashion-mnist:DIR, cifar10:DIR, cifar100:DIR or folder:DIR"
    )]
    UnknownSource {
        /// What was asked for.
        name: String,
    },

    /// The images have another size than the network takes.
    #[error("the images are {}x{}x{}, the network takes {}x{}x{}: write an instance of the network with that input, or resize the images (`--resize`)",
        data[0], data[1], data[2], network[0], network[1], network[2])]
    InputShape {
        /// Channels, height, width of the images.
        data: [usize; 3],
        /// Channels, height, width of the network's input.
        network: [usize; 3],
    },

    /// The images have other channels than the network takes.
    #[error(
        "{data} do not fit a network of {network} channels: expected one of as many; grey fits one of 3 channels too"
    )]
    Channels {
        /// What the images are.
        data: String,
        /// Channels of the network's input.
        network: usize,
    },

    /// An image file that is damaged or none.
    #[error("{} is no image that can be read ({reason}): remove it, or leave such images out (`--corrupt skip`)",
        path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },

    /// Not one image of a batch could be read.
    #[error("none of the {count} images of a batch could be read, the last of them {}: look after the folder",
        path.display())]
    Unreadable {
        /// How many there are.
        count: usize,
        /// The last one.
        path: PathBuf,
    },

    /// A thread that reads images ended.
    #[error("a thread that reads images ended before its work was done ({reason}): this is a mistake of the library")]
    Worker {
        /// What it said.
        reason: String,
    },

    /// A folder without folders of classes.
    #[error("{} holds {}, expected a folder for each of two classes or more, or train and test with such folders",
        dir.display(), match got { 0 => "no folder".to_owned(), 1 => "one folder".to_owned(), got => format!("{got} folders") })]
    Classes {
        /// The folder.
        dir: PathBuf,
        /// How many folders it holds.
        got: usize,
    },

    /// A class that only test images have.
    #[error("{} has a class `{class}` that the training images lack: rename it or remove it", dir.display())]
    UnknownClass {
        /// The folder of test images.
        dir: PathBuf,
        /// The class.
        class: String,
    },

    /// A class without images.
    #[error("{} holds no image (jpg, png, bmp, webp, pnm): put some there or remove it", dir.display())]
    EmptyClass {
        /// The folder of the class.
        dir: PathBuf,
    },

    /// Folders in folders without an end.
    #[error("{} is more than {depth} folders deep: is it a link to a folder above?", path.display())]
    TooDeep {
        /// The folder.
        path: PathBuf,
        /// How many there may be.
        depth: usize,
    },

    /// A name that is no text.
    #[error("the name of {} is not UTF-8: rename it", path.display())]
    Name {
        /// The file or folder.
        path: PathBuf,
    },

    /// A folder lacks one of CIFAR's files.
    #[error("{} holds no {file}: put the files of {set}'s binary version there", dir.display())]
    CifarFile {
        /// The folder.
        dir: PathBuf,
        /// The file's name.
        file: &'static str,
        /// The data set.
        set: &'static str,
    },

    /// A file that is no whole number of CIFAR's records.
    #[error("{} has {got} bytes, expected records of {record} bytes as in {set}'s binary version: fetch it again",
        path.display())]
    CifarLength {
        /// The file.
        path: PathBuf,
        /// The data set.
        set: &'static str,
        /// Bytes of a record.
        record: usize,
        /// Bytes of the file.
        got: u64,
    },

    /// A list of classes that is not one for each.
    #[error("{} names {got} classes, expected {expected}: fetch it again", path.display())]
    ClassNames {
        /// The file.
        path: PathBuf,
        /// How many classes there are.
        expected: usize,
        /// How many it names.
        got: usize,
    },

    /// What images become on their way, in words that are none.
    #[error("{what} `{text}`: expected {expected}")]
    Text {
        /// What it should be.
        what: &'static str,
        /// What was given.
        text: String,
        /// What is possible.
        expected: String,
    },

    /// A directory, a pipe or a device stands where a file is expected.
    #[error("{} is not a regular file: give the path of a data file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },

    /// A folder lacks one of the files of a data set.
    #[error("{} holds no {name} (nor {name}.gz): put the four IDX files of the data set there", dir.display())]
    NotFound {
        /// The folder.
        dir: PathBuf,
        /// The file's name without `.gz`.
        name: &'static str,
    },

    /// The compressed stream is damaged.
    #[error("{} is a damaged gzip file ({source}): fetch it again", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: io::Error,
    },

    /// The file does not begin as an IDX file does.
    #[error("{} is not an IDX file: it begins with {got:02x?}, expected two zero bytes", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// Its first four bytes.
        got: [u8; 4],
    },

    /// The elements are not unsigned bytes.
    #[error("{} holds elements of IDX type 0x{got:02x}, expected 0x08 (unsigned byte)", path.display())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The type code in the header.
        got: u8,
    },

    /// Images where labels are expected, or the other way round.
    #[error("{} has {got} dimensions, expected {} ({expected}): are image and label files swapped?",
        path.display(), expected.dimensions())]
    Dimensions {
        /// The file.
        path: PathBuf,
        /// What the file should hold.
        expected: Contents,
        /// How many dimensions its header states.
        got: u8,
    },

    /// A dimension is zero.
    #[error("{} is empty: its header states the size {}", path.display(), sizes(size))]
    Empty {
        /// The file.
        path: PathBuf,
        /// The size in the header.
        size: Vec<u32>,
    },

    /// The header claims more than this reader takes.
    #[error("{} claims {} bytes, more than the limit of {limit}", path.display(), sizes(size))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The size in the header.
        size: Vec<u32>,
        /// The limit in bytes.
        limit: u64,
    },

    /// The file is shorter than its header claims.
    #[error("{} is cut off: its header claims {expected} bytes of data, it holds {qualifier}{got}; fetch it again",
        path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that should follow the header.
        expected: u64,
        /// Bytes that do, or could at the best compression.
        got: u64,
        /// `at most ` where the file was refused before it was inflated.
        qualifier: &'static str,
    },

    /// Bytes follow the last element.
    #[error("{} goes on after the {expected} bytes that its header claims: it is damaged or no IDX file",
        path.display())]
    Trailing {
        /// The file.
        path: PathBuf,
        /// Bytes that should follow the header.
        expected: u64,
    },

    /// Images and labels do not belong together.
    #[error("{} holds {images} images but {} holds {labels} labels: take both from the same data set",
        images_path.display(), labels_path.display())]
    CountMismatch {
        /// The image file.
        images_path: PathBuf,
        /// How many images it holds.
        images: usize,
        /// The label file.
        labels_path: PathBuf,
        /// How many labels it holds.
        labels: usize,
    },

    /// A label names a class that does not exist.
    #[error("{place}: label {label} of item {index} is not one of the {classes} classes 0 to {}", classes.saturating_sub(1))]
    Label {
        /// The file, or `data set`.
        place: String,
        /// Which item.
        index: usize,
        /// Its label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },

    /// Training and test images differ in size.
    #[error("training images are {} but test images in {} are {}: take both from the same data set",
        sizes(train), dir.display(), sizes(test))]
    SplitShapes {
        /// The folder.
        dir: PathBuf,
        /// Shape of the training images.
        train: [usize; 3],
        /// Shape of the test images.
        test: [usize; 3],
    },

    /// The number of pixels does not follow from the number of labels.
    #[error("{labels} labels and images of {} need {expected} values, got {got}", sizes(shape))]
    Length {
        /// How many labels there are.
        labels: usize,
        /// Channels, height, width.
        shape: [usize; 3],
        /// Values needed.
        expected: usize,
        /// Values given.
        got: usize,
    },

    /// The per-channel values of a normalisation do not fit the images.
    #[error(
        "normalising {channels} channels needs {channels} finite means and as many positive deviations, \
        got mean {mean:?} and deviation {std:?}"
    )]
    Normalization {
        /// Channels of the images.
        channels: usize,
        /// The means given.
        mean: Vec<f32>,
        /// The deviations given.
        std: Vec<f32>,
    },

    /// Digits cannot be drawn at this size.
    #[error("cannot draw digits of {}: expected 1 to {} channels and sides from {} to {}",
        sizes(shape), limits[0], limits[1], limits[2])]
    DigitShape {
        /// Channels, height, width.
        shape: [usize; 3],
        /// Most channels, shortest side, longest side.
        limits: [usize; 3],
    },

    /// So many images do not fit into memory.
    #[error("{count} images of {} do not fit into memory: ask for fewer or smaller ones", sizes(shape))]
    Memory {
        /// How many images.
        count: usize,
        /// Channels, height, width.
        shape: [usize; 3],
    },
}

/// `3x224x224`, as papers print sizes.
fn sizes<T: ToString>(sizes: &[T]) -> String {
    sizes.iter().map(T::to_string).collect::<Vec<_>>().join("x")
}

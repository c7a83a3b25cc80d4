use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn idx(kind: [u8; 4], size: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = kind.to_vec();
    size.iter().for_each(|n| file.extend(n.to_be_bytes()));
    file.extend(data);
    file
}

/// Three images of 2 x 4.
fn images() -> Vec<u8> {
    idx([0, 0, 8, 3], &[3, 2, 4], &(0..24).map(|i| i * 10).collect::<Vec<u8>>())
}

fn labels() -> Vec<u8> {
    idx([0, 0, 8, 1], &[3], &[7, 0, 9])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Reads the two files after writing them somewhere.
fn read_bytes(images: &[u8], labels: &[u8]) -> Result<Dataset, DataError> {
    let dir = tempfile::tempdir().unwrap();
    let (i, l) = (dir.path().join("images"), dir.path().join("labels"));
    fs::write(&i, images).unwrap();
    fs::write(&l, labels).unwrap();
    read(i, l, 10)
}

/// The message, which must name the file at fault.
fn refused(images: &[u8], labels: &[u8], file: &str) -> String {
    let message = read_bytes(images, labels).unwrap_err().to_string();
    assert!(message.contains(file), "{message}");
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn plain_and_gzipped_files_are_told_apart_by_content() {
    let plain = read_bytes(&images(), &labels()).unwrap();
    assert_eq!((plain.shape, plain.classes), ([1, 2, 4], 10));
    assert_eq!(plain.labels, [7, 0, 9]);
    assert_eq!(plain.image(1)[0], 80.0 / 255.0);
    assert_eq!(read_bytes(&gzip(&images()), &labels()).unwrap(), plain);
}

#[test]
fn mnist_finds_its_four_files() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    put("train-images-idx3-ubyte.gz", &gzip(&images()));
    put("train-labels-idx1-ubyte", &labels());
    put("t10k-images-idx3-ubyte", &images());

    let message = mnist(dir.path()).unwrap_err().to_string();
    assert!(message.contains("holds no t10k-labels-idx1-ubyte (nor t10k-labels-idx1-ubyte.gz)"), "{message}");
    put("t10k-labels-idx1-ubyte.gz", &gzip(&labels()));
    let (train, test) = mnist(dir.path()).unwrap();
    assert_eq!(train, test);

    put("t10k-images-idx3-ubyte", &idx([0, 0, 8, 3], &[3, 4, 2], &[0; 24]));
    let message = mnist(dir.path()).unwrap_err().to_string();
    assert!(message.contains("training images are 1x2x4"), "{message}");
}

#[test]
fn every_cut_is_an_error() {
    for whole in [images(), gzip(&images())] {
        for end in 0..whole.len() {
            refused(&whole[..end], &labels(), "images");
        }
    }
    let message = refused(&images()[..39], &labels(), "images");
    assert!(message.contains("claims 24 bytes of data, it holds 23"), "{message}");
}

#[test]
fn what_is_labelled_wrongly_is_refused() {
    let message = refused(&labels(), &labels(), "images");
    assert!(message.contains("has 1 dimensions, expected 3"), "{message}");
    let message = refused(&images(), &images(), "labels");
    assert!(message.contains("has 3 dimensions, expected 1"), "{message}");

    let floats = idx([0, 0, 0x0d, 3], &[3, 2, 4], &[0; 96]);
    assert!(refused(&floats, &labels(), "images").contains("type 0x0d, expected 0x08"));
    assert!(refused(b"\x89PNG\r\n", &labels(), "images").contains("is not an IDX file"));
}

#[test]
fn claims_beyond_file_or_limit_are_refused_before_memory_is_taken() {
    let huge = idx([0, 0, 8, 3], &[u32::MAX, u32::MAX, u32::MAX], &[0; 24]);
    assert!(refused(&huge, &labels(), "images").contains("more than the limit of 1073741824"));
    let large = idx([0, 0, 8, 3], &[1000, 1000, 1000], &[0; 24]);
    assert!(refused(&large, &labels(), "images").contains("holds 24"));
    assert!(refused(&gzip(&large), &labels(), "images").contains("holds at most"));
    let empty = idx([0, 0, 8, 3], &[3, 0, 4], &[]);
    assert!(refused(&empty, &labels(), "images").contains("is empty"));
}

#[test]
fn a_bomb_is_not_inflated_past_what_its_header_needs() {
    let mut bomb = images();
    bomb.resize(64 << 20, 0);
    let bomb = gzip(&bomb);
    let start = std::time::Instant::now();
    assert!(refused(&bomb, &labels(), "images").contains("goes on after the 24 bytes"));
    // Inflating it would take as long as making it; a busy machine may take a while over anything.
    assert!(start.elapsed().as_secs() < 5);
}

#[test]
fn trailing_bytes_are_refused() {
    let long = [images(), vec![0]].concat();
    assert!(refused(&long, &labels(), "images").contains("goes on after"));
    assert!(refused(&gzip(&long), &labels(), "images").contains("goes on after"));
    let after = [gzip(&images()), vec![0]].concat();
    assert!(refused(&after, &labels(), "images").contains("goes on after"));
}

#[test]
fn a_damaged_stream_is_refused() {
    let mut bytes = gzip(&images());
    let crc = bytes.len() - 6;
    bytes[crc] ^= 1;
    assert!(refused(&bytes, &labels(), "images").contains("damaged gzip"));
}

#[test]
fn counts_and_labels_must_fit() {
    let four = idx([0, 0, 8, 1], &[4], &[1, 2, 3, 4]);
    assert!(refused(&images(), &four, "labels").contains("holds 3 images but"));
    let ten = idx([0, 0, 8, 1], &[3], &[1, 10, 3]);
    assert!(refused(&images(), &ten, "labels").contains("label 10 of item 1 is not one of the 10 classes 0 to 9"));
}

#[test]
fn what_is_no_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let message = read(dir.path(), dir.path(), 10).unwrap_err().to_string();
    assert!(message.contains("is not a regular file"), "{message}");
    let message = read(dir.path().join("none"), dir.path(), 10).unwrap_err().to_string();
    assert!(message.contains("cannot read"), "{message}");
}

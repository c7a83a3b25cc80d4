use std::path::PathBuf;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::*;

fn tensor(name: &str, shape: &[usize], data: &[f32]) -> NamedTensor<f32> {
    NamedTensor { name: name.into(), shape: shape.to_vec(), data: data.to_vec() }
}

/// A folder and a file in it, which lives as long as the folder.
fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.safetensors");
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn told(path: &Path, name: &str) -> String {
    read_tensor(path, name).unwrap_err().to_string()
}

#[test]
fn written_is_read() {
    let (dir, path) = file(b"an older file");
    let numbers: Vec<f32> = (0u8..24).map(|i| f32::from(i) / 7.0).collect();
    let tensors = [
        tensor("labels", &[3], &[1.0, 2.0, f32::NAN]),
        tensor("images", &[2, 1, 3, 4], &numbers),
        tensor("none", &[0, 5], &[]),
        tensor("one", &[], &[-0.0]),
    ];
    write_tensors(&path, &tensors).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    for NamedTensor { name, shape, data } in tensors {
        let (found_shape, found) = read_tensor(&path, &name).unwrap();
        assert_eq!(found_shape, shape, "{name}");
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found), bits(&data), "{name}");
    }
}

#[test]
fn floats_are_converted_and_integers_refused() {
    let (half, brain) = (0x3555u16.to_le_bytes(), 0x3eabu16.to_le_bytes());
    let (double, huge) = ([0.1f64.to_le_bytes(), 3f64.to_le_bytes()].concat(), (-1e300f64).to_le_bytes());
    let views = [
        ("half", TensorView::new(Dtype::F16, vec![1], &half)),
        ("brain", TensorView::new(Dtype::BF16, vec![1, 1], &brain)),
        ("double", TensorView::new(Dtype::F64, vec![2], &double)),
        ("huge", TensorView::new(Dtype::F64, vec![1], &huge)),
        ("bytes", TensorView::new(Dtype::U8, vec![2], &half)),
    ];
    let views = views.map(|(name, view)| (name, view.unwrap()));
    let (_dir, path) = file(&safetensors::serialize(views, None).unwrap());
    assert_eq!(read_tensor(&path, "half").unwrap(), (vec![1], vec![0.333_251_95]));
    assert_eq!(read_tensor(&path, "brain").unwrap(), (vec![1, 1], vec![0.333_984_38]));
    assert_eq!(read_tensor(&path, "double").unwrap(), (vec![2], vec![0.1, 3.0]));
    assert!(told(&path, "huge").ends_with("x.safetensors: huge holds -1e300, too large for F32"));
    assert!(told(&path, "bytes").ends_with("x.safetensors: bytes holds U8, expected F64, F32, F16 or BF16"));
}

#[test]
fn a_missing_name_lists_what_is_there() {
    let (_dir, path) = file(b"");
    write_tensors(&path, &[tensor("labels", &[1], &[0.0]), tensor("images", &[1], &[0.0])]).unwrap();
    let error = told(&path, "image");
    assert!(error.ends_with("holds no tensor image, did you mean images: it holds images, labels"), "{error}");
    let error = told(&path, "something else");
    assert!(error.ends_with("holds no tensor something else: it holds images, labels"), "{error}");

    let many: Vec<_> = (10..40).map(|i| tensor(&format!("t{i}\n"), &[1], &[0.0])).collect();
    write_tensors(&path, &many).unwrap();
    let error = told(&path, "x");
    assert!(error.ends_with(r"t28\n, t29\n, and 10 more"), "{error}");
    write_tensors(&path, &[]).unwrap();
    assert!(told(&path, "x").ends_with("holds no tensor x: it holds none"));
}

#[test]
fn damaged_files_are_refused() {
    let (dir, path) = file(b"");
    write_tensors(&path, &[tensor("x", &[2, 2], &[1.0; 4])]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for end in 0..bytes.len() {
        std::fs::write(&path, &bytes[..end]).unwrap();
        assert!(told(&path, "x").contains("is not an intact safetensors file"), "{end}");
    }
    std::fs::write(&path, [&bytes[..], b"x"].concat()).unwrap();
    assert!(told(&path, "x").contains("its tensors take 16 bytes, it holds 17"));
    assert!(told(dir.path(), "x").contains("no regular file"));
    assert!(told(&dir.path().join("none"), "x").contains("cannot read"));
}

/// A sparse file: its length is a claim like any other.
#[test]
fn a_tensor_beyond_the_limit_is_refused_by_the_header() {
    let header = r#"{"x":{"dtype":"U8","shape":[6000000000],"data_offsets":[0,6000000000]}}"#;
    let (_dir, path) = file(&[&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat());
    let sparse = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    sparse.set_len(8 + header.len() as u64 + 6_000_000_000).unwrap();
    let error = told(&path, "x");
    let expected = "tensor x takes 6000000000 bytes, more than the 4 GiB that are read at once: make it smaller";
    assert_eq!(error, expected);
}

#[test]
fn what_cannot_be_written_leaves_the_file() {
    let (_dir, path) = file(b"an older file");
    let told = |tensors: &[NamedTensor<f32>]| write_tensors(&path, tensors).unwrap_err().to_string();
    assert_eq!(told(&[tensor("x", &[2, 3], &[0.0; 5])]), "tensor x of shape [2, 3] takes 6 values, got 5");
    assert!(told(&[tensor("x", &[usize::MAX, 3], &[])]).contains("got 0"));
    let twice = [tensor("x", &[], &[0.0]), tensor("x", &[], &[0.0])];
    assert_eq!(
        told(&twice),
        "expected each tensor under a name of its own, got two tensors of the name \"x\": rename one"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"an older file");
}

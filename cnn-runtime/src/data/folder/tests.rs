use super::*;
use crate::data::resample::Window;

/// A grey image of one brightness.
fn image(path: &Path, brightness: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::GrayImage::from_pixel(5, 4, image::Luma([brightness])).save(path).unwrap();
}

fn told(dir: &Path) -> String {
    folder(dir).unwrap_err().to_string().replace(&dir.display().to_string(), "DIR")
}

#[test]
fn classes_are_folders_in_the_order_of_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (path, value) in [
        ("train/dog/b.png", 1),
        ("train/dog/a.bmp", 2),
        ("train/cat/deeper/c.PGM", 3),
        ("train/cat/d.png", 4),
        ("val/dog/e.png", 5),
    ] {
        image(&dir.join(path), value);
    }
    fs::write(dir.join("train/cat/readme.txt"), "no image").unwrap();
    fs::write(dir.join("train/cat/.hidden.png"), "no image").unwrap();
    let Parts { train, test } = folder(dir).unwrap();
    assert_eq!(
        (train.classes.clone(), test.classes.clone()),
        (vec!["cat".into(), "dog".into()], train.classes.clone())
    );
    assert_eq!((train.labels.clone(), test.labels.clone()), (vec![0, 0, 1, 1], vec![1]));
    let value = |part: &Collection, item| {
        let mut values = [0.0; 2 * 2 * 3];
        part.view(item, [3, 2, 2], |size| Window::centre(size, [3, 2, 2], 1.0), &mut values).unwrap();
        assert!(values.iter().all(|value| (value - values[0]).abs() < 1e-6), "{values:?}");
        (values[0] * 255.0).round() as u8
    };
    assert_eq!((0..4).map(|item| value(&train, item)).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert_eq!(value(&test, 0), 5);
}

#[test]
fn without_test_images_a_tenth_of_each_class_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        for i in 0..20 {
            image(&dir.path().join(format!("{class}/{i}.png")), i);
        }
    }
    let Parts { train, test } = folder(dir.path()).unwrap();
    assert_eq!((train.len(), test.len()), (36, 4));
    assert_eq!(test.labels, [0, 0, 1, 1]);
    assert!((0..4).all(|t| (0..36).all(|i| train.path(i) != test.path(t))));
    assert_eq!(folder(dir.path()).unwrap().test, test);
}

#[test]
fn what_is_no_folder_of_classes_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let expected = "expected a folder for each of two classes or more";
    assert_eq!(told(dir), format!("DIR holds no folder, {expected}, or train and test with such folders"));
    image(&dir.join("a/0.png"), 0);
    fs::create_dir(dir.join("b")).unwrap();
    assert_eq!(told(dir), "DIR/b holds no image (jpg, png, bmp, webp, pnm): put some there or remove it");
    image(&dir.join("train/a/0.png"), 0);
    image(&dir.join("train/b/0.png"), 0);
    image(&dir.join("test/c/0.png"), 0);
    assert_eq!(told(dir), "DIR/test has a class `c` that the training images lack: rename it or remove it");
    assert!(told(&dir.join("nowhere")).starts_with("cannot read DIR: "));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(dir.join("train"), dir.join("train/a/loop")).unwrap();
        let message = told(dir);
        assert!(message.ends_with("is more than 16 folders deep: is it a link to a folder above?"), "{message}");
    }
}

#[test]
fn a_damaged_image_is_told_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.png");
    image(&path, 7);
    let whole = fs::read(&path).unwrap();
    for (bytes, name) in [(&whole[..30], "cut off"), (&b"\xff\xd8\xff\xe0 no jpeg"[..], "no jpeg"), (&b""[..], "empty")]
    {
        fs::write(&path, bytes).unwrap();
        let error = decode::pixels(&path, 3).unwrap_err();
        assert!(matches!(error, DataError::Decode { .. }), "{name}: {error:?}");
        let message = error.to_string();
        assert!(message.contains("x.png is no image that can be read (") && !message.contains('\n'), "{message}");
    }
    // A header that promises more than memory.
    let mut huge = b"P5 16000 16000 65535\n".to_vec();
    huge.extend([0; 64]);
    fs::write(&path, huge).unwrap();
    assert!(matches!(decode::pixels(&path, 1), Err(DataError::Decode { .. })));
    fs::remove_file(&path).unwrap();
    assert!(matches!(decode::pixels(&path, 1), Err(DataError::Io { .. })));
}

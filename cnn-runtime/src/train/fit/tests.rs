use std::path::Path;

use super::*;
use crate::data::{Dataset, Digits, ImageBatch, Source};
use crate::train::ImageSettings;

/// Loss and weights of a training of two epochs that `changed` has changed.
fn trained(folder: &Path, settings: &Settings, changed: impl FnOnce(&mut Fit<'_>)) -> (f64, Vec<Vec<f32>>) {
    let run = Run::create(folder, settings.clone(), crate::zoo::LeNet5).unwrap();
    let graph = run.graph().unwrap();
    let mut fit = Fit::new(&run, &graph, &mut ()).unwrap();
    changed(&mut fit);
    while fit.progress.epochs < 2 {
        assert!(!fit.epoch(&mut ()).unwrap());
    }
    let last = fit.progress.last.clone().unwrap();
    (last.loss, fit.trainer.weights().tensors().iter().map(|tensor| tensor.data.clone()).collect())
}

/// A training that looks ahead, as on other devices, gives the same bits.
#[test]
fn looking_ahead_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { epochs: 2, batch: 48, ..Settings::new("lenet5") };
    let results = [false, true].map(|looks_ahead| {
        let folder = folder.path().join(looks_ahead.to_string());
        let result = trained(&folder, &settings, |fit| fit.looks_ahead = looks_ahead);
        println!("looks ahead: {looks_ahead}, loss {}", result.0);
        result
    });
    assert_eq!(results[0], results[1]);
}

/// Digits as the four files of MNIST.
fn stored_digits(dir: &Path) {
    let put = |name: &str, kind: u8, sizes: &[u32], bytes: Vec<u8>| {
        let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_be_bytes()).collect();
        std::fs::write(dir.join(name), [vec![0, 0, 8, kind], sizes, bytes].concat()).unwrap();
    };
    let part = |name: &str, part: &Dataset| {
        let count = part.len() as u32;
        let pixels = part.images.iter().map(|value| (255.0 * value) as u8).collect();
        put(&format!("{name}-images-idx3-ubyte"), 3, &[count, 28, 28], pixels);
        let labels = part.labels.iter().map(|&label| label as u8).collect();
        put(&format!("{name}-labels-idx1-ubyte"), 1, &[count], labels);
    };
    let digits = Digits { shape: [1, 28, 28], ..Digits::default() };
    let (train, test) = digits.train_and_test(150, 40).unwrap();
    part("train", &train);
    part("t10k", &test);
}

/// A training whose batches stay pixels, as on other devices, gives the same bits.
#[test]
fn pixels_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    stored_digits(folder.path());
    const AUGMENT: &str = "crop:3,flip,cutout:6,erase,mixup:0.3,cutmix:1";
    for accumulate in [1, 2] {
        let settings = Settings {
            epochs: 2,
            batch: 48,
            accumulate,
            data: Source::Mnist(folder.path().into()),
            images: ImageSettings { augment: AUGMENT.parse().unwrap(), ..ImageSettings::default() },
            ..Settings::new("lenet5")
        };
        let results = [(false, false), (true, false), (true, true)].map(|(pixels, looks_ahead)| {
            let folder = folder.path().join(format!("{accumulate}-{pixels}-{looks_ahead}"));
            let result = trained(&folder, &settings, |fit| {
                let Images { train, validation, test, facts } = (*fit.images).clone();
                let (train, test) = (train.as_pixels(pixels), test.as_pixels(pixels));
                let validation = validation.map(|part| part.as_pixels(pixels));
                fit.images = Arc::new(Images { train, validation, test, facts });
                fit.looks_ahead = looks_ahead;
                let first = fit.batches(&fit.progress).next().unwrap().unwrap();
                assert_eq!(matches!(first.images, ImageBatch::Pixels(_)), pixels);
            });
            println!("{accumulate} parts, pixels: {pixels}, looks ahead: {looks_ahead}, loss {}", result.0);
            result
        });
        assert_eq!(results[0], results[1]);
        assert_eq!(results[0], results[2]);
    }
}

//! Trainings on files: folders and CIFAR's format, interrupted, damaged, and how long the engine waits for them.

use std::fs;
use std::path::Path;

use cnn_runtime::data::{Digits, Skipped, Source};
use cnn_runtime::train::{ClassWeights, Damaged, ImageSettings, Images, Observer, Outcome, Run, Settings, fit};
use image::{Rgb, RgbImage};

use super::{StopAfter, folder, records, same_results};

const TINY: &str = "
    Tiny(classes = 2): 3x16x16 -> classes;
    stem conv(4, 3) -> bn -> relu -> maxpool(2);
    head flatten -> linear(classes);
";

/// Stripes along one axis for each class, as JPEG or PNG, of many sizes.
fn stripes(dir: &Path, count: usize, [width, height]: [u32; 2]) {
    for i in 0..count {
        let class = i % 2;
        let path = dir.join(format!("{}/{i:03}.{}", ["across", "down"][class], if i % 3 == 0 { "png" } else { "jpg" }));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let (width, height) = (width + i as u32 % 7, height + i as u32 % 5);
        let mut noise = i as u32;
        let image = RgbImage::from_fn(width, height, |x, y| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = [y * 8 / height, x * 8 / width][class];
            let bright = (place % 2 * 150) as u8 + (noise >> 26) as u8;
            Rgb([bright, bright / 2 + (i % 50) as u8, 255 - bright])
        });
        image.save(path).unwrap();
    }
}

fn settings(dir: &Path) -> Settings {
    let images = ImageSettings {
        augment: "rrc:0.5,flip,randaugment:1:5,erase,mixup:0.2".parse().unwrap(),
        validation: 0.2,
        class_weights: "1:2".parse().unwrap(),
        sampling: ClassWeights::Balanced,
        ..ImageSettings::default()
    };
    let data = Source::Folder(dir.to_owned());
    Settings { data, images, epochs: 3, batch: 16, log_every: 2, seed: 7, learning_rate: 0.01, ..Settings::new("tiny") }
}

#[test]
fn a_folder_is_learnt_to_the_same_bits_whatever_the_workers_and_stops() {
    let (data, runs) = (folder(), folder());
    stripes(data.path(), 100, [40, 30]);
    let whole = runs.path().join("whole");
    let run = Run::create(&whole, settings(data.path()), TINY).unwrap();
    fit(&run, &mut ()).unwrap();
    let facts = run.facts().unwrap().unwrap();
    assert_eq!(
        (facts.train, facts.validation, facts.test, facts.names),
        (72, 18, 10, vec!["across".into(), "down".into()])
    );
    for (workers, steps) in [(0, 2), (1, 3), (3, 4)] {
        let parts = runs.path().join(format!("{workers}"));
        let mut settings = settings(data.path());
        settings.images.workers = Some(workers);
        Run::create(&parts, settings, TINY).unwrap();
        while let Outcome::Stopped(_) = fit(&Run::open(&parts).unwrap(), &mut StopAfter(steps)).unwrap() {}
        // The same but for the workers.
        fs::copy(whole.join("settings.json"), parts.join("settings.json")).unwrap();
        same_results(&whole, &parts);
    }
    // Plainly it is easy.
    let plain = Settings { images: ImageSettings::default(), epochs: 6, ..settings(data.path()) };
    let run = Run::create(&runs.path().join("plain"), plain, TINY).unwrap();
    let Outcome::Done(last) = fit(&run, &mut ()).unwrap() else { panic!("nobody stopped it") };
    assert!(last.eval_accuracy >= 0.9, "{last:?}");
    println!("stripes: test accuracy {} after 6 epochs, 3 x 3 runs equal", last.eval_accuracy);
}

#[test]
fn damaged_images_end_it_or_are_told_once_and_gone_ones_end_it() {
    #[derive(Default)]
    struct Told(Vec<Skipped>);
    impl Observer for Told {
        fn skipped(&mut self, image: &Skipped) {
            self.0.push(image.clone());
        }
    }
    let (data, runs) = (folder(), folder());
    stripes(data.path(), 60, [20, 20]);
    let damaged = data.path().join("down/001.jpg");
    fs::write(&damaged, &fs::read(&damaged).unwrap()[..100]).unwrap();
    let mut settings = settings(data.path());
    settings.images.validation = 0.0;
    let run = Run::create(&runs.path().join("fail"), settings.clone(), TINY).unwrap();
    let error = fit(&run, &mut ()).unwrap_err().to_string();
    assert!(error.contains("down/001.jpg is no image that can be read (") && !error.contains('\n'), "{error}");
    settings.images.damaged = Damaged::Skip;
    settings.images.sampling = ClassWeights::Even;
    let run = Run::create(&runs.path().join("skip"), settings, TINY).unwrap();
    let mut told = Told::default();
    fit(&run, &mut told).unwrap();
    assert_eq!(told.0.iter().map(|image| &image.path).collect::<Vec<_>>(), [&damaged]);

    // Gone behind the first epoch: one error, and the checkpoint stays.
    struct Vanish<'a>(&'a Path);
    impl Observer for Vanish<'_> {
        fn epoch(&mut self, _: &cnn_runtime::train::EpochRecord) {
            fs::remove_dir_all(self.0).unwrap();
        }
    }
    let run = Run::create(&runs.path().join("gone"), run.settings().clone(), TINY).unwrap();
    let error = fit(&run, &mut Vanish(&data.path().join("across"))).unwrap_err().to_string();
    assert!(error.starts_with("cannot read ") && error.contains("/across/"), "{error}");
    assert_eq!(run.checkpoint().unwrap().unwrap().0.epochs, 1);
}

#[test]
fn images_that_do_not_fit_are_refused_or_resized() {
    let (data, runs) = (folder(), folder());
    cifar(data.path(), 20);
    let load = |source: &str, resize: bool, network: &str| {
        let images = ImageSettings { resize, ..ImageSettings::default() };
        let settings = Settings { data: source.parse().unwrap(), images, ..Settings::new("tiny") };
        let run = Run::create_numbered(runs.path(), "fits", settings, network).unwrap();
        Images::load(run.settings(), &run.graph().unwrap())
    };
    let cifar = format!("cifar10:{}", data.path().display());
    let ten = TINY.replace("classes = 2", "classes = 10");
    let told = |result: Result<Images, cnn_runtime::train::TrainError>| result.unwrap_err().to_string();
    assert_eq!(
        told(load(&cifar, false, &ten)),
        "the images are 3x32x32, the network takes 3x16x16: write an instance of the network with that input, \
         or resize the images (`--resize`)"
    );
    assert!(told(load(&cifar, true, TINY)).contains("tiny has 2 outputs but cifar10:"));
    let grey = ten.replace("3x16x16", "1x16x16");
    assert!(told(load(&cifar, true, &grey)).starts_with("images of 3 channels do not fit a network of 1 channels"));
    let facts = load(&cifar, true, &ten).unwrap().facts;
    assert_eq!((facts.train, facts.test, facts.shape), (100, 20, [3, 16, 16]));
}

/// CIFAR-10's files with drawn digits.
fn cifar(dir: &Path, count: usize) {
    let digits = Digits { shape: [3, 32, 32], ..Digits::default() };
    let (train, test) = digits.train_and_test(5 * count, count).unwrap();
    let write = |name: &str, data: &cnn_runtime::data::Dataset, from: usize| {
        let mut bytes = Vec::new();
        for i in from..from + count {
            bytes.push(data.labels[i] as u8);
            bytes.extend(data.image(i).iter().map(|x| (x * 255.0).round() as u8));
        }
        fs::write(dir.join(name), bytes).unwrap();
    };
    (0..5).for_each(|k| write(&format!("data_batch_{}.bin", k + 1), &train, k * count));
    write("test_batch.bin", &test, 0);
}

/// Share of an epoch's steps that was spent waiting.
fn stall(settings: Settings, source: &str, dir: &Path) -> f64 {
    let name = settings.network.clone();
    let run = Run::create(dir, settings, source).unwrap();
    let Outcome::Done(last) = fit(&run, &mut ()).unwrap() else { panic!("nobody stopped it") };
    assert_eq!(records(dir).len(), 1);
    let images = run.facts().unwrap().unwrap().train as f64;
    let seconds = images / last.images_per_second;
    let share = last.data_seconds / seconds;
    println!("{name}: {images} images in {seconds:.1} s, {:.3} s waiting: {:.2} %", last.data_seconds, 100.0 * share);
    share
}

/// `CIFAR10=DIR` takes the real one.
#[test]
#[ignore = "three minutes of training at real sizes"]
fn the_engine_does_not_wait_for_data() {
    let (data, runs) = (folder(), folder());
    let dir = std::env::var_os("CIFAR10").map_or_else(|| data.path().join("cifar"), Into::into);
    if !dir.exists() {
        fs::create_dir(&dir).unwrap();
        cifar(&dir, 1000);
    }
    let images = |augment: &str| ImageSettings { augment: augment.parse().unwrap(), ..ImageSettings::default() };
    let small = Settings { epochs: 1, log_every: 1_000_000, ..Settings::new("resnet20_cifar") };
    for augment in ["cifar", "cifar,randaugment,cutout:8,mixup:0.2"] {
        let data = Source::Cifar10(dir.clone());
        let settings = Settings { data, images: images(augment), batch: 128, ..small.clone() };
        let share = stall(settings, cnn_runtime::zoo::ResNet20Cifar, &runs.path().join(format!("{}", augment.len())));
        assert!(share < 0.03, "{augment}: {share}");
    }
    let folder = data.path().join("folder");
    stripes(&folder, 600, [500, 375]);
    let data = Source::Folder(folder);
    let arguments = "classes = 2".into();
    let settings = Settings { data, images: images("imagenet"), batch: 32, arguments, ..small };
    let settings = Settings { network: "resnet18".into(), ..settings };
    let share = stall(settings, cnn_runtime::zoo::ResNet18, &runs.path().join("folder"));
    assert!(share < 0.03, "folder: {share}");
}

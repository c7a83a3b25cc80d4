use std::sync::Arc;

use super::*;
use crate::data::Collection;
use crate::data::Dataset;
use crate::data::augment::{Augment, Step};
use crate::data::collection::Items;
use crate::data::{ImageBatch, Labels, Preparation};

/// Image `i` holds `i / 64` and has class `i % 3`.
fn part(count: usize, augment: &str) -> Part {
    let images = (0..count * 48).map(|k| (k / 48) as f32 / 64.0).collect();
    let data = Dataset::new(images, (0..count).map(|i| i % 3).collect(), [3, 4, 4], 3).unwrap();
    prepared(data.into(), augment, None)
}

fn prepared(collection: Collection, augment: &str, class_weights: Option<Vec<f32>>) -> Part {
    let preparation = Preparation {
        shape: [3, 4, 4],
        mean: vec![0.0; 3],
        std: vec![1.0; 3],
        augment: augment.parse::<Augment>().unwrap(),
        class_weights,
        skip: false,
    };
    let items = (0..collection.len()).collect();
    Part::new(Arc::new(collection), items, Arc::new(preparation))
}

fn all(loader: Loader) -> Vec<Prepared> {
    loader.map(|batch| batch.expect("a batch")).collect()
}

#[test]
fn threads_and_beginnings_do_not_show() {
    for augment in ["none", "crop:1,flip,randaugment,cutout:2,mixup:0.3,cutmix:1"] {
        let part = part(50, augment);
        let whole = all(Loader::training(&part, 8, 5, 0, 0));
        assert_eq!(whole.iter().map(|batch| batch.items.len()).collect::<Vec<_>>(), [8, 8, 8, 8, 8, 8, 2]);
        for threads in [1, 2, 3, 16] {
            assert_eq!(all(Loader::training(&part, 8, 5, 0, threads)), whole, "{threads} threads");
        }
        for first in 0..9 {
            assert_eq!(all(Loader::training(&part, 8, 5, first, 2)), whole[first.min(7)..]);
        }
        assert_ne!(all(Loader::training(&part, 8, 6, 0, 2)), whole);
    }
}

#[test]
fn an_epoch_is_every_image_once_with_its_class() {
    let part = part(50, "none");
    let mut seen = Vec::new();
    for batch in all(Loader::training(&part, 8, 5, 0, 2)) {
        let Labels::Classes(classes) = &batch.labels else { panic!("nothing is mixed") };
        for (place, image) in batch.images.numbers().chunks(48).enumerate() {
            let item = (image[0] * 64.0) as usize;
            assert_eq!((batch.items[place], classes[place]), (item, item % 3));
            seen.push(item);
        }
    }
    assert_ne!(seen, (0..50).collect::<Vec<_>>());
    seen.sort_unstable();
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
    let evaluated: Vec<usize> =
        all(Loader::evaluation(&part, 7, 2)).into_iter().flat_map(|batch| batch.items).collect();
    assert_eq!(evaluated, (0..50).collect::<Vec<_>>());
}

#[test]
fn mixed_batches_have_soft_classes_that_add_up() {
    let part = part(30, "mixup:0.4");
    for batch in all(Loader::training(&part, 8, 1, 0, 2)) {
        let Labels::Soft(rows) = &batch.labels else { panic!("all are mixed") };
        for (row, &item) in rows.chunks(3).zip(&batch.items) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6 && row[item % 3] > 0.0, "{row:?}");
        }
    }
}

#[test]
fn weights_of_classes_scale_rows_and_sampling_follows_its_weights() {
    let data = Dataset::new(vec![0.0; 48 * 9], vec![0, 0, 0, 0, 0, 0, 0, 1, 2], [3, 4, 4], 3).unwrap();
    let weighted = prepared(data.into(), "none", Some(vec![0.5, 2.0, 3.0]));
    for batch in all(Loader::training(&weighted, 4, 1, 0, 1)) {
        let Labels::Soft(rows) = &batch.labels else { panic!("classes weigh") };
        for (row, &item) in rows.chunks(3).zip(&batch.items) {
            let class = weighted.label(item);
            let mut expected = [0.0; 3];
            expected[class] = [0.5, 2.0, 3.0][class];
            assert_eq!(row, expected);
        }
    }
    // Each class as often as the others.
    let sampled = weighted.sampled(&[1.0 / 7.0, 1.0, 1.0]);
    let mut counts = [0; 3];
    (0..1000).for_each(|seed| sampled.order(seed).iter().for_each(|&item| counts[sampled.label(item)] += 1));
    assert!(counts.iter().all(|count| (2732..3268).contains(count)), "{counts:?}");
}

fn files(damaged: &[usize]) -> (tempfile::TempDir, Collection) {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..12usize {
        let path = dir.path().join(format!("{}/{i:02}.png", if i < 6 { "a" } else { "b" }));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        match damaged.contains(&i) {
            true => std::fs::write(&path, "no image").unwrap(),
            false => image::RgbImage::from_pixel(9, 5, image::Rgb([i as u8 * 20; 3])).save(&path).unwrap(),
        }
    }
    let parts = crate::data::folder::folder(dir.path()).unwrap();
    (dir, parts.train)
}

fn skipping(mut part: Part) -> Part {
    let preparation = Preparation { skip: true, ..part.preparation().clone() };
    part.preparation = Arc::new(preparation);
    part
}

#[test]
fn damaged_files_end_the_training_or_are_left_out() {
    let (dir, collection) = files(&[2, 7]);
    let part = prepared(collection, "rrc,flip", None);
    for threads in [0, 2] {
        let error = Loader::training(&part, 4, 1, 0, threads).find_map(Result::err).expect("an error").to_string();
        assert!(error.contains("is no image that can be read") && error.contains("--corrupt skip"), "{error}");
    }
    let skipping = skipping(part);
    let count = |batches: Vec<Prepared>| batches.iter().map(|batch| batch.items.len()).sum::<usize>();
    let readable = (0..skipping.len())
        .filter(|&item| !skipping.path(item).unwrap().ends_with("a/02.png"))
        .filter(|&item| !skipping.path(item).unwrap().ends_with("b/07.png"));
    let readable = readable.count();
    assert_eq!(count(all(Loader::training(&skipping, 4, 1, 0, 2))), readable);
    assert_eq!(count(all(Loader::evaluation(&skipping, 4, 2))), readable);
    assert_eq!(skipping.skipped(0).len(), skipping.len() - readable);
    // A file that is gone is no damaged one.
    std::fs::remove_file(skipping.path(0).unwrap()).unwrap();
    let error = Loader::training(&skipping, 4, 1, 0, 2).find_map(Result::err).expect("an error").to_string();
    assert!(error.starts_with("cannot read ") && !error.contains('\n'), "{error}");
    drop(dir);
}

#[test]
fn a_batch_without_images_is_an_error() {
    let (_dir, collection) = files(&(0..12).collect::<Vec<_>>());
    let part = skipping(prepared(collection, "none", None));
    let error = Loader::training(&part, 4, 1, 0, 1).find_map(Result::err).expect("an error").to_string();
    assert!(error.starts_with("none of the ") && error.contains("images of a batch could be read"), "{error}");
}

#[test]
fn a_loader_ends_at_once_and_stays_within_its_room() {
    let part = part(4000, "none");
    let mut loader = Loader::training(&part, 1, 1, 0, 3);
    loader.next();
    std::thread::sleep(Duration::from_millis(30));
    let state = loader.shared.state();
    let (ready, begin) = (state.ready.len(), state.begin);
    drop(state);
    assert!(ready <= 5 && begin == 6, "{ready} batches ready, {begin} begun");
    assert_eq!(loader.len(), 3999);
    drop(loader);
}

/// Stored bytes of any value.
fn bytes(shape: [usize; 3], augment: Augment) -> Part {
    let count = 13;
    let values = (0..count * shape.iter().product::<usize>()).map(|k| (k * k * 7 % 256) as u8).collect();
    let items = Items::Bytes { values, shape };
    let classes = ["a", "b", "c"].map(String::from).into();
    let collection = Collection { items, labels: (0..count).map(|i| i % 3).collect(), classes };
    let preparation = Preparation {
        shape,
        mean: [0.3, 0.5, 0.4][..shape[0]].into(),
        std: [0.2, 0.25, 0.3][..shape[0]].into(),
        augment,
        class_weights: None,
        skip: false,
    };
    Part::new(Arc::new(collection), (0..count).collect(), Arc::new(preparation))
}

/// Whatever moves pixels; the last two also change them.
fn augmentations() -> Vec<Augment> {
    let words = [
        "none",
        "crop:2,flip",
        "flip,crop:9",
        "crop:1,flip,cutout:3,erase:0.9",
        "cifar,mixup:0.4",
        "cutmix:1,erase",
        "flip,cutout:9,mixup:0.3,cutmix:1",
        "crop:2,jitter:0.3,randaugment,cutout:2",
        "rrc:0.5,flip,erase",
    ];
    let twice = [
        Step::Crop { pad: 1 },
        Step::Flip { chance: 0.5 },
        Step::Cutout { side: 2 },
        Step::Crop { pad: 2 },
        Step::Erase { chance: 1.0 },
        Step::Flip { chance: 0.5 },
        Step::Cutout { side: 3 },
        Step::Cutmix { alpha: 1.0 },
    ];
    [Augment::new(twice)].into_iter().chain(words.map(|words| words.parse().unwrap())).collect()
}

/// An epoch of training and one of evaluation.
fn both(part: &Part) -> Vec<Prepared> {
    [all(Loader::training(part, 5, 11, 0, 1)), all(Loader::evaluation(part, 5, 1))].concat()
}

#[test]
fn a_seed_is_these_bits() {
    let mut digest = 0xCBF2_9CE4_8422_2325u64;
    let mut add = |bits: u32| {
        // FNV-1a.
        let next = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        digest = bits.to_le_bytes().into_iter().fold(digest, next);
    };
    for shape in [[1, 5, 7], [3, 6, 4], [3, 1, 1]] {
        for augment in augmentations() {
            let part = bytes(shape, augment);
            for batch in both(&part) {
                batch.images.numbers().iter().for_each(|x| add(x.to_bits()));
                match &batch.labels {
                    Labels::Classes(classes) => classes.iter().for_each(|&class| add(class as u32)),
                    Labels::Soft(rows) => rows.iter().for_each(|x| add(x.to_bits())),
                }
            }
        }
    }
    println!("digest {digest:#x}");
    assert_eq!(digest, 0x54DA_8E62_42CE_925F);
}

#[test]
fn pixels_become_the_same_numbers() {
    let (mut pixel_batches, mut others) = (0, 0);
    for shape in [[1, 5, 7], [3, 6, 4], [3, 1, 1]] {
        for augment in augmentations().into_iter().chain(["flip,center:0.5".parse().unwrap()]) {
            let text = augment.to_string();
            let part = bytes(shape, augment);
            let (numbers, pixels) = (both(&part), both(&part.clone().as_pixels(true)));
            assert_eq!(numbers.len(), pixels.len());
            for (place, (numbers, pixels)) in numbers.iter().zip(&pixels).enumerate() {
                assert_eq!((&pixels.labels, &pixels.items), (&numbers.labels, &numbers.items), "{text}");
                let bits = |batch: &Prepared| batch.images.numbers().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(pixels), bits(numbers), "{text}, {shape:?}");
                let (training, moves) = (place < 3, !part.preparation().augment.is_costly());
                let centred = text.contains("center");
                let expected = !centred && (moves || !training);
                assert!(matches!(numbers.images, ImageBatch::Numbers(_)));
                assert_eq!(
                    matches!(pixels.images, ImageBatch::Pixels(_)),
                    expected,
                    "{text}, {shape:?}, batch {place}"
                );
                *(if expected { &mut pixel_batches } else { &mut others }) += 1;
            }
        }
    }
    println!("{pixel_batches} batches of pixels become the bits of numbers, {others} were numbers");
    assert!(pixel_batches > 100 && others > 30);
}

#[test]
fn what_is_no_stored_byte_of_that_size_stays_numbers() {
    let numbers = part(6, "flip").as_pixels(true);
    let (_dir, collection) = files(&[]);
    let files = prepared(collection, "flip", None).as_pixels(true);
    let mut repeated = bytes([1, 4, 4], Augment::default()).as_pixels(true);
    repeated.preparation = numbers.preparation.clone();
    for part in [numbers, files, repeated] {
        assert!(both(&part).iter().all(|batch| matches!(batch.images, ImageBatch::Numbers(_))));
    }
}

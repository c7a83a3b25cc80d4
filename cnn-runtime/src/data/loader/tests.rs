use std::sync::Arc;

use super::*;
use crate::data::Collection;
use crate::data::Dataset;
use crate::data::augment::Augment;

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
        for (place, image) in batch.images.chunks(48).enumerate() {
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

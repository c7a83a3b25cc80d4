//! Geometry on images of a few pixels, distributions over thousands of draws, and the bits of a seed.

use rand::SeedableRng;

use super::*;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn on(values: &mut [f32], shape: [usize; 3], change: impl FnOnce(&mut Canvas<'_>)) -> Vec<f32> {
    change(&mut Canvas { shape, values });
    values.to_vec()
}

fn erase(augment: &Augment, canvas: &mut Canvas<'_>, rng: &mut ChaCha8Rng) {
    augment.erased(canvas.shape, rng).into_iter().for_each(|part| canvas.clear(part));
}

fn near(got: &[f32], expected: &[f32]) {
    let off = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(got.len() == expected.len() && off < 1e-5, "{got:?} instead of {expected:?}");
}

#[test]
fn flips_and_shifts_move_pixels() {
    let image = || vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.15, 0.25, 0.35];
    let flipped = [0.3, 0.2, 0.1, 0.6, 0.5, 0.4, 0.9, 0.8, 0.7, 0.35, 0.25, 0.15];
    assert_eq!(on(&mut image(), [2, 2, 3], |canvas| canvas.flip()), flipped);
    let up_left = [0.5, 0.6, 0.0, 0.0, 0.0, 0.0, 0.25, 0.35, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(on(&mut image(), [2, 2, 3], |canvas| canvas.shift([1, 1])), up_left);
    let right = [0.0, 0.0, 0.1, 0.0, 0.0, 0.4, 0.0, 0.0, 0.7, 0.0, 0.0, 0.15];
    assert_eq!(on(&mut image(), [2, 2, 3], |canvas| canvas.shift([0, -2])), right);
    assert_eq!(on(&mut image(), [2, 2, 3], |canvas| canvas.shift([5, 9])), [0.0; 12]);
}

#[test]
fn a_crop_is_every_place_of_the_padded_image_equally_often() {
    let augment: Augment = "crop:1".parse().unwrap();
    let mut counts = std::collections::BTreeMap::new();
    for seed in 0..9000 {
        let mut values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        augment.pixels(&mut Canvas { shape: [1, 3, 3], values: &mut values }, &mut rng(seed));
        *counts.entry(values.map(|x| x as u8)).or_insert(0usize) += 1;
    }
    // 3 x 3 places; 1,000 each, six deviations are 179.
    assert_eq!(counts.len(), 9);
    assert!(counts.values().all(|count| (821..1179).contains(count)), "{counts:?}");
    assert!(counts.contains_key(&[0, 0, 0, 0, 1, 2, 0, 4, 5]) && counts.contains_key(&[5, 6, 0, 8, 9, 0, 0, 0, 0]));
}

#[test]
fn flips_come_as_often_as_asked() {
    let augment: Augment = "flip:0.3".parse().unwrap();
    let flipped = |seed| {
        let mut values = [0.0, 1.0];
        augment.pixels(&mut Canvas { shape: [1, 1, 2], values: &mut values }, &mut rng(seed));
        values[0] == 1.0
    };
    let count = (0..10_000).filter(|&seed| flipped(seed)).count();
    assert!((2725..3275).contains(&count), "{count} of 10,000");
}

#[test]
fn random_parts_cover_the_areas_and_sides_asked_for() {
    let augment: Augment = "rrc:0.2".parse().unwrap();
    let mut rng = rng(3);
    let (mut least, mut most, mut sum) = (1.0f64, 0.0f64, 0.0);
    for _ in 0..4000 {
        let window = augment.window([300, 400], [3, 224, 224], &mut rng);
        let [height, width] = window.size;
        let (share, ratio) = (height * width / 120_000.0, width / height);
        assert!(window.cut && (0.745..1.342).contains(&ratio), "{window:?}");
        assert!(window.corner[0] + height <= 300.0 && window.corner[1] + width <= 400.0, "{window:?}");
        (least, most, sum) = (least.min(share), most.max(share), sum + share);
    }
    // Even from 0.2 to 1, but the largest fit less often.
    assert!(
        (0.19..0.22).contains(&least) && most > 0.95 && (0.46..0.54).contains(&(sum / 4000.0)),
        "{least} {most} {sum}"
    );
    // Where no draw fits: the largest centre of 4:3.
    let narrow = Augment::new([Step::ResizedCrop { least: 1.0 }]).window([10, 1000], [3, 8, 8], &mut rng);
    assert_eq!((narrow.corner, narrow.size), ([0.0, 493.0], [10.0, 13.0]));
}

#[test]
fn colours_change_as_they_should() {
    let image = || vec![0.2, 0.6, 0.4, 0.6, 0.8, 0.6];
    near(&on(&mut image(), [3, 1, 2], |c| colour::brightness(c, 1.5)), &[0.3, 0.9, 0.6, 0.9, 1.0, 0.9]);
    // Brightness 0.299 x 0.2 + 0.587 x 0.4 + 0.114 x 0.8 = 0.3858, and 0.6: 0.4929 in the mean.
    near(
        &on(&mut image(), [3, 1, 2], |c| colour::contrast(c, 0.5)),
        &[0.2, 0.6, 0.4, 0.6, 0.8, 0.6].map(|x: f32| 0.4929 + (x - 0.4929) / 2.0),
    );
    near(&on(&mut image(), [3, 1, 2], |c| colour::saturation(c, 0.0)), &[0.3858, 0.6, 0.3858, 0.6, 0.3858, 0.6]);
    // A third of the circle: red to green, green to blue, blue to red.
    near(&on(&mut image(), [3, 1, 2], |c| colour::shift_hue(c, 1.0 / 3.0)), &[0.8, 0.6, 0.2, 0.6, 0.4, 0.6]);
    near(&on(&mut image(), [3, 1, 2], |c| colour::shift_hue(c, -1.0)), &image());
    near(&on(&mut image(), [3, 1, 2], colour::auto_contrast), &[0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    near(&on(&mut image(), [3, 1, 2], |c| colour::solarize(c, 0.6)), &[0.2, 0.4, 0.4, 0.4, 0.2, 0.4]);
    // 0.2, 0.6 and 0.8 are 51, 153 and 204: 00110011, 10011001, 11001100.
    let high = [0.0, 128.0, 64.0, 128.0, 192.0, 128.0].map(|x: f32| x / 255.0);
    near(&on(&mut image(), [3, 1, 2], |c| colour::posterize(c, 2)), &high);
    let mut spot = vec![0.0; 9];
    spot[4] = 1.0;
    near(&on(&mut spot, [1, 3, 3], |c| colour::sharpness(c, 0.0))[4..5], &[5.0 / 13.0]);
    // Half black and half at 2: nearly black and white.
    let mut two: Vec<f32> = (0..512).map(|i| if i < 256 { 0.0 } else { 2.0 / 255.0 }).collect();
    let spread = on(&mut two, [1, 16, 32], colour::equalize);
    assert_eq!((spread[0], spread[300]), (0.0, 1.0));
}

#[test]
fn images_turn_lean_and_move() {
    let image = || vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let grey = 128.0 / 255.0;
    near(
        &on(&mut image(), [1, 3, 3], |c| warp::warp(c, warp::rotation(90.0))),
        &[7.0, 4.0, 1.0, 8.0, 5.0, 2.0, 9.0, 6.0, 3.0],
    );
    let moved = [2.0, 3.0, grey, 5.0, 6.0, grey, 8.0, 9.0, grey];
    near(&on(&mut image(), [1, 3, 3], |c| warp::warp(c, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0])), &moved);
    let leant = [grey, 1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 9.0, grey];
    near(&on(&mut image(), [1, 3, 3], |c| warp::warp(c, [1.0, 1.0, 0.0, 0.0, 1.0, 0.0])), &leant);
    let half = on(&mut image(), [1, 3, 3], |c| warp::warp(c, [1.0, 0.0, 0.5, 0.0, 1.0, 0.0]));
    near(&half[..2], &[1.5, 2.5]);
}

#[test]
fn every_change_of_randaugment_is_one_and_stays_in_range() {
    let image = || -> Vec<f32> { (0..3 * 24 * 24).map(|i| (i * 37 % 101) as f32 / 150.0 + 0.1).collect() };
    for change in 0..rand_augment::CHANGES {
        for sign in [1.0, -1.0] {
            let strong = on(&mut image(), [3, 24, 24], |c| rand_augment::one(c, change, 1.0, sign));
            assert_eq!(strong != image(), change > 0, "change {change}");
            assert!(strong.iter().all(|x| (0.0..=1.0).contains(x)), "change {change}");
        }
    }
    // At strength 0 all but the three that have none stand still; warping keeps pixels to the bit.
    for change in [0, 3, 5, 7, 8, 9, 10, 11, 12, 13] {
        near(&on(&mut image(), [3, 24, 24], |c| rand_augment::one(c, change, 0.0, 1.0)), &image());
    }
}

#[test]
fn what_is_erased_is_a_square_or_a_share_of_the_area() {
    let cutout: Augment = "cutout:4".parse().unwrap();
    let (mut whole, mut sum) = (0, 0.0);
    for seed in 0..2000 {
        let mut values = [1.0; 2 * 10 * 10];
        erase(&cutout, &mut Canvas { shape: [2, 10, 10], values: &mut values }, &mut rng(seed));
        let gone = values[..100].iter().filter(|x| **x == 0.0).count();
        assert!(values[..100] == values[100..] && (4..=16).contains(&gone), "{gone}");
        whole += usize::from(gone == 16);
        sum += gone as f64;
    }
    // The centre is anywhere: 7 of 10 places on each axis leave the square whole, 3.6 of 4 rows stay in the mean.
    assert!((900..1060).contains(&whole) && (12.6..13.3).contains(&(sum / 2000.0)), "{whole} {sum}");

    let random: Augment = "erase:0.5".parse().unwrap();
    let (mut hit, mut sum) = (0, 0.0);
    for seed in 0..2000 {
        let mut values = [1.0; 32 * 32];
        erase(&random, &mut Canvas { shape: [1, 32, 32], values: &mut values }, &mut rng(seed));
        let gone = values.iter().filter(|x| **x == 0.0).count();
        hit += usize::from(gone > 0);
        sum += gone as f64 / 1024.0;
        assert!(gone as f64 <= 0.36 * 1024.0, "{gone}");
    }
    assert!((866..1134).contains(&hit) && (0.13..0.2).contains(&(sum / f64::from(hit as u32))), "{hit} {sum}");
}

#[test]
fn mixed_images_and_shares_belong_together() {
    let images = |count: usize| -> Vec<f32> { (0..count * 36).map(|i| (i / 36) as f32).collect() };
    let (mut sum, mut squares) = (0.0, 0.0);
    for seed in 0..2000 {
        for text in ["mixup:0.4", "cutmix:1"] {
            let mixing = text.parse::<Augment>().unwrap().mix().unwrap();
            let mix = mixing.draw(5, [1, 6, 6], &mut rng(seed));
            let mut mixed = images(5);
            mix.images(&mut mixed, [1, 6, 6]);
            for (place, image) in mixed.chunks(36).enumerate() {
                // The mean of an image whose pixels are its number.
                let (own, other) = (place as f32, mix.partners[place] as f32);
                let mean = image.iter().sum::<f32>() / 36.0;
                assert!((mean - (mix.share * own + (1.0 - mix.share) * other)).abs() < 1e-4, "{text} {mix:?}");
            }
            if text == "mixup:0.4" {
                let share = f64::from(mix.share);
                (sum, squares) = (sum + share, squares + share * share);
            }
        }
    }
    // Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)).
    let mean = sum / 2000.0;
    let variance = squares / 2000.0 - mean * mean;
    assert!((mean - 0.5).abs() < 0.05 && (variance - 1.0 / 7.2).abs() < 0.015, "{mean} {variance}");
    let both = "mixup:0.2,cutmix:1".parse::<Augment>().unwrap().mix().unwrap();
    let uncut = |seed| both.draw(1, [1, 6, 6], &mut rng(seed)).window.is_none();
    assert!((0..50).any(|seed| uncut(seed) != uncut(0)));
}

#[test]
fn a_seed_is_these_bits() {
    let augment: Augment = "crop:2,flip,jitter:0.3:0.3:0.3:0.1,randaugment:2:9,cutout:3".parse().unwrap();
    let mut values: Vec<f32> = (0..3 * 64).map(|i| (i * 29 % 97) as f32 / 96.0).collect();
    let mut rng = rng(20);
    augment.pixels(&mut Canvas { shape: [3, 8, 8], values: &mut values }, &mut rng);
    erase(&augment, &mut Canvas { shape: [3, 8, 8], values: &mut values }, &mut rng);
    // FNV-1a of the bits.
    let digest = values
        .iter()
        .flat_map(|x| x.to_bits().to_le_bytes())
        .fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    println!("digest {digest:#x}");
    assert_eq!(digest, 0xCB92_DF16_0639_0DD5);
}

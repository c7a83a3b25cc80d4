use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::engine::cuda::device::bytes_of_mut;
use crate::engine::cuda::emulator::Emulator;

/// A batch of any size with whatever may happen to it.
fn drawn(rng: &mut ChaCha8Rng) -> Pixels {
    let shape = [rng.gen_range(1..4), rng.gen_range(1..8), rng.gen_range(1..8)];
    let samples = rng.gen_range(1..6);
    let bytes = (0..samples * shape.iter().product::<usize>()).map(|_| rng.r#gen()).collect();
    let numbers = |rng: &mut ChaCha8Rng| (0..shape[0]).map(|_| rng.gen_range(0.1..1.5)).collect();
    let (mean, scale) = (numbers(rng), numbers(rng));
    let step = |rng: &mut ChaCha8Rng| match rng.gen_range(0..12) {
        0 => Move { shift: [rng.r#gen(), rng.r#gen()], flip: rng.r#gen() },
        _ => Move { shift: [rng.gen_range(-3..4), rng.gen_range(-3..4)], flip: rng.r#gen() },
    };
    let part = |rng: &mut ChaCha8Rng| {
        let [top, left] = [rng.gen_range(0..=shape[1]), rng.gen_range(0..=shape[2])];
        let (height, width) = (rng.gen_range(0..=shape[1] - top), rng.gen_range(0..=shape[2] - left));
        Rectangle { top, left, height, width }
    };
    let moves = (0..samples * rng.gen_range(0..4)).map(|_| step(rng)).collect();
    let erased = (0..samples * rng.gen_range(0..3)).map(|_| part(rng)).collect();
    let pixels = Pixels::new(shape, bytes, mean, scale).unwrap().moved(moves).unwrap().erased(erased).unwrap();
    let mix = Mix {
        partners: (0..samples).map(|_| rng.gen_range(0..samples)).collect(),
        share: rng.r#gen(),
        window: rng.r#gen::<bool>().then(|| part(rng)),
    };
    if rng.r#gen() { pixels.mixed(mix).unwrap() } else { pixels }
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// On the emulator, and on the graphics processor where there is one.
#[test]
fn the_kernel_makes_the_processors_numbers() {
    let mut devices: Vec<Arc<dyn Device>> = Vec::new();
    devices.extend(Emulator::for_tests(false).map(|emulator| Arc::new(emulator) as Arc<dyn Device>));
    match crate::engine::cuda::gpu::Gpu::new(0) {
        Ok(gpu) => devices.push(Arc::new(gpu)),
        Err(failure) => println!("left out: {failure}"),
    }
    for device in &devices {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut compared = 0;
        for number in [Number::F32, Number::Bf16] {
            let mut images = Images::new(device, number, 6 * 3 * 8 * 8).unwrap();
            for case in 0..200 {
                let pixels = drawn(&mut rng);
                let expected = pixels.numbers();
                match case % 3 {
                    0 => images.feed(Fed::Pixels(&pixels)).unwrap(),
                    1 => {
                        images.preload((&pixels).into()).unwrap();
                        images.feed(Fed::Preloaded).unwrap();
                    }
                    _ => {
                        images.preload((&expected).into()).unwrap();
                        images.feed(Fed::Preloaded).unwrap();
                    }
                }
                let mut found = vec![0.0; expected.len()];
                images.numbers().download(0, bytes_of_mut(&mut found)).unwrap();
                assert_eq!(bits(&found), bits(&expected), "{}, case {case}: {pixels:?}", device.name());
                compared += found.len();
            }
        }
        println!("{}: {compared} numbers of 400 batches are the processor's", device.name());
    }
}

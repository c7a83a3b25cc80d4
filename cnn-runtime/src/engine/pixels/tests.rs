use super::*;

const SHAPE: [usize; 3] = [2, 3, 5];

/// Four images of any bytes.
fn pixels() -> Pixels {
    let bytes = (0..4 * 30).map(|k| (k * 37 % 256) as u8).collect();
    Pixels::new(SHAPE, bytes, vec![0.25, 0.5], vec![2.0, 3.0]).unwrap()
}

/// Pixel by pixel, from the last move to the first.
fn expected(pixels: &Pixels, sample: usize, [channel, y, x]: [usize; 3]) -> f32 {
    let erased = &pixels.erased[sample * pixels.erased.len() / 4..][..pixels.erased.len() / 4];
    let on = |part: &Rectangle| {
        (part.top..part.top + part.height).contains(&y) && (part.left..part.left + part.width).contains(&x)
    };
    if erased.iter().any(on) {
        return 0.0;
    }
    let (mut y, mut x, mut white) = (y as i64, x as i64, None);
    for step in pixels.moves[sample * pixels.moves.len() / 4..][..pixels.moves.len() / 4].iter().rev() {
        x = if step.flip { 4 - x } else { x };
        (y, x) = (y + i64::from(step.shift[0]), x + i64::from(step.shift[1]));
        if !(0..3).contains(&y) || !(0..5).contains(&x) {
            white = Some(0.0);
            break;
        }
    }
    let byte = || f32::from(pixels.bytes[((sample * 2 + channel) * 3 + y as usize) * 5 + x as usize]) / 255.0;
    (white.unwrap_or_else(byte) - pixels.mean[channel]) * pixels.scale[channel]
}

fn moves() -> Vec<Move> {
    let step = |y, x, flip| Move { shift: [y, x], flip };
    vec![
        step(0, 0, false),
        step(1, -2, true),
        step(-1, 2, true),
        step(1, -1, false),
        step(0, 3, false),
        step(0, -3, true),
        step(i32::MIN, i32::MAX, false),
        step(7, 0, true),
    ]
}

fn rectangles() -> Vec<Rectangle> {
    let part = |top, left, height, width| Rectangle { top, left, height, width };
    vec![part(0, 0, 0, 0), part(1, 2, 2, 3), part(0, 0, 3, 1), part(3, 5, 0, 0)]
}

#[test]
fn images_are_moved_normalised_and_erased() {
    let pixels = pixels().moved(moves()).unwrap().erased(rectangles()).unwrap();
    let numbers = pixels.numbers();
    for (index, number) in numbers.iter().enumerate() {
        let place = [index / 15 % 2, index / 5 % 3, index % 5];
        assert_eq!(number.to_bits(), expected(&pixels, index / 30, place).to_bits(), "number {index}");
    }
    println!("{} numbers of images with two moves and a rectangle each", numbers.len());
    assert_eq!((pixels.samples(), pixels.len(), pixels.shape()), (4, 120, SHAPE));
}

#[test]
fn images_are_mixed_whole_or_in_a_window() {
    let plain = pixels().numbers();
    let mix = |window| Mix { partners: vec![2, 0, 3, 3], share: 0.75, window };
    let blended = pixels().mixed(mix(None)).unwrap().numbers();
    let cut = pixels().mixed(mix(Some(Rectangle { top: 1, left: 0, height: 2, width: 4 }))).unwrap().numbers();
    for index in 0..120 {
        let (own, other) = (plain[index], plain[mix(None).partners[index / 30] * 30 + index % 30]);
        assert_eq!(blended[index], 0.75 * own + 0.25 * other);
        assert_eq!(cut[index], if index / 5 % 3 >= 1 && index % 5 < 4 { other } else { own });
    }
}

#[test]
fn what_does_not_fit_is_said() {
    let new = |bytes: usize, means: usize, scales: usize| {
        Pixels::new(SHAPE, vec![0; bytes], vec![0.0; means], vec![1.0; scales]).map(|_| ())
    };
    let erased = |part: Rectangle| pixels().erased(vec![part; 4]).map(|_| ());
    let mixed = |partners: &[usize], share, window| {
        pixels().mixed(Mix { partners: partners.into(), share, window }).map(|_| ())
    };
    let far = Rectangle { top: 9, left: 1, height: 2, width: 2 };
    let wide = Rectangle { top: 0, left: 3, height: 1, width: 3 };
    let cases = [
        (new(0, 2, 2), "bytes of a batch of pixels: expected those of whole images of 2x3x5, got 0"),
        (new(59, 2, 2), "bytes of a batch of pixels: expected those of whole images of 2x3x5, got 59"),
        (new(60, 1, 2), "means of a batch of pixels: expected one for each of 2 channels, got 1"),
        (new(60, 2, 3), "scales of a batch of pixels: expected one for each of 2 channels, got 3"),
        (
            pixels().moved(vec![Move::default(); 6]).map(|_| ()),
            "moves of a batch of pixels: expected as many for each of 4 images, got 6",
        ),
        (
            pixels().erased(vec![Rectangle::default(); 1]).map(|_| ()),
            "erased rectangles of a batch of pixels: expected as many for each of 4 images, got 1",
        ),
        (erased(far), "an erased rectangle of a batch of pixels: expected within 3x5, got 2x2 from 9, 1"),
        (erased(wide), "an erased rectangle of a batch of pixels: expected within 3x5, got 1x3 from 0, 3"),
        (mixed(&[0, 1, 2], 0.5, None), "partners of a batch of pixels: expected one for each of 4 images, got 3"),
        (mixed(&[0, 1, 2, 4], 0.5, None), "a partner of a batch of pixels: expected an image from 0 to 3, got 4"),
        (mixed(&[0, 1, 2, 3], f32::NAN, None), "a share of a batch of pixels: expected from 0 to 1, got NaN"),
        (mixed(&[0, 1, 2, 3], 1.5, None), "a share of a batch of pixels: expected from 0 to 1, got 1.5"),
        (
            mixed(&[0, 1, 2, 3], 0.5, Some(wide)),
            "a window of a batch of pixels: expected within 3x5, got 1x3 from 0, 3",
        ),
    ];
    for (refused, message) in cases {
        let said = refused.unwrap_err().to_string();
        println!("{said}");
        assert_eq!(said, message);
    }
    assert!(erased(Rectangle { top: usize::MAX, height: 2, ..far }).is_err());
    for shape in [[0, 3, 5], [2, 0, 5], [2, 3, 0], [usize::MAX, 2, 2]] {
        assert!(Pixels::new(shape, vec![0; 30], vec![0.0; 2], vec![1.0; 2]).is_err(), "{shape:?}");
    }
}

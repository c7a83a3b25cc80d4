//! No text makes a space panic or run without end.

use std::time::{Duration, Instant};

use cnn_lang::space::{SplitMix, load};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "common/pieces.rs"]
mod pieces;
#[path = "common/spaces.rs"]
mod spaces;

/// On a loaded machine, unoptimised.
const LONGEST: Duration = Duration::from_secs(60);

fn check(source: &str) -> bool {
    let start = Instant::now();
    let loaded = load(source, None);
    if let Ok(space) = &loaded {
        let genome = space.sample(&mut SplitMix(1)).expect("a member");
        let graph = space.graph(&genome).unwrap_or_else(|error| panic!("{error}\n{source}"));
        assert_eq!(space.costs(&genome), Ok(graph.costs()), "{source}");
    }
    assert!(start.elapsed() < LONGEST, "{:?}\n{source}", start.elapsed());
    loaded.is_ok()
}

#[test]
fn mutated_spaces_have_mistakes_or_hold() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut hold, total) = (0, 600);
    for _ in 0..total {
        let source = spaces::space(&mut rng);
        let mut words = pieces::pieces(&source);
        for _ in 0..rng.gen_range(1..4) {
            let (at, other) = (rng.gen_range(0..words.len()), rng.gen_range(0..words.len()));
            match rng.gen_range(0..5) {
                0 => words.swap(at, other),
                1 => drop(words.remove(at)),
                2 => words[at] = words[other],
                3 => words[at] = "choose",
                _ => words[at] = ["0", "100000", "99999999999", "-1", "1e300", "choose(0, 70000)"][rng.gen_range(0..6)],
            }
        }
        hold += usize::from(check(&words.concat()));
    }
    println!("{hold} of {total} mutated spaces hold");
    assert!(hold > 20 && hold < total - 100);
}

#[test]
fn loops_and_recursion_of_choices_end_soon() {
    let eight = "choose(1, 2, 3, 4, 5, 6, 7, 8)";
    let many = [eight; 12].join(", ");
    for source in [
        "N: 3x8x8 -> 10; stem for i in 0..100000 { conv(choose(1, 2), 1) }; head gap -> linear(10);",
        "N: 3x8x8 -> 10; stem relu * choose(99999, 100000) * choose(99999, 100000); head gap -> linear(10);",
        "block u(n) { choose { relu; u(n + 1); } } N: 3x8x8 -> 10; stem u(0); head gap -> linear(10);",
        "block u(n) { u(choose(n, n + 1)) } N: 3x8x8 -> 10; stem u(0); head gap -> linear(10);",
        "block u(n) { if n > 0 { u(n - 1) -> u(n - 1) } else { choose { relu; silu; } } } N: 3x8x8 -> 10; stem u(14); head gap -> linear(10);",
        "N: 3x8x8 -> 10; stem add { for i in 0..5000 { for j in 0..choose(1, 5000) { identity; }; }; }; head gap -> linear(10);",
        &format!("N: 3x8x8 -> 10; stem {{ let xs = [{many}]; conv(xs[0] + xs[11], 1) }}; head gap -> linear(10);"),
    ] {
        let start = Instant::now();
        match load(source, None) {
            Ok(space) => println!("{:?}, 2^{:.1} members: {source:.80}", start.elapsed(), space.log2_size()),
            Err(errors) => println!("{:?}, {}: {source:.80}", start.elapsed(), errors[0].message),
        }
        assert!(start.elapsed() < LONGEST, "{source}");
    }
}

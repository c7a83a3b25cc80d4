//! The kernels' source.

use super::words::Variant;

/// Sizes that kernels and their launches both rely on: constants here, and macros of the same names there.
macro_rules! shared {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        $($(#[$doc])* pub(super) const $name: usize = $value;)*
        const SHARED: &[(&str, usize)] = &[$((stringify!($name), $name)),*];
    };
}

shared! {
    /// The most threads of a block.
    BLOCK = 256;
    /// The most threads of a block that sums or compares; a power of two.
    THREADS = 128;
    /// Terms that `add` takes at once.
    TERMS = 4;
    /// Taps of a column and of a row that the kernels for depthwise convolutions take.
    TAPS = 7;
    /// Pixels of a row that a thread of theirs computes together.
    STRIP = 4;
    /// The most threads of theirs side by side, each with a pack of channels.
    FILTER_LANES = 16;
}

/// What all compilers get, in order; the last one for packs alone.
const PARTS: [&str; 16] = [
    include_str!("kernels/common.cu"),
    include_str!("kernels/augment.cu"),
    include_str!("kernels/pointwise.cu"),
    include_str!("kernels/window.cu"),
    include_str!("kernels/lanes.cu"),
    include_str!("kernels/norm.cu"),
    include_str!("kernels/norm_gradient.cu"),
    include_str!("kernels/training.cu"),
    include_str!("kernels/layers.cu"),
    include_str!("kernels/sets.cu"),
    include_str!("kernels/mul.cu"),
    include_str!("kernels/neighbours.cu"),
    include_str!("kernels/weights.cu"),
    include_str!("kernels/conv.cu"),
    include_str!("kernels/depthwise.cu"),
    include_str!("kernels/depthwise_fast.cu"),
];

/// For graphics processors.
pub(super) fn for_gpu(variant: Variant) -> String {
    source(include_str!("kernels/gpu.h"), variant)
}

/// For ordinary ones.
pub(super) fn for_emulator(variant: Variant) -> String {
    source(include_str!("kernels/emulator.h"), variant)
}

fn source(head: &str, variant: Variant) -> String {
    let mut settings = format!("#define {}\n#define WIDE {}\n", variant.number.name(), variant.width());
    settings.extend(SHARED.iter().map(|(name, value)| format!("#define {name} {value}\n")));
    [&settings, head].into_iter().chain(PARTS).collect::<Vec<_>>().join("\n")
}

/// The names of the kernels of a variant: those that read no packs are there for single numbers alone, and those that make no
/// sense without packs for packs alone.
pub(super) fn names(variant: Variant) -> Vec<&'static str> {
    let packs = named(&PARTS, &PACKS);
    match variant.wide {
        true => packs,
        false => named(&PARTS, &SINGLES).into_iter().chain(named(&PARTS[..PARTS.len() - 1], &PACKS)).collect(),
    }
}

/// How the lines begin that name kernels.
const SINGLES: [&str; 2] = ["KERNEL(", "BLOCK_KERNEL("];
const PACKS: [&str; 2] = ["PACK_KERNEL(", "PACK_BLOCK_KERNEL("];

/// Whether a kernel reads and writes packs.
pub(super) fn takes_packs(kernel: &str) -> bool {
    named(&PARTS, &PACKS).contains(&kernel)
}

/// A kernel of this name.
pub(super) fn kernel(wanted: &str) -> Option<&'static str> {
    named(&PARTS, &PACKS).into_iter().find(|name| *name == wanted)
}

fn named(parts: &[&'static str], starts: &[&str]) -> Vec<&'static str> {
    let name = |line: &'static str| starts.iter().find_map(|start| line.strip_prefix(start))?.split(',').next();
    parts.iter().flat_map(|part| part.lines()).filter_map(name).collect()
}

/// A name for compiled code: it changes with the source.
pub(super) fn digest(source: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(source.as_bytes()))
}

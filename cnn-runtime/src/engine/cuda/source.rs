//! The kernels' source.

use super::words::{Number, Variant};

/// What all compilers get, in order.
const PARTS: [&str; 9] = [
    include_str!("kernels/common.cu"),
    include_str!("kernels/pointwise.cu"),
    include_str!("kernels/window.cu"),
    include_str!("kernels/norm.cu"),
    include_str!("kernels/training.cu"),
    include_str!("kernels/layers.cu"),
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
    let (bf16, width) = (usize::from(variant.number == Number::Bf16), variant.width());
    let settings = format!("#define BF16 {bf16}\n#define WIDE {width}\n");
    [&settings, head].into_iter().chain(PARTS).collect::<Vec<_>>().join("\n")
}

/// The kernels' names.
pub(super) fn names() -> Vec<&'static str> {
    named(&["KERNEL(", "BLOCK_KERNEL(", "PACK_KERNEL(", "PACK_BLOCK_KERNEL("])
}

/// Whether a kernel reads and writes packs.
pub(super) fn takes_packs(kernel: &str) -> bool {
    named(&["PACK_KERNEL(", "PACK_BLOCK_KERNEL("]).contains(&kernel)
}

fn named(starts: &[&str]) -> Vec<&'static str> {
    let name = |line: &'static str| starts.iter().find_map(|start| line.strip_prefix(start))?.split(',').next();
    PARTS.iter().flat_map(|part| part.lines()).filter_map(name).collect()
}

/// A name for compiled code: it changes with the source.
pub(super) fn digest(source: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(source.as_bytes()))
}

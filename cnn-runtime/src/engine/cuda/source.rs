//! The kernels' source.

/// What all compilers get, in order.
const PARTS: [&str; 6] = [
    include_str!("kernels/common.cu"),
    include_str!("kernels/pointwise.cu"),
    include_str!("kernels/window.cu"),
    include_str!("kernels/norm.cu"),
    include_str!("kernels/training.cu"),
    include_str!("kernels/layers.cu"),
];

/// For graphics processors.
pub(super) fn for_gpu() -> String {
    source(include_str!("kernels/gpu.h"))
}

/// For ordinary ones.
pub(super) fn for_emulator() -> String {
    source(include_str!("kernels/emulator.h"))
}

fn source(head: &str) -> String {
    std::iter::once(head).chain(PARTS).collect::<Vec<_>>().join("\n")
}

/// The kernels' names.
pub(super) fn names() -> Vec<&'static str> {
    let name = |line: &'static str| {
        let rest = line.strip_prefix("BLOCK_KERNEL(").or_else(|| line.strip_prefix("KERNEL("))?;
        rest.split(',').next()
    };
    PARTS.iter().flat_map(|part| part.lines()).filter_map(name).collect()
}

/// A name for compiled code: it changes with the source.
pub(super) fn digest(source: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(source.as_bytes()))
}

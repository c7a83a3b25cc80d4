//! The kernels as code of a kind of graphics processor: compiled by NVRTC, which needs none, and kept in the user's cache.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::{env, fs, thread};

use super::nvrtc::Nvrtc;
use crate::engine::cuda::device::Failure;
use crate::engine::cuda::source;
use crate::engine::cuda::words::Variant;

/// The code of each variant's kernels, such as for `sm_90`. What is not in the cache is compiled, all at the same time.
pub(super) fn kernels(architecture: &str, variants: &[Variant]) -> Result<Vec<Vec<u8>>, Failure> {
    thread::scope(|scope| {
        let code =
            |variant: Variant| move || kept(architecture, variant).map_or_else(|| compiled(architecture, variant), Ok);
        let threads: Vec<_> = variants.iter().map(|&variant| scope.spawn(code(variant))).collect();
        let code = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        threads.into_iter().map(code).collect()
    })
}

/// Compiles and keeps. A cache that cannot be written costs some seconds at each start, no more.
fn compiled(architecture: &str, variant: Variant) -> Result<Vec<u8>, Failure> {
    let code = Nvrtc::shared()?.compile(&source::for_gpu(variant), architecture)?;
    if let Some(path) = path(architecture, variant) {
        // Under a name of its own until it is whole.
        let part = path.with_extension(std::process::id().to_string());
        let _ = path.parent().map(fs::create_dir_all);
        let _ = fs::write(&part, &code).and_then(|()| fs::rename(&part, &path));
    }
    Ok(code)
}

fn kept(architecture: &str, variant: Variant) -> Option<Vec<u8>> {
    fs::read(path(architecture, variant)?).ok().filter(|code| !code.is_empty())
}

fn path(architecture: &str, variant: Variant) -> Option<PathBuf> {
    let name = format!("kernels-{}-{architecture}.cubin", source::digest(&source::for_gpu(variant)));
    Some(cache()?.join(name))
}

/// The folder of what is kept from one process to the next.
pub(in crate::engine::cuda) fn cache() -> Option<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    Some(base.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?.join("cnn-runtime"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "wants libnvrtc: see docs/testing.md"]
    fn nvrtc_takes_the_kernels_for_every_kind_of_processor() {
        let nvrtc = Nvrtc::shared().unwrap();
        let mut taken = Vec::new();
        for number in [70, 75, 80, 86, 89, 90, 100, 120] {
            let architecture = format!("sm_{number}");
            let compile_all = || Variant::ALL.map(|of| (of, nvrtc.compile(&source::for_gpu(of), &architecture)));
            for (variant, code) in compile_all() {
                match code {
                    Ok(code) => {
                        // Their names are in the code as they are called.
                        for name in source::names(variant) {
                            let is_there = code.windows(name.len()).any(|bytes| bytes == name.as_bytes());
                            assert!(is_there, "{name} is missing for {architecture}");
                        }
                        taken.push(architecture.clone());
                    }
                    // Each NVRTC knows the kinds of its time.
                    Err(failure) if failure.contains("invalid value for --gpu-architecture") => {}
                    Err(failure) => panic!("{failure}"),
                }
            }
        }
        taken.dedup();
        println!("the kernels compile for {}", taken.join(", "));
        assert!(taken.len() >= 3, "{taken:?}");
    }
}

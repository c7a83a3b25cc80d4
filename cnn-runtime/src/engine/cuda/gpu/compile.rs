//! The kernels as code of a kind of graphics processor: compiled by NVRTC, which needs none, and kept in the user's cache.

use std::path::PathBuf;
use std::{env, fs, thread};

use super::nvrtc::Nvrtc;
use crate::engine::cuda::device::Failure;
use crate::engine::cuda::source;
use crate::engine::cuda::words::Variant;

/// The code of a variant's kernels, such as for `sm_90`. What is not in the cache is compiled, and with it all other variants that
/// are not, at the same time: who wants one wants others soon.
pub(super) fn kernels(architecture: &str, variant: Variant) -> Result<Vec<u8>, Failure> {
    if let Some(code) = kept(architecture, variant) {
        return Ok(code);
    }
    let nvrtc = Nvrtc::shared()?;
    thread::scope(|scope| {
        let others = Variant::ALL.into_iter().filter(|other| *other != variant && kept(architecture, *other).is_none());
        for other in others {
            scope.spawn(move || compiled(nvrtc, architecture, other));
        }
        compiled(nvrtc, architecture, variant)
    })
}

/// Compiles and keeps. A cache that cannot be written costs some seconds at each start, no more.
fn compiled(nvrtc: &Nvrtc, architecture: &str, variant: Variant) -> Result<Vec<u8>, Failure> {
    let code = nvrtc.compile(&source::for_gpu(variant), architecture)?;
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

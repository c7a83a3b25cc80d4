//! The kernels as code of a kind of graphics processor: compiled by NVRTC, which needs none, and kept in the user's cache.

use std::ffi::{CStr, CString};
use std::path::PathBuf;
use std::{env, fs, thread};

use cudarc::nvrtc::result::{self, NvrtcError};
use cudarc::nvrtc::sys;

use super::device::Failure;
use super::words::Variant;
use super::{libraries, source};

/// The code of a variant's kernels, such as for `sm_90`. What is not in the cache is compiled, and with it all other variants that
/// are not, at the same time: who wants one wants others soon.
pub(super) fn kernels(architecture: &str, variant: Variant) -> Result<Vec<u8>, Failure> {
    if let Some(code) = kept(architecture, variant) {
        return Ok(code);
    }
    load()?;
    thread::scope(|scope| {
        let others = Variant::ALL.into_iter().filter(|other| *other != variant && kept(architecture, *other).is_none());
        for other in others {
            scope.spawn(move || compiled(architecture, other));
        }
        compiled(architecture, variant)
    })
}

/// Compiles and keeps. A cache that cannot be written costs some seconds at each start, no more.
fn compiled(architecture: &str, variant: Variant) -> Result<Vec<u8>, Failure> {
    let code = compile(&source::for_gpu(variant), architecture)?;
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
pub(super) fn cache() -> Option<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    Some(base.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?.join("cnn-runtime"))
}

fn load() -> Result<(), Failure> {
    // SAFETY: only looks whether the library can be loaded.
    let present = || unsafe { sys::is_culib_present() };
    if present() || libraries::load_from_packages("libnvrtc") && present() {
        return Ok(());
    }
    Err("libnvrtc, which compiles the kernels, is missing: install the CUDA toolkit, or `pip install nvidia-cuda-nvrtc` and \
         set LD_LIBRARY_PATH to its folder"
        .into())
}

/// A program of NVRTC's.
struct Program(sys::nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: made by `create_program`, and nobody has it any more. Nobody is left to be told of a failure.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

fn failed(error: NvrtcError) -> Failure {
    format!("NVRTC: {error}")
}

fn compile(source: &str, architecture: &str) -> Result<Vec<u8>, Failure> {
    let source = CString::new(source).map_err(|error| error.to_string())?;
    let program = Program(result::create_program(&source, None).map_err(failed)?);
    let options = [format!("--gpu-architecture={architecture}"), "--std=c++17".into()];
    // SAFETY: a program that was just made.
    if unsafe { result::compile_program(program.0, &options) }.is_err() {
        // SAFETY: the same program; the log ends with a zero.
        let log = unsafe { result::get_program_log(program.0) }.map_err(failed)?;
        let bytes: Vec<u8> = log.into_iter().map(|byte| byte as u8).collect();
        let log = CStr::from_bytes_until_nul(&bytes).unwrap_or_default().to_string_lossy();
        return Err(format!("NVRTC refuses the kernels for {architecture}:\n{log}"));
    }
    let mut size = 0;
    // SAFETY: a compiled program; one number is written.
    unsafe { sys::nvrtcGetCUBINSize(program.0, &mut size) }.result().map_err(failed)?;
    let mut code = vec![0u8; size];
    // SAFETY: so many bytes are written.
    unsafe { sys::nvrtcGetCUBIN(program.0, code.as_mut_ptr().cast()) }.result().map_err(failed)?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "wants libnvrtc: see docs/testing.md"]
    fn nvrtc_takes_the_kernels_for_every_kind_of_processor() {
        load().unwrap();
        let mut taken = Vec::new();
        for number in [70, 75, 80, 86, 89, 90, 100, 120] {
            let architecture = format!("sm_{number}");
            let compile_all = || Variant::ALL.map(|of| (of, compile(&source::for_gpu(of), &architecture)));
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

//! An NVIDIA graphics processor, by the driver's interface.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs};

use cudarc::driver::{CudaContext, CudaFunction, CudaStream, DriverError, result, sys};
use cudarc::nvrtc::{CompileError, CompileOptions, Ptx, compile_ptx_with_opts};

use super::device::{Device, Failure, Launch};
use super::{libraries, source};

/// A graphics processor, one stream of work, and the kernels compiled for it.
pub(super) struct Gpu {
    name: String,
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    kernels: HashMap<&'static str, CudaFunction>,
    /// Blocks that keep all of it busy.
    blocks: usize,
}

/// Threads of a block of a kernel that works on each number by itself.
const THREADS: usize = 256;
/// Blocks for each multiprocessor.
const WAVES: usize = 16;

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Gpu {
    /// Takes graphics processor number `ordinal` of this machine.
    pub fn new(ordinal: usize) -> Result<Gpu, Failure> {
        // SAFETY: only looks whether the library can be loaded.
        if !unsafe { sys::is_culib_present() } {
            return Err("there is no NVIDIA driver here: libcuda cannot be loaded; use the device cpu".into());
        }
        let failed = |error: DriverError| error.to_string();
        let count = result::init().and_then(|()| CudaContext::device_count()).map_err(failed)?;
        if ordinal >= count as usize {
            return Err(match count {
                0 => "the NVIDIA driver sees no graphics processor; use the device cpu".into(),
                1 => "there is one graphics processor, cuda:0".into(),
                _ => format!("there are {count} graphics processors, cuda:0 to cuda:{}", count - 1),
            });
        }
        let context = CudaContext::new(ordinal).map_err(failed)?;
        let (major, minor) = context.compute_capability().map_err(failed)?;
        let ptx = compiled(&format!("compute_{major}{minor}"))?;
        let module = context.load_module(Ptx::from_src(ptx)).map_err(failed)?;
        let mut kernels = HashMap::new();
        for name in source::names() {
            kernels.insert(name, module.load_function(name).map_err(failed)?);
        }
        let processors = context
            .attribute(sys::CUdevice_attribute_enum::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
            .map_err(failed)?;
        Ok(Gpu {
            name: format!("cuda:{ordinal} ({})", context.name().map_err(failed)?),
            stream: context.new_stream().map_err(failed)?,
            context,
            kernels,
            blocks: processors.max(1) as usize * WAVES,
        })
    }

    fn bind(&self) -> Result<(), Failure> {
        self.context.bind_to_thread().map_err(|error| error.to_string())
    }
}

/// The kernels as code for a kind of graphics processor; kept in the user's cache from the first time on.
fn compiled(architecture: &str) -> Result<String, Failure> {
    let source = source::for_gpu();
    let kept = cache().map(|folder| folder.join(format!("kernels-{}-{architecture}.ptx", source::digest(&source))));
    if let Some(code) = kept.as_ref().and_then(|path| fs::read_to_string(path).ok()).filter(|code| !code.is_empty()) {
        return Ok(code);
    }
    let code = compile(&source, architecture)?;
    // Under a name of its own until it is whole. A cache that cannot be written costs a second at each start, no more.
    if let Some(path) = kept {
        let part = path.with_extension(std::process::id().to_string());
        let _ = path.parent().map(fs::create_dir_all);
        let _ = fs::write(&part, &code).and_then(|()| fs::rename(&part, &path));
    }
    Ok(code)
}

fn cache() -> Option<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    Some(base.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?.join("cnn-runtime"))
}

/// Compiles the kernels by NVRTC, which needs no graphics processor.
pub(super) fn compile(source: &str, architecture: &str) -> Result<String, Failure> {
    // SAFETY: only looks whether the library can be loaded.
    let present = || unsafe { cudarc::nvrtc::sys::is_culib_present() };
    if !(present() || libraries::load_from_packages("libnvrtc") && present()) {
        return Err("libnvrtc, which compiles the kernels, is missing: install the CUDA toolkit, or `pip install \
                    nvidia-cuda-nvrtc` and set LD_LIBRARY_PATH to its folder"
            .into());
    }
    let options = vec![format!("--gpu-architecture={architecture}"), "--std=c++17".into()];
    match compile_ptx_with_opts(source, CompileOptions { options, ..CompileOptions::default() }) {
        Ok(code) => Ok(code.to_src()),
        Err(CompileError::CompileError { log, .. }) => {
            Err(format!("NVRTC refuses the kernels for {architecture}:\n{}", log.to_string_lossy()))
        }
        Err(error) => Err(format!("NVRTC: {error}")),
    }
}

impl Device for Gpu {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn grid(&self, numbers: usize) -> (u32, u32) {
        (numbers.div_ceil(THREADS).clamp(1, self.blocks) as u32, THREADS as u32)
    }

    fn allocate(&self, bytes: usize) -> Result<u64, Failure> {
        self.bind()?;
        // SAFETY: the allocation is freed once, by `free`.
        let address = unsafe { result::malloc_sync(bytes) }.map_err(|error| match self.context.mem_get_info() {
            Ok((free, total)) => format!("{free} of {total} bytes are free"),
            Err(_) => error.to_string(),
        })?;
        // SAFETY: just allocated, so many bytes.
        unsafe { result::memset_d8_async(address, 0, bytes, self.stream.cu_stream()) }
            .map_err(|error| error.to_string())?;
        Ok(address)
    }

    fn free(&self, address: u64) {
        // Work may be under way that reads it; nobody is left to be told of a failure.
        let _ = self.bind().and_then(|()| self.wait());
        // SAFETY: `allocate` gave it.
        let _ = unsafe { result::free_sync(address) };
    }

    unsafe fn upload(&self, from: &[u8], to: u64) -> Result<(), Failure> {
        self.bind()?;
        // SAFETY: the caller's. Memory that is not pinned is copied aside before the call returns.
        unsafe { result::memcpy_htod_async(to, from, self.stream.cu_stream()) }.map_err(|error| error.to_string())
    }

    unsafe fn download(&self, from: u64, to: &mut [u8]) -> Result<(), Failure> {
        self.bind()?;
        // SAFETY: the caller's; `wait` keeps the slice borrowed until the copy is done.
        unsafe { result::memcpy_dtoh_async(to, from, self.stream.cu_stream()) }.map_err(|error| error.to_string())?;
        self.wait()
    }

    unsafe fn launch(&self, launch: &Launch) -> Result<(), Failure> {
        let Launch { kernel, blocks, threads, words } = launch;
        let Some(code) = self.kernels.get(kernel) else { return Err(format!("there is no kernel `{kernel}`")) };
        self.bind()?;
        let mut arguments = [words.get().as_ptr().cast_mut().cast()];
        let (grid, block) = ((blocks[0], blocks[1], 1), (*threads, 1, 1));
        // SAFETY: the caller's; the only argument is a structure of these words, which the driver copies.
        unsafe { result::launch_kernel(code.cu_function(), grid, block, 0, self.stream.cu_stream(), &mut arguments) }
            .map_err(|error| format!("{kernel}: {error}"))
    }

    fn wait(&self) -> Result<(), Failure> {
        self.stream.synchronize().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "wants libnvrtc: see docs/testing.md"]
    fn nvrtc_takes_the_kernels_for_every_kind_of_processor() {
        let source = source::for_gpu();
        let mut taken = Vec::new();
        for number in [70, 75, 80, 86, 89, 90, 100, 120] {
            let architecture = format!("compute_{number}");
            match compile(&source, &architecture) {
                Ok(code) => {
                    for name in source::names() {
                        assert!(code.contains(&format!(".entry {name}(")), "{name} is missing for {architecture}");
                    }
                    taken.push(architecture);
                }
                // Each NVRTC knows the kinds of its time.
                Err(failure) if failure.contains("invalid value for --gpu-architecture") => {}
                Err(failure) => panic!("{failure}"),
            }
        }
        println!("{} kernels compile for {}", source::names().len(), taken.join(", "));
        assert!(taken.len() >= 3, "{taken:?}");
    }
}

//! The kernels on an ordinary processor, for tests where there is no graphics processor: slow, and bit by bit what is written
//! in them.

mod plain;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::{alloc, env, fs};

use libloading::Library;
use plain::Plain;

use super::cudnn::Problem;
use super::device::{Device, Failure, Launch, Planned, Recording};
use super::source;
use super::words::Variant;

/// A kernel: its arguments, blocks, threads of a block.
type Kernel = unsafe extern "C" fn(*const u64, *const u32, u32);

/// The compiled kernels, with something in place of the library or without.
#[derive(Clone, Debug)]
pub(super) struct Emulator {
    kernels: Arc<Kernels>,
    has_library: bool,
}

#[derive(Debug)]
struct Kernels {
    kernels: HashMap<(&'static str, Variant), Kernel>,
    /// Hold the kernels' code.
    _libraries: Vec<Library>,
}

/// Each allocation notes its own length before its first byte.
const HEAD: usize = 64;

impl Emulator {
    /// Compiles the kernels once for all programs: `CXX`, or `c++`.
    pub fn new(has_library: bool) -> Result<Emulator, Failure> {
        static ONE: OnceLock<Result<Arc<Kernels>, Failure>> = OnceLock::new();
        let kernels = ONE.get_or_init(|| Kernels::new().map(Arc::new)).clone()?;
        Ok(Emulator { kernels, has_library })
    }
}

#[cfg(test)]
impl Emulator {
    /// Nothing on a machine without a compiler. One that is there takes the kernels.
    pub fn for_tests(has_library: bool) -> Option<Emulator> {
        let failure = match Emulator::new(has_library) {
            Ok(emulator) => return Some(emulator),
            Err(failure) => failure,
        };
        assert!(!failure.contains(REFUSES), "{failure}");
        println!("left out: {failure}");
        None
    }
}

/// What is said of kernels that a compiler does not take.
const REFUSES: &str = "refuses the kernels";

impl Kernels {
    fn new() -> Result<Kernels, Failure> {
        let (mut kernels, mut libraries) = (HashMap::new(), Vec::new());
        for variant in Variant::ALL {
            let library = compiled(variant)?;
            // SAFETY: made by `compiled` of this crate's own source, which does nothing when it is loaded.
            let library =
                unsafe { Library::new(&library) }.map_err(|error| format!("{}: {error}", library.display()))?;
            for name in source::names(variant) {
                // SAFETY: all kernels have this type: `EMULATED` in `kernels/emulator.h`.
                let kernel = unsafe { library.get::<Kernel>(name.as_bytes()) }.map_err(|error| error.to_string())?;
                kernels.insert((name, variant), *kernel);
            }
            libraries.push(library);
        }
        Ok(Kernels { kernels, _libraries: libraries })
    }
}

/// The library with the kernels, made unless it is there.
fn compiled(variant: Variant) -> Result<PathBuf, Failure> {
    let source = source::for_emulator(variant);
    let name = format!("cnn-kernels-{}", source::digest(&source));
    let done = env::temp_dir().join(format!("{name}.so"));
    if done.exists() {
        return Ok(done);
    }
    let io = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    // Under a name of its own until it is whole: others may be at it too.
    let [code, library] = ["cpp", "so"].map(|end| env::temp_dir().join(format!("{name}-{}.{end}", std::process::id())));
    fs::write(&code, source).map_err(|error| io(&code, error))?;
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".into());
    let output = Command::new(&compiler)
        // Products that are to be rounded by themselves are.
        .args(["-O2", "-std=c++17", "-ffp-contract=off", "-shared", "-fPIC", "-o"])
        .args([&library, &code])
        .output()
        .map_err(|error| format!("the emulator needs a C++ compiler; `{compiler}` (or CXX): {error}"))?;
    if !output.status.success() {
        return Err(format!("`{compiler}` {REFUSES}:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let _ = fs::remove_file(&code);
    fs::rename(&library, &done).map_err(|error| io(&done, error))?;
    Ok(done)
}

fn layout(bytes: usize) -> Option<alloc::Layout> {
    alloc::Layout::from_size_align(bytes.checked_add(HEAD)?, HEAD).ok()
}

impl Device for Emulator {
    fn name(&self) -> String {
        "the emulator of CUDA kernels".into()
    }

    /// Few of both, so that numbers outnumber them.
    fn grid(&self, _: usize) -> (u32, u32) {
        (2, 3)
    }

    /// Every thread has a stack, and takes time at each barrier.
    fn block(&self) -> usize {
        8
    }

    fn room(&self) -> Option<[usize; 2]> {
        None
    }

    fn allocate(&self, bytes: usize) -> Result<u64, Failure> {
        let refused = || "this machine does not give them".to_owned();
        let layout = layout(bytes).ok_or_else(refused)?;
        // SAFETY: the layout is not of nothing.
        let start = unsafe { alloc::alloc_zeroed(layout) };
        if start.is_null() {
            return Err(refused());
        }
        // SAFETY: HEAD bytes are there before what was asked for, aligned for any number.
        unsafe { start.cast::<usize>().write(bytes) };
        Ok(start.expose_provenance() as u64 + HEAD as u64)
    }

    fn free(&self, address: u64) {
        let start = std::ptr::with_exposed_provenance_mut::<u8>(address as usize - HEAD);
        // SAFETY: `allocate` gave the address and noted the length.
        unsafe {
            let bytes = start.cast::<usize>().read();
            if let Some(layout) = layout(bytes) {
                alloc::dealloc(start, layout);
            }
        }
    }

    unsafe fn upload(&self, from: &[u8], to: u64) -> Result<(), Failure> {
        let to = std::ptr::with_exposed_provenance_mut::<u8>(to as usize);
        // SAFETY: the caller's: within an allocation of this process.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
        Ok(())
    }

    unsafe fn upload_aside(&self, from: &[u8], to: u64) -> Result<(), Failure> {
        // SAFETY: the caller's.
        unsafe { self.upload(from, to) }
    }

    unsafe fn arrive(&self, from: u64, to: u64, bytes: usize) -> Result<(), Failure> {
        let from = std::ptr::with_exposed_provenance::<u8>(from as usize);
        let to = std::ptr::with_exposed_provenance_mut::<u8>(to as usize);
        // SAFETY: the caller's: within two allocations of this process.
        unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) };
        Ok(())
    }

    unsafe fn download(&self, from: u64, to: &mut [u8]) -> Result<(), Failure> {
        let from = std::ptr::with_exposed_provenance::<u8>(from as usize);
        // SAFETY: the caller's: within an allocation of this process.
        unsafe { std::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    unsafe fn launch(&self, launch: &Launch) -> Result<(), Failure> {
        let Launch { kernel, blocks, threads, words, variant } = launch;
        let Some(code) = self.kernels.kernels.get(&(*kernel, *variant)) else {
            return Err(format!("there is no kernel `{kernel}`"));
        };
        // SAFETY: the caller's, and the words are the kernel's arguments.
        unsafe { code(words.get().as_ptr(), blocks.as_ptr(), *threads) };
        Ok(())
    }

    fn wait(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Work is done at once.
    fn apart(&self) -> Result<Arc<dyn Device>, Failure> {
        Ok(Arc::new(self.clone()))
    }

    fn has_library(&self) -> bool {
        self.has_library
    }

    fn convolution(
        &self,
        problem: &Problem,
        most: Option<usize>,
        _: bool,
    ) -> Result<Option<Arc<dyn Planned>>, Failure> {
        let plain = Plain::new(problem, most).filter(|_| self.has_library);
        Ok(plain.map(|plain| Arc::new(plain) as Arc<dyn Planned>))
    }

    fn known_milliseconds(&self, _: &Problem, _: Option<usize>) -> Option<f32> {
        None
    }

    fn record(&self, _: &mut dyn FnMut() -> Result<(), Failure>) -> Result<Option<Box<dyn Recording>>, Failure> {
        Ok(None)
    }
}

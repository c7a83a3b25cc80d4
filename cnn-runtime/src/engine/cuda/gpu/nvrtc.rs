//! NVRTC, NVIDIA's compiler at run time. It needs no graphics processor, and there is one for each version of CUDA.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use libloading::Library;

use super::libraries;
use crate::engine::cuda::device::Failure;

/// As systems call it, whatever their version of CUDA.
const NAMES: [&str; 5] = ["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "nvrtc64_130_0.dll", "nvrtc64_120_0.dll"];

/// NVRTC's functions. All return 0 where nothing fails.
#[derive(Debug)]
pub(super) struct Nvrtc {
    create: unsafe extern "C" fn(*mut Raw, *const c_char, *const c_char, c_int, *const c_void, *const c_void) -> c_int,
    compile: unsafe extern "C" fn(Raw, c_int, *const *const c_char) -> c_int,
    log_size: unsafe extern "C" fn(Raw, *mut usize) -> c_int,
    log: unsafe extern "C" fn(Raw, *mut c_char) -> c_int,
    code_size: unsafe extern "C" fn(Raw, *mut usize) -> c_int,
    code: unsafe extern "C" fn(Raw, *mut c_char) -> c_int,
    destroy: unsafe extern "C" fn(*mut Raw) -> c_int,
    /// Holds them.
    _library: Library,
}

/// NVRTC's own name for a program.
type Raw = *mut c_void;

/// A program, as long as it is wanted.
struct Program<'a>(&'a Nvrtc, Raw);

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `create`, and nobody has it any more. Nobody is left to be told of a failure.
        unsafe { (self.0.destroy)(&mut self.1) };
    }
}

fn checked(status: c_int, what: &str) -> Result<(), Failure> {
    if status == 0 { Ok(()) } else { Err(format!("NVRTC: {what} fails with status {status}")) }
}

impl Nvrtc {
    /// Loads it once for all.
    pub fn shared() -> Result<&'static Nvrtc, Failure> {
        static ONE: OnceLock<Result<Nvrtc, Failure>> = OnceLock::new();
        ONE.get_or_init(Nvrtc::load).as_ref().map_err(Clone::clone)
    }

    fn load() -> Result<Nvrtc, Failure> {
        let library = libraries::open(&NAMES, "libnvrtc").ok_or(
            "libnvrtc, which compiles the kernels, is missing: install the CUDA toolkit, or `pip install \
             nvidia-cuda-nvrtc` and set LD_LIBRARY_PATH to its folder",
        )?;
        // SAFETY: each function is of the type that NVIDIA's header gives it, which has been the same since CUDA 11.1.
        unsafe {
            Ok(Nvrtc {
                create: function(&library, c"nvrtcCreateProgram")?,
                compile: function(&library, c"nvrtcCompileProgram")?,
                log_size: function(&library, c"nvrtcGetProgramLogSize")?,
                log: function(&library, c"nvrtcGetProgramLog")?,
                code_size: function(&library, c"nvrtcGetCUBINSize")?,
                code: function(&library, c"nvrtcGetCUBIN")?,
                destroy: function(&library, c"nvrtcDestroyProgram")?,
                _library: library,
            })
        }
    }

    /// Machine code for a kind of graphics processor, such as `sm_90`.
    pub fn compile(&self, source: &str, architecture: &str) -> Result<Vec<u8>, Failure> {
        let text = |text: &str| CString::new(text).map_err(|error| error.to_string());
        let (source, mut raw) = (text(source)?, ptr::null_mut());
        // SAFETY: a text that ends with a zero; no name, no headers.
        let status = unsafe { (self.create)(&mut raw, source.as_ptr(), ptr::null(), 0, ptr::null(), ptr::null()) };
        checked(status, "making a program")?;
        let program = Program(self, raw);
        let options = [text(&format!("--gpu-architecture={architecture}"))?, text("--std=c++17")?];
        let options = options.each_ref().map(|option| option.as_ptr());
        // SAFETY: a program, and so many texts that end with zeros.
        if unsafe { (self.compile)(program.1, options.len() as c_int, options.as_ptr()) } != 0 {
            let log = program.bytes(self.log_size, self.log)?;
            let log = CStr::from_bytes_until_nul(&log).unwrap_or_default().to_string_lossy();
            return Err(format!("NVRTC refuses the kernels for {architecture}:\n{log}"));
        }
        program.bytes(self.code_size, self.code)
    }
}

/// A function by its name.
///
/// # Safety
/// It is of this type.
unsafe fn function<T: Copy>(library: &Library, name: &CStr) -> Result<T, Failure> {
    // SAFETY: the caller's.
    unsafe { library.get::<T>(name.to_bytes_with_nul()) }.map(|function| *function).map_err(|error| error.to_string())
}

impl Program<'_> {
    /// What a pair of functions gives: its length, then its bytes.
    fn bytes(
        &self,
        size: unsafe extern "C" fn(Raw, *mut usize) -> c_int,
        fill: unsafe extern "C" fn(Raw, *mut c_char) -> c_int,
    ) -> Result<Vec<u8>, Failure> {
        let mut len = 0;
        // SAFETY: a program; one number is written.
        checked(unsafe { size(self.1, &mut len) }, "asking for a length")?;
        let mut bytes = vec![0u8; len];
        // SAFETY: a program; so many bytes are written.
        checked(unsafe { fill(self.1, bytes.as_mut_ptr().cast()) }, "asking for its result")?;
        Ok(bytes)
    }
}

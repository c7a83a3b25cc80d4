//! Whether there is a matrix unit, and the shapes of its registers.

use std::arch::asm;
use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::ROWS;

/// Whether processor and system have it for this process.
pub(in super::super) fn is_here() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| has_instructions() && may_use())
}

fn has_instructions() -> bool {
    if !is_x86_feature_detected!("avx512bf16") || !is_x86_feature_detected!("xsave") {
        return false;
    }
    // Leaf 7 of processors that have AVX-512; bits 22 and 24 are AMX-BF16 and AMX-TILE.
    let features = __cpuid_count(7, 0).edx;
    let unit = features >> 22 & 1 == 1 && features >> 24 & 1 == 1;
    // SAFETY: the processor has XSAVE.
    let saved = unsafe { states() };
    // The system saves both the registers and their shapes.
    unit && saved >> 17 & 3 == 3
}

/// # Safety
/// The processor has XSAVE.
#[target_feature(enable = "xsave")]
unsafe fn states() -> u64 {
    // SAFETY: register 0 is there where XSAVE is, which the system uses where AVX-512 is seen.
    unsafe { _xgetbv(0) }
}

/// Linux gives the registers, which are large, to processes that ask.
#[cfg(target_os = "linux")]
fn may_use() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: no memory is handed over; a system that knows neither answers with an error.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn may_use() -> bool {
    false
}

/// What `ldtilecfg` reads: eight registers of 16 rows, 64 bytes each.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static SHAPES: Shapes = {
    let mut shapes = Shapes { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
    let mut register = 0;
    while register < 8 {
        (shapes.row_bytes[register], shapes.rows[register]) = (64, ROWS as u8);
        register += 1;
    }
    shapes
};

/// While it lives this thread's matrix registers have their shapes, and nothing else uses them.
pub(in super::super) struct Unit(std::marker::PhantomData<*const ()>);

impl Unit {
    /// # Safety
    /// [`is_here`] said yes.
    pub unsafe fn begin() -> Unit {
        // SAFETY: the shapes are valid ones; rustc's own code has no matrix registers.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const SHAPES, options(nostack, readonly, preserves_flags)) };
        Unit(std::marker::PhantomData)
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // SAFETY: frees the registers, so that threads that are switched to and from need not save them.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

//! Loops compiled for the vectors that the processor has. The crate is built for the least of its kind (SSE2); what is
//! inlined into [`wide`] is compiled again for AVX2 and AVX-512, and the processor is asked which to run.
//!
//! The copies do the same operations in the same order (rustc fuses no multiply with an add), so they agree to the bit.

/// Runs `f`, which is a loop or a few, compiled for the widest vectors. What it calls has to be inlined to gain by that.
#[inline]
pub(crate) fn wide<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
        {
            // SAFETY: the processor has just been asked for these.
            return unsafe { x86::avx512(f) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above
            return unsafe { x86::avx2(f) };
        }
    }
    f()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2")]
    pub(super) unsafe fn avx512<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn avx2<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
}

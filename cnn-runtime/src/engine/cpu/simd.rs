//! Vectors of f32: AVX-512, AVX2 with FMA, and a portable form which becomes NEON or SSE2.
//!
//! Kernels are written once over [`Simd`] and compiled for each kind; [`Isa`] says at run time which the processor has.

/// A kind of vectors that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Four numbers at a time, without intrinsics.
    Portable,
    /// Eight numbers, 16 registers.
    Avx2,
    /// Sixteen numbers, 32 registers.
    Avx512,
}

impl Isa {
    /// The widest kind that this processor has.
    pub fn best() -> Isa {
        Isa::all().last().copied().unwrap_or(Isa::Portable)
    }

    /// Every kind that this processor has, narrowest first.
    pub fn all() -> &'static [Isa] {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw");
            if avx2 && avx512 {
                return &[Isa::Portable, Isa::Avx2, Isa::Avx512];
            }
            if avx2 {
                return &[Isa::Portable, Isa::Avx2];
            }
        }
        &[Isa::Portable]
    }

    /// Numbers in a vector.
    pub fn lanes(self) -> usize {
        match self {
            Isa::Portable => Portable::LANES,
            Isa::Avx2 => 8,
            Isa::Avx512 => 16,
        }
    }

    /// Vectors that a kernel may sum up in registers.
    pub fn accumulators(self) -> usize {
        match self {
            Isa::Portable => 12,
            Isa::Avx2 => 12,
            Isa::Avx512 => 28,
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "AVX2",
            Isa::Avx512 => "AVX-512",
        }
    }
}

/// Vectors of `LANES` numbers.
///
/// # Safety
/// Of all functions: the processor has the kind's instructions, and pointers are good for as many numbers as are loaded or
/// stored; they need no alignment. SAFETY of the blocks in implementations: each is one instruction, whose conditions these are.
pub(super) trait Simd: Copy {
    /// A vector.
    type V: Copy;
    /// Its numbers.
    type Lanes: AsMut<[f32]> + Copy;
    /// How many.
    const LANES: usize;

    unsafe fn zero() -> Self::V;
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, v: Self::V);
    /// The first `count` numbers, at most `LANES`; zeros behind them.
    unsafe fn load_first(from: *const f32, count: usize) -> Self::V;
    /// Stores the first `count` numbers, at most `LANES`.
    unsafe fn store_first(to: *mut f32, v: Self::V, count: usize);
    /// Brings what lies there nearer; nothing need lie there.
    #[inline(always)]
    unsafe fn prefetch(_at: *const f32) {}
    /// `a b + c`
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// `yes` where `x > y` or x is not a number, `no` elsewhere.
    unsafe fn above(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// `yes` where `x == y`, `no` elsewhere.
    unsafe fn equal(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    unsafe fn lanes(v: Self::V) -> Self::Lanes;
    unsafe fn vector(lanes: Self::Lanes) -> Self::V;

    /// `f` of each number.
    #[inline(always)]
    unsafe fn map(v: Self::V, f: impl Fn(f32) -> f32) -> Self::V {
        unsafe {
            let mut lanes = Self::lanes(v);
            lanes.as_mut().iter_mut().for_each(|x| *x = f(*x));
            Self::vector(lanes)
        }
    }
}

/// Arrays that compilers turn into the vectors of whatever the crate is built for.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Simd for Portable {
    type V = [f32; 4];
    type Lanes = [f32; 4];
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self::V {
        [0.0; 4]
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        unsafe { to.cast::<[f32; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self::V {
        std::array::from_fn(|i| if i < count { unsafe { *from.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, v: Self::V, count: usize) {
        v.iter().take(count).enumerate().for_each(|(i, &x)| unsafe { *to.add(i) = x });
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Where there is no such instruction, `mul_add` would be a call.
        let fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        std::array::from_fn(|i| if fused { a[i].mul_add(b[i], c[i]) } else { a[i] * b[i] + c[i] })
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn above(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        std::array::from_fn(|i| if x[i] > y[i] || x[i].is_nan() { yes[i] } else { no[i] })
    }
    #[inline(always)]
    unsafe fn equal(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        std::array::from_fn(|i| if x[i] == y[i] { yes[i] } else { no[i] })
    }
    #[inline(always)]
    unsafe fn lanes(v: Self::V) -> Self::Lanes {
        v
    }
    #[inline(always)]
    unsafe fn vector(lanes: Self::Lanes) -> Self::V {
        lanes
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Simd;

    /// AVX-512: F, VL, DQ and BW.
    #[derive(Clone, Copy)]
    pub struct Avx512;

    #[inline(always)]
    fn first16(count: usize) -> __mmask16 {
        ((1u32 << count) - 1) as __mmask16
    }

    impl Simd for Avx512 {
        type V = __m512;
        type Lanes = [f32; 16];
        const LANES: usize = 16;

        #[inline(always)]
        unsafe fn zero() -> Self::V {
            unsafe { _mm512_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            unsafe { _mm512_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::V {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: Self::V) {
            unsafe { _mm512_storeu_ps(to, v) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> Self::V {
            unsafe { _mm512_maskz_loadu_ps(first16(count), from) }
        }
        #[inline(always)]
        unsafe fn store_first(to: *mut f32, v: Self::V, count: usize) {
            unsafe { _mm512_mask_storeu_ps(to, first16(count), v) }
        }
        #[inline(always)]
        unsafe fn prefetch(at: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
        }
        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn above(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V {
            unsafe {
                let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, y) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
                _mm512_mask_blend_ps(above, no, yes)
            }
        }
        #[inline(always)]
        unsafe fn equal(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V {
            unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(x, y), no, yes) }
        }
        #[inline(always)]
        unsafe fn lanes(v: Self::V) -> Self::Lanes {
            // SAFETY: a vector is its numbers.
            unsafe { std::mem::transmute(v) }
        }
        #[inline(always)]
        unsafe fn vector(lanes: Self::Lanes) -> Self::V {
            // SAFETY: as above.
            unsafe { std::mem::transmute(lanes) }
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_max_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_min_ps(a, b) }
        }
    }

    /// AVX2 and FMA.
    #[derive(Clone, Copy)]
    pub struct Avx2;

    /// Eight ones, then eight zeros: a mask begins where it has as many ones as are wanted.
    static MASK: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

    #[inline(always)]
    unsafe fn first8(count: usize) -> __m256i {
        debug_assert!(count <= 8);
        unsafe { _mm256_loadu_si256(MASK.as_ptr().add(8 - count).cast()) }
    }

    impl Simd for Avx2 {
        type V = __m256;
        type Lanes = [f32; 8];
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn zero() -> Self::V {
            unsafe { _mm256_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::V {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: Self::V) {
            unsafe { _mm256_storeu_ps(to, v) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> Self::V {
            unsafe { _mm256_maskload_ps(from, first8(count)) }
        }
        #[inline(always)]
        unsafe fn store_first(to: *mut f32, v: Self::V, count: usize) {
            unsafe { _mm256_maskstore_ps(to, first8(count), v) }
        }
        #[inline(always)]
        unsafe fn prefetch(at: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
        }
        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn above(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V {
            unsafe {
                let above = _mm256_or_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(x, y), _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
                _mm256_blendv_ps(no, yes, above)
            }
        }
        #[inline(always)]
        unsafe fn equal(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V {
            unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_EQ_OQ>(x, y)) }
        }
        #[inline(always)]
        unsafe fn lanes(v: Self::V) -> Self::Lanes {
            // SAFETY: a vector is its numbers.
            unsafe { std::mem::transmute(v) }
        }
        #[inline(always)]
        unsafe fn vector(lanes: Self::Lanes) -> Self::V {
            // SAFETY: as above.
            unsafe { std::mem::transmute(lanes) }
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_max_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_min_ps(a, b) }
        }
    }
}

/// Compiles a kernel for every kind of vectors: from `kernel<S: Simd, …>` modules `avx512`, `avx2` and `portable` with
/// `kernel<…>` in them. The kernel and all that it calls must be `#[inline(always)]`.
macro_rules! compiled {
    ($kernel:ident$(<$($number:ident),+>)?($($name:ident: $type:ty),*)) => {
        #[cfg(target_arch = "x86_64")]
        mod avx512 {
            use super::*;
            /// # Safety
            /// The processor has AVX-512, and the kernel's own conditions hold.
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
            pub(super) unsafe fn $kernel$(<$(const $number: usize),+>)?($($name: $type),*) {
                // SAFETY: the caller's.
                unsafe { super::$kernel::<$crate::engine::cpu::simd::Avx512 $($(, $number)+)?>($($name),*) }
            }
        }
        #[cfg(target_arch = "x86_64")]
        mod avx2 {
            use super::*;
            /// # Safety
            /// The processor has AVX2 and FMA, and the kernel's own conditions hold.
            #[target_feature(enable = "avx2,fma")]
            pub(super) unsafe fn $kernel$(<$(const $number: usize),+>)?($($name: $type),*) {
                // SAFETY: the caller's.
                unsafe { super::$kernel::<$crate::engine::cpu::simd::Avx2 $($(, $number)+)?>($($name),*) }
            }
        }
        mod portable {
            use super::*;
            /// # Safety
            /// The kernel's own conditions hold.
            pub(super) unsafe fn $kernel$(<$(const $number: usize),+>)?($($name: $type),*) {
                // SAFETY: the caller's.
                unsafe { super::$kernel::<$crate::engine::cpu::simd::Portable $($(, $number)+)?>($($name),*) }
            }
        }
    };
}
pub(super) use compiled;

/// The kernel compiled for the kind of vectors.
macro_rules! for_isa {
    ($isa:expr, $kernel:ident$(::<$($number:tt),+>)?) => {
        match $isa {
            #[cfg(target_arch = "x86_64")]
            $crate::engine::cpu::simd::Isa::Avx512 => avx512::$kernel$(::<$($number),+>)?,
            #[cfg(target_arch = "x86_64")]
            $crate::engine::cpu::simd::Isa::Avx2 => avx2::$kernel$(::<$($number),+>)?,
            _ => portable::$kernel$(::<$($number),+>)?,
        }
    };
}
pub(super) use for_isa;

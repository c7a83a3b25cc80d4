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
    /// Stores past the caches, at a multiple of a vector's bytes. Other threads see it after a fence.
    #[inline(always)]
    unsafe fn stream(to: *mut f32, v: Self::V) {
        unsafe { Self::store(to, v) }
    }
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
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sqrt(a: Self::V) -> Self::V;
    /// The larger; b where either is not a number.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// The smaller; b where either is not a number.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// The nearest whole number, up to 2^22.
    unsafe fn round(a: Self::V) -> Self::V;
    /// 2^n; n a whole number from -126 to 127.
    unsafe fn power2(n: Self::V) -> Self::V;
    /// `yes` where `x > y` or x is not a number, `no` elsewhere.
    unsafe fn above(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// `yes` where `x == y`, `no` elsewhere.
    unsafe fn equal(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    unsafe fn lanes(v: Self::V) -> Self::Lanes;
    unsafe fn vector(lanes: Self::Lanes) -> Self::V;

    /// Without their signs.
    #[inline(always)]
    unsafe fn abs(a: Self::V) -> Self::V {
        unsafe { Self::max(Self::sub(Self::zero(), a), a) }
    }

    /// All numbers added up, always in the same order.
    #[inline(always)]
    unsafe fn sum(v: Self::V) -> f32 {
        unsafe {
            let mut lanes = Self::lanes(v);
            let lanes = lanes.as_mut();
            let mut count = Self::LANES;
            while count > 1 {
                count /= 2;
                for i in 0..count {
                    lanes[i] += lanes[i + count];
                }
            }
            lanes[0]
        }
    }

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

/// A kind of vectors by a line for each instruction.
macro_rules! vectors {
    ($kind:ty, $v:ty, $count:literal; $(fn $name:ident($($x:ident: $type:ty),*) $(-> $result:ty)? = $body:expr;)*) => {
        impl Simd for $kind {
            type V = $v;
            type Lanes = [f32; $count];
            const LANES: usize = $count;
            $(
                #[inline(always)]
                unsafe fn $name($($x: $type),*) $(-> $result)? {
                    #[allow(unused_unsafe, reason = "arithmetic on arrays needs none")]
                    unsafe { $body }
                }
            )*
        }
    };
}

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(super) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

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

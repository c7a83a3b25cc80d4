//! Squares of weight gradients.

use std::arch::asm;
use std::mem::MaybeUninit;

use super::{Product, ROWS};

macro_rules! product {
    ($name:ident, clear: [$($clear:literal)*], step: [$($step:literal)*], store: [$($store:literal)*]) => {
        /// All pixels.
        ///
        /// # Safety
        /// As of [`Product::add`].
        #[inline(always)]
        unsafe fn $name(p: &Product, to: *mut f32) {
            // SAFETY: the caller's. Reads what is packed, and writes the squares.
            unsafe {
                asm!(
                    $($clear,)*
                    "2:",
                    "mov {left}, {steps}",
                    "3:",
                    $($step,)*
                    "add {a}, 64",
                    "add {c}, 64",
                    "add {d}, 1024",
                    "add {e}, 1024",
                    "dec {left}",
                    "jnz 3b",
                    "add {a}, {jump}",
                    "add {c}, {jump}",
                    "dec {sequences}",
                    "jnz 2b",
                    $($store,)*
                    a = inout(reg) p.x => _,
                    c = inout(reg) p.x.wrapping_add(ROWS * p.x_pitch) => _,
                    d = inout(reg) p.dy => _,
                    e = inout(reg) p.dy.wrapping_add(p.dy_pitch) => _,
                    far = in(reg) p.x_pitch * size_of::<f32>(),
                    row = in(reg) 64usize,
                    steps = in(reg) p.steps,
                    sequences = inout(reg) p.sequences => _,
                    jump = in(reg) p.jump * size_of::<f32>() as isize,
                    to = in(reg) to,
                    left = out(reg) _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    };
}

product!(one,
    clear: ["tilezero tmm0"],
    step: ["tileloadd tmm4, [{a} + {far}]" "tileloadd tmm6, [{d} + {row}]" "tdpbf16ps tmm0, tmm4, tmm6"],
    store: ["tilestored [{to} + {row}], tmm0"]);
product!(two_of_channels,
    clear: ["tilezero tmm0" "tilezero tmm1"],
    step: ["tileloadd tmm6, [{d} + {row}]" "tileloadd tmm4, [{a} + {far}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm5, [{c} + {far}]" "tdpbf16ps tmm1, tmm5, tmm6"],
    store: ["tilestored [{to} + {row}], tmm0" "tilestored [{to} + {row} + 1024], tmm1"]);
product!(two_of_filters,
    clear: ["tilezero tmm0" "tilezero tmm2"],
    step: ["tileloadd tmm4, [{a} + {far}]" "tileloadd tmm6, [{d} + {row}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm7, [{e} + {row}]" "tdpbf16ps tmm2, tmm4, tmm7"],
    store: ["tilestored [{to} + {row}], tmm0" "tilestored [{to} + {row} + 2048], tmm2"]);
product!(four,
    clear: ["tilezero tmm0" "tilezero tmm1" "tilezero tmm2" "tilezero tmm3"],
    step: ["tileloadd tmm4, [{a} + {far}]" "tileloadd tmm6, [{d} + {row}]" "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm5, [{c} + {far}]" "tdpbf16ps tmm1, tmm5, tmm6"
        "tileloadd tmm7, [{e} + {row}]" "tdpbf16ps tmm2, tmm4, tmm7" "tdpbf16ps tmm3, tmm5, tmm7"],
    store: ["tilestored [{to} + {row}], tmm0" "tilestored [{to} + {row} + 1024], tmm1"
        "tilestored [{to} + {row} + 2048], tmm2" "tilestored [{to} + {row} + 3072], tmm3"]);

/// A square of sums.
type Square = [f32; ROWS * ROWS];

impl Product {
    /// # Safety
    /// A [`Unit`](super::Unit) of this thread lives; there are so many words and sums, at which nobody else is.
    pub(in super::super) unsafe fn add(&self) {
        if self.sequences == 0 || self.steps == 0 {
            return;
        }
        #[repr(C, align(64))]
        struct Squares(MaybeUninit<[[Square; 2]; 2]>);
        let mut made = Squares(MaybeUninit::uninit());
        let to = made.0.as_mut_ptr().cast::<f32>();
        // SAFETY: the caller's. Kernels write as many squares as are read.
        unsafe {
            match self.squares {
                [1, 1] => one(self, to),
                [_, 1] => two_of_channels(self, to),
                [1, _] => two_of_filters(self, to),
                [_, _] => four(self, to),
            }
            for f in 0..self.squares[1] {
                let len = self.squares[0] * ROWS * ROWS;
                let sums = std::slice::from_raw_parts_mut(self.sums.add(f * self.sums_pitch), len);
                let made = std::slice::from_raw_parts(to.add(f * 2 * ROWS * ROWS), len);
                crate::kernels::wide(|| sums.iter_mut().zip(made).for_each(|(sum, made)| *sum += made));
            }
        }
    }
}

//! Windows that slide over a map: of convolutions and pools.

use crate::graph::fault::Fault;
use crate::graph::op::{Conv, Op, Pool};

/// How many times a window fits.
///
/// `⌊(size + pads − dilation·(kernel − 1) − 1) / stride⌋ + 1`; with `ceil` the quotient is rounded up, unless the last
/// window would begin in the padding behind.
fn windows(size: usize, pad: [usize; 2], kernel: usize, stride: usize, dilation: usize, ceil: bool) -> Option<usize> {
    let extent = dilation.checked_mul(kernel - 1)?.checked_add(1)?;
    let room = size.checked_add(pad[0])?.checked_add(pad[1])?.checked_sub(extent)?;
    let mut count = room / stride + 1;
    if ceil && !room.is_multiple_of(stride) && count * stride < size + pad[0] {
        count += 1;
    }
    Some(count)
}

/// A window of one operation.
pub struct Window<'a> {
    op: &'a Op,
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 4],
    dilation: [usize; 2],
    ceil: bool,
}

impl<'a> Window<'a> {
    pub fn of_conv(op: &'a Op, conv: &Conv) -> Window<'a> {
        let Conv { kernel, stride, pad, dilation, .. } = *conv;
        Window { op, kernel, stride, pad, dilation, ceil: false }
    }

    pub fn of_pool(op: &'a Op, pool: &Pool) -> Window<'a> {
        let Pool { kernel, stride, pad, dilation, ceil } = *pool;
        Window { op, kernel, stride, pad, dilation, ceil }
    }

    /// How often it fits into height and width.
    pub fn output(&self, height: usize, width: usize) -> Result<[usize; 2], Fault> {
        let one = |axis: usize, size: usize| {
            let pad = [self.pad[2 * axis], self.pad[2 * axis + 1]];
            windows(size, pad, self.kernel[axis], self.stride[axis], self.dilation[axis], self.ceil).ok_or_else(|| {
                let word = ["height", "width"][axis];
                let extent = self.dilation[axis].saturating_mul(self.kernel[axis] - 1).saturating_add(1);
                let spread = if self.dilation[axis] > 1 {
                    format!(" (kernel {} with dilation {})", self.kernel[axis], self.dilation[axis])
                } else {
                    String::new()
                };
                let padded = if pad == [0, 0] { String::new() } else { format!(" plus {} of padding", pad[0] + pad[1]) };
                Fault::new(format!(
                    "{}'s window covers {extent} of the {word}{spread}, but its input {height}x{width} has {size}{padded}",
                    self.op.keyword()
                ))
                .at("kernel")
                .help(format!(
                    "make the kernel at most {}, add padding, or shrink the input less before it",
                    (size + pad[0] + pad[1] - 1) / self.dilation[axis] + 1
                ))
            })
        };
        Ok([one(0, height)?, one(1, width)?])
    }
}

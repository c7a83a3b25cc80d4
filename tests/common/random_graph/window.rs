//! Windows that fit.

use super::random::Random;

/// A window with its arguments as text and the size of its output. Pairs are height, width.
pub(super) struct Window {
    pub kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pad: Pad,
    ceil: bool,
    pub output: [usize; 2],
}

#[derive(Clone, Copy)]
enum Pad {
    Same,
    Zeros([usize; 4]),
}

/// What may be drawn of a window.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Padding at most half of the window, ceil mode, the stride the kernel by default.
    pub pool: bool,
    /// Neighbouring taps may be apart.
    pub dilation: bool,
    /// The output has the size of the input.
    pub keep: bool,
}

impl Window {
    /// One that fits into this map at least once, each window with an input in it.
    pub fn draw(random: &mut Random, size: [usize; 2], kind: Kind) -> Window {
        for _ in 0..20 {
            if let Some(window) = Window::attempt(random, size, kind) {
                return window;
            }
        }
        let (ones, pad) = ([1, 1], Pad::Zeros([0; 4]));
        Window { kernel: ones, stride: ones, dilation: ones, pad, ceil: false, output: size }
    }

    fn attempt(random: &mut Random, size: [usize; 2], kind: Kind) -> Option<Window> {
        let kernel = pair(random, &[1, 2, 3, 3, 3, 4, 5]);
        let stride = if kind.keep { [1, 1] } else { pair(random, &[1, 1, 1, 2, 2, 3]) };
        let dilation = if kind.dilation && random.chance(25) { pair(random, &[1, 2, 2]) } else { [1, 1] };
        let ceil = kind.pool && !kind.keep && random.chance(40);
        let reach = [0, 1].map(|axis| dilation[axis] * (kernel[axis] - 1) + 1);
        let most = |axis: usize| if kind.pool { reach[axis] / 2 } else { reach[axis].min(3) };
        let pad = match random.within(0, 4) {
            _ if kind.keep => Pad::Same,
            0 => Pad::Zeros([0; 4]),
            1 => Pad::Zeros([most(0).min(most(1)).min(1); 4]),
            2 => {
                let [rows, cols] = [0, 1].map(|axis| random.within(0, most(axis)));
                Pad::Zeros([rows, rows, cols, cols])
            }
            3 => Pad::Zeros([0, 1, 2, 3].map(|side| random.within(0, most(side / 2)))),
            _ => Pad::Same,
        };
        let mut output = [0; 2];
        for axis in [0, 1] {
            let [before, after] = match pad {
                Pad::Zeros(pad) => [pad[2 * axis], pad[2 * axis + 1]],
                Pad::Same => {
                    let out = size[axis].div_ceil(stride[axis]);
                    let total = ((out - 1) * stride[axis] + reach[axis]).saturating_sub(size[axis]);
                    [total / 2, total - total / 2]
                }
            };
            let room = (size[axis] + before + after).checked_sub(reach[axis])?;
            output[axis] = room / stride[axis] + 1;
            if ceil && room % stride[axis] != 0 && output[axis] * stride[axis] < size[axis] + before {
                output[axis] += 1;
            }
            // A window of padding alone has no maximum.
            let taps = |o: usize| (0..kernel[axis]).map(move |tap| o * stride[axis] + tap * dilation[axis]);
            let inside = |place: usize| place >= before && place < before + size[axis];
            if kind.pool && !(0..output[axis]).all(|o| taps(o).any(inside)) {
                return None;
            }
        }
        Some(Window { kernel, stride, dilation, pad, ceil, output })
    }

    /// The arguments behind the kernel.
    pub fn arguments(&self, random: &mut Random, pool: bool) -> String {
        let mut text = String::new();
        let default = if pool { self.kernel } else { [1, 1] };
        if self.stride != default || random.chance(20) {
            text += &format!(", stride = {}", pair_text(self.stride));
        }
        match self.pad {
            Pad::Same => text += ", pad = same",
            Pad::Zeros([0, 0, 0, 0]) => {}
            Pad::Zeros([top, bottom, left, right]) if top == bottom && left == right => {
                text += &format!(", pad = {}", pair_text([top, left]));
            }
            Pad::Zeros(pad) => text += &format!(", pad = {pad:?}"),
        }
        if self.dilation != [1, 1] {
            text += &format!(", dilation = {}", pair_text(self.dilation));
        }
        if self.ceil {
            text += ", ceil = true";
        }
        text
    }
}

/// Often the same along both axes.
pub(super) fn pair(random: &mut Random, choices: &[usize]) -> [usize; 2] {
    let first = random.pick(choices);
    if random.chance(70) { [first, first] } else { [first, random.pick(choices)] }
}

/// `3` or `[3, 1]`: a size such as `0x1` would be no number of Rust's.
pub(super) fn pair_text([first, second]: [usize; 2]) -> String {
    match first == second {
        true => first.to_string(),
        false if first > 0 => format!("{first}x{second}"),
        false => format!("[{first}, {second}]"),
    }
}

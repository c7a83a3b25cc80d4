//! Blocks with arguments, and calls of them.

use cnn_lang::graph::Shape;

use super::layers::with_channels;
use super::writer::{Drawn, Writer};

impl Writer {
    /// A call, perhaps repeated; the definition is written once.
    pub(super) fn block(&mut self, shape: Shape) -> Drawn {
        let Shape::Map { channels, height, width } = shape else { return self.own_block(shape) };
        let (norm, act) = match (self.options.bn, self.options.smooth) {
            (true, true) => ("bn(eps = 0.05)", "silu"),
            (true, false) => ("bn(eps = 0.05)", "relu"),
            (false, true) => ("gn(1, eps = 0.05)", "silu"),
            (false, false) => ("gn(1, eps = 0.05)", "relu"),
        };
        match self.random.within(0, 3) {
            0 => {
                self.define("unit", format!(
                    "block unit(out, stride = 1) {{ add {{ {{ conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: {norm} -> {act} \
                     -> conv2: conv(out, 3, pad = 1, bias = false) -> bn2: {norm} }}; {{ if stride != 1 || in.channels != out \
                     {{ down: {{ conv(out, 1, stride, bias = false) -> {norm} }} }} }}; }} -> {act} }}"
                ));
                let (out, stride) = (self.random.within(1, 8), self.random.within(1, 2));
                let shape = Shape::map(out, height.div_ceil(stride), width.div_ceil(stride));
                match (stride, self.random.within(1, 3)) {
                    (1, times) => (format!("unit({out}) * {times}"), shape),
                    _ => (format!("unit({out}, stride = {stride})"), shape),
                }
            }
            1 => {
                self.define("excite", format!(
                    "block excite(squeezed = 2) {{ let channels = in.channels; mul {{ identity; {{ adaptive_avgpool(1) \
                     -> conv(squeezed, 1) -> {act} -> conv(channels, 1) -> sigmoid }}; }} }}"
                ));
                (self.random.pick(&["excite", "excite(squeezed = 3)"]).to_owned(), shape)
            }
            2 => {
                let taps: Vec<String> = self
                    .taps
                    .iter()
                    .filter(|(_, tapped)| tapped.spatial() == Some([height, width]))
                    .map(|(name, _)| name.clone())
                    .collect();
                if taps.is_empty() {
                    return self.own_block(shape);
                }
                let tap = taps[self.random.within(0, taps.len() - 1)].clone();
                self.define("cell", format!(
                    "block cell(tensor prev, out) {{ add {{ conv(out, 1) -> {norm}; from prev -> conv(out, 1) -> {act}; }} }}"
                ));
                let out = self.random.within(1, channels.min(8));
                (format!("cell({tap}, {out})"), with_channels(shape, out))
            }
            _ => self.own_block(shape),
        }
    }

    /// A block of random steps for tensors of this size.
    fn own_block(&mut self, shape: Shape) -> Drawn {
        // A block sees nothing of its caller.
        let taps = std::mem::take(&mut self.taps);
        let repeated = std::mem::replace(&mut self.repeated, true);
        let (times, name) = (self.random.within(1, 3), format!("drawn{}", self.fresh()));
        let first = match shape {
            Shape::Map { .. } => "conv(channels, k, pad = same)",
            Shape::Vector(_) => "linear(channels + k - k)",
        };
        let mut steps = vec![first.to_owned()];
        for _ in 0..self.random.within(1, 3) {
            steps.push(self.keeping(shape));
        }
        self.define(&name, format!("block {name}(k = 3) {{ let channels = in.channels; {} }}", steps.join(" -> ")));
        self.taps = taps;
        self.repeated = repeated;
        let argument = self.random.pick(&["", "(1)", "(k = 2)"]);
        (format!("{name}{argument} * {times}"), shape)
    }

    fn define(&mut self, name: &str, text: String) {
        self.blocks.entry(name.to_owned()).or_insert(text);
    }
}

//! One layer for a tensor that arrives.

use cnn_lang::graph::Shape;

use super::window::{Kind, Window, pair, pair_text};
use super::writer::{Drawn, Writer};

const ANYWHERE: [&str; 25] = [
    "bn",
    "bn",
    "bn",
    "gn",
    "ln",
    "relu",
    "relu",
    "relu6",
    "leaky",
    "prelu",
    "sigmoid",
    "tanh",
    "silu",
    "hswish",
    "hsigmoid",
    "gelu",
    "softmax",
    "dropout",
    "drop_path",
    "identity",
    "shuffle",
    "scale",
    "affine",
    "select",
    "linear",
];
const ON_MAPS: [&str; 20] = [
    "conv",
    "conv",
    "conv",
    "conv",
    "conv",
    "dwconv",
    "dwconv",
    "linear",
    "lrn",
    "maxpool",
    "maxpool",
    "avgpool",
    "avgpool",
    "adaptive_avgpool",
    "pad",
    "shift",
    "upsample",
    "subsample",
    "pad_channels",
    "gap",
];
const NOT_SMOOTH: [&str; 7] = ["relu", "relu6", "leaky", "prelu", "hswish", "hsigmoid", "maxpool"];
const MOST_CHANNELS: usize = 24;
const MOST_PIXELS: usize = 400;

impl Writer {
    /// Any layer that takes this tensor.
    pub(super) fn layer(&mut self, shape: Shape) -> Drawn {
        loop {
            let on_maps = shape.spatial().is_some() && self.random.chance(60);
            let word = if on_maps { self.random.pick(&ON_MAPS) } else { self.random.pick(&ANYWHERE) };
            if let Some((text, shape)) = self.draw(word, shape) {
                let learns = ["conv", "dwconv", "linear", "bn", "gn", "ln", "affine", "prelu"].contains(&word);
                return (if learns { self.labelled(text) } else { text }, shape);
            }
        }
    }

    /// A layer that leaves the size as it is.
    pub(super) fn keeping(&mut self, shape: Shape) -> String {
        if let (Shape::Map { channels, .. }, true) = (shape, self.random.chance(40)) {
            let keep = true;
            return if self.random.chance(75) {
                self.conv(shape, Some(channels), keep).0
            } else {
                self.depthwise(shape, keep).0
            };
        }
        loop {
            let word = self.random.pick(&ANYWHERE);
            if let Some((text, _)) = self.draw(word, shape).filter(|(_, after)| *after == shape) {
                return text;
            }
        }
    }

    /// A function, not linear.
    pub(super) fn activation(&mut self) -> &'static str {
        match self.options.smooth {
            true => self.random.pick(&["silu", "tanh", "gelu"]),
            false => self.random.pick(&["relu", "relu", "relu6", "silu", "hswish", "gelu"]),
        }
    }

    /// A normalisation.
    pub(super) fn norm(&mut self, shape: Shape) -> String {
        let word = if self.options.bn { self.random.pick(&["bn", "bn", "bn", "gn"]) } else { "gn" };
        self.draw(word, shape).map_or_else(|| "ln(eps = 0.05)".to_owned(), |(text, _)| text)
    }

    fn draw(&mut self, word: &'static str, shape: Shape) -> Option<Drawn> {
        if self.options.smooth && NOT_SMOOTH.contains(&word) || !self.options.bn && word == "bn" {
            return None;
        }
        let channels = shape.channels();
        let same = |text: String| Some((text, shape));
        match (word, shape) {
            ("bn", _) => {
                let other = self.random.pick(&["", "", "affine = false", "momentum = 0.3"]);
                let eps = self.eps(shape.elements() / channels);
                same(call("bn", &[eps, other]))
            }
            ("gn", _) => {
                let groups = self.divisor(channels);
                let eps = self.eps(shape.elements() / groups);
                same(call("gn", &[&groups.to_string(), eps]))
            }
            ("ln", _) => same(call("ln", &[self.eps(channels)])),
            ("leaky", _) => same(self.random.pick(&["leaky", "leaky(0.2)"]).to_owned()),
            ("prelu", _) => same(self.random.pick(&["prelu", "prelu(per_channel = true)"]).to_owned()),
            ("dropout", _) => {
                let p = if self.options.stochastic { self.random.pick(&["0.5", "0.2"]) } else { "0.0" };
                same(format!("dropout({p})"))
            }
            ("drop_path", _) => {
                let p = if self.options.stochastic { self.random.pick(&["0.3", "0.1"]) } else { "0.0" };
                same(format!("drop_path({p})"))
            }
            ("shuffle", _) => same(format!("shuffle({})", self.divisor(channels))),
            ("scale", _) => same(format!("scale({})", self.random.pick(&["0.5", "-1.25", "1.5"]))),
            ("affine", _) => {
                same(self.random.pick(&["affine", "affine(bias = false)", "affine(init = 0.5)"]).to_owned())
            }
            ("select", _) => {
                let from = self.random.within(0, channels - 1);
                let to = self.random.within(from + 1, channels);
                Some((format!("select({from}, {to})"), with_channels(shape, to - from)))
            }
            ("linear", _) => {
                let out = self.random.within(1, 12);
                let pixelwise = if shape.spatial().is_some() { ", pixelwise = true" } else { "" };
                let bias = self.random.pick(&["", ", bias = false"]);
                Some((format!("linear({out}{bias}{pixelwise})"), with_channels(shape, out)))
            }
            ("conv", Shape::Map { .. }) => Some(self.conv(shape, None, false)),
            ("dwconv", Shape::Map { .. }) => Some(self.depthwise(shape, false)),
            ("maxpool" | "avgpool", Shape::Map { height, width, .. }) => {
                let kind = Kind { pool: true, dilation: word == "maxpool", keep: false };
                let window = Window::draw(&mut self.random, [height, width], kind);
                let mut arguments = window.arguments(&mut self.random, true);
                if word == "avgpool" {
                    arguments += self.random.pick(&["", ", count_pad = false"]);
                }
                let [height, width] = window.output;
                Some((format!("{word}({}{arguments})", pair_text(window.kernel)), Shape::map(channels, height, width)))
            }
            ("lrn", Shape::Map { .. }) => same(
                self.random
                    .pick(&["lrn(3, alpha = 0.5)", "lrn(5)", "lrn(2, alpha = 1.0, beta = 0.5, k = 2.0)"])
                    .to_owned(),
            ),
            ("adaptive_avgpool", Shape::Map { .. }) => {
                let [height, width] = pair(&mut self.random, &[1, 2, 3, 5, 7]);
                Some((format!("adaptive_avgpool({})", pair_text([height, width])), Shape::map(channels, height, width)))
            }
            ("pad", Shape::Map { height, width, .. }) => {
                let pad = [0; 4].map(|_: i32| self.random.within(0, 3) as i64 - 1);
                let [height, width] = [height as i64 + pad[0] + pad[1], width as i64 + pad[2] + pad[3]];
                let fits = height > 0 && width > 0 && height * width <= MOST_PIXELS as i64;
                fits.then(|| (format!("pad({pad:?})"), Shape::map(channels, height as usize, width as usize)))
            }
            ("shift", Shape::Map { .. }) => same(
                self.random.pick(&["shift(3)", "shift", "shift(1x3)", "shift(2)", "shift(3, dilation = 2)"]).to_owned(),
            ),
            ("upsample", Shape::Map { height, width, .. }) => {
                let scale = pair(&mut self.random, &[1, 2, 2, 3]);
                let mode = self.random.pick(&["", ", bilinear", ", mode = bilinear, align_corners = true"]);
                let [height, width] = [height * scale[0], width * scale[1]];
                let text = format!("upsample({}{mode})", pair_text(scale));
                (height * width <= MOST_PIXELS).then(|| (text, Shape::map(channels, height, width)))
            }
            ("subsample", Shape::Map { height, width, .. }) => {
                let stride = pair(&mut self.random, &[1, 2, 2, 3]);
                let shape = Shape::map(channels, height.div_ceil(stride[0]), width.div_ceil(stride[1]));
                Some((format!("subsample({})", pair_text(stride)), shape))
            }
            ("pad_channels", Shape::Map { .. }) => {
                let (before, after) = (self.random.within(0, 2), self.random.within(0, 3));
                let out = before + channels + after;
                let before = if before > 0 { format!(", before = {before}") } else { String::new() };
                (out <= MOST_CHANNELS).then(|| (format!("pad_channels({out}{before})"), with_channels(shape, out)))
            }
            // Behind these there is no map any more, so they are rare.
            ("gap", Shape::Map { height, width, .. }) if self.random.chance(30) => {
                let flat = channels * height * width;
                match flat <= 512 && self.random.chance(50) {
                    true => Some(("flatten".to_owned(), Shape::Vector(flat))),
                    false => Some(("gap".to_owned(), Shape::Vector(channels))),
                }
            }
            _ if ANYWHERE.contains(&word) => same(word.to_owned()),
            _ => None,
        }
    }

    /// What a normalisation of so many numbers of a sample adds to their variance. Few of them are often all but equal, and
    /// a small number would blow the error of rounding up to the size of the result.
    fn eps(&mut self, numbers: usize) -> &'static str {
        match numbers < 8 {
            true => self.random.pick(&["eps = 0.1", "eps = 0.05"]),
            false => self.random.pick(&["", "", "eps = 1e-3"]),
        }
    }

    /// A convolution, to so many channels if that is said.
    pub(super) fn conv(&mut self, shape: Shape, out: Option<usize>, keep: bool) -> Drawn {
        let (channels, size) = (shape.channels(), shape.spatial().unwrap_or([1, 1]));
        let groups = match out {
            _ if self.random.chance(60) => 1,
            None => self.divisor(channels),
            Some(out) => self.common_divisor(channels, out),
        };
        let out = out.unwrap_or_else(|| groups * self.random.within(1, (12 / groups).max(1)));
        let window = Window::draw(&mut self.random, size, Kind { pool: false, dilation: true, keep });
        let mut arguments = window.arguments(&mut self.random, false);
        if groups > 1 {
            arguments += &format!(", groups = {groups}");
        }
        if self.random.chance(40) {
            arguments += ", bias = false";
        }
        if groups == 1 && self.random.chance(10) {
            let table: Vec<Vec<usize>> = (0..out)
                .map(|_| {
                    let mut row: Vec<usize> = (0..channels).filter(|_| self.random.chance(50)).collect();
                    if row.is_empty() {
                        row.push(self.random.within(0, channels - 1));
                    }
                    row
                })
                .collect();
            arguments += &format!(", connect = {table:?}");
        } else if self.random.chance(15) {
            arguments += ", std = true";
        }
        let [height, width] = window.output;
        (format!("conv({out}, {}{arguments})", pair_text(window.kernel)), Shape::map(out, height, width))
    }

    fn depthwise(&mut self, shape: Shape, keep: bool) -> Drawn {
        let (channels, size) = (shape.channels(), shape.spatial().unwrap_or([1, 1]));
        let window = Window::draw(&mut self.random, size, Kind { pool: false, dilation: true, keep });
        let multiplier = if !keep && channels <= 8 && self.random.chance(25) { 2 } else { 1 };
        let mut arguments = window.arguments(&mut self.random, false);
        if multiplier > 1 {
            arguments += ", multiplier = 2";
        }
        arguments += self.random.pick(&["", ", bias = false"]);
        let [height, width] = window.output;
        (format!("dwconv({}{arguments})", pair_text(window.kernel)), Shape::map(channels * multiplier, height, width))
    }

    /// A number that divides this one.
    fn divisor(&mut self, of: usize) -> usize {
        self.common_divisor(of, of)
    }

    fn common_divisor(&mut self, a: usize, b: usize) -> usize {
        let divisors: Vec<usize> = (1..=a.min(b)).filter(|&n| a.is_multiple_of(n) && b.is_multiple_of(n)).collect();
        self.random.pick(&divisors)
    }
}

/// The word, with arguments in brackets if there are any.
fn call(word: &str, arguments: &[&str]) -> String {
    let given: Vec<&str> = arguments.iter().copied().filter(|argument| !argument.is_empty()).collect();
    if given.is_empty() { word.to_owned() } else { format!("{word}({})", given.join(", ")) }
}

/// The same height and width.
pub(super) fn with_channels(shape: Shape, channels: usize) -> Shape {
    match shape {
        Shape::Map { height, width, .. } => Shape::map(channels, height, width),
        Shape::Vector(_) => Shape::Vector(channels),
    }
}

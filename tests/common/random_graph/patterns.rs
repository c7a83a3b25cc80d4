//! What papers build from layers: residuals, dense chains, taps, repeats.

use cnn_lang::graph::Shape;

use super::layers::with_channels;
use super::writer::{Drawn, Writer};

impl Writer {
    /// Anything that is more than one layer; nothing where the draw does not fit here.
    pub(super) fn pattern(&mut self, shape: Shape) -> Option<Drawn> {
        match self.random.within(0, 17) {
            0 | 1 => Some(self.residual(shape)),
            2 | 3 => Some(self.sum(shape)),
            4 | 5 => Some(self.concatenation(shape)),
            6 => self.dense(shape),
            7 => Some(self.gate(shape)),
            8 => self.product(shape),
            9 => self.twice(shape),
            10 => self.tap(shape),
            11 | 12 => self.reader(shape),
            13 => Some(self.repeat(shape)),
            14 => Some(self.block(shape)),
            15 => self.auxiliary(shape),
            16 => Some(self.condition(shape)),
            _ => self.far_taps(shape),
        }
    }

    /// Convolution, normalisation and activation behind or, as He et al. 2016 have it, in front.
    fn unit(&mut self, shape: Shape, out: Option<usize>, keep: bool) -> Drawn {
        let (conv, after) = match shape {
            Shape::Map { .. } => self.conv(shape, out, keep),
            Shape::Vector(_) => {
                let out = out.unwrap_or_else(|| self.random.within(2, 10));
                (format!("linear({out})"), Shape::Vector(out))
            }
        };
        let act = self.activation();
        let text = match self.random.within(0, 2) {
            0 => format!("{} -> {act} -> {conv}", self.norm(shape)),
            1 => format!("{conv} -> {}", self.norm(after)),
            _ => format!("{conv} -> {} -> {act}", self.norm(after)),
        };
        (text, after)
    }

    /// `conv -> bn -> act -> add -> act`, with a projection where the size changes.
    fn residual(&mut self, shape: Shape) -> Drawn {
        let keep = self.repeated || self.random.chance(50);
        let (first, middle) = self.unit(shape, keep.then(|| shape.channels()), keep);
        let (second, after) = self.unit(middle, Some(middle.channels()), true);
        let shortcut = if after == shape { "identity".to_owned() } else { self.fit(shape, after) };
        let act = self.activation();
        let mut branches = vec![format!("{first} -> {second}"), shortcut];
        if self.random.chance(30) {
            branches.reverse();
        }
        (format!("{} -> {act}", self.join("add", branches)), after)
    }

    /// Every layer sees all before it. Huang et al. 2016.
    fn dense(&mut self, shape: Shape) -> Option<Drawn> {
        let (growth, times) = (self.random.within(1, 4), self.random.within(2, 3));
        let channels = shape.channels() + growth * times;
        if channels > 24 {
            return None;
        }
        let norm = if self.options.bn { "bn(eps = 0.05)" } else { "ln(eps = 0.05)" };
        let act = self.activation();
        let grow = match shape {
            Shape::Map { .. } => format!("{norm} -> {act} -> conv({growth}, 3, pad = 1, bias = false)"),
            Shape::Vector(_) => format!("{norm} -> {act} -> linear({growth})"),
        };
        let body = format!("concat {{ identity; {grow}; }}");
        let text = match self.random.within(0, 2) {
            0 => format!("{body} * {times}"),
            1 => format!("for i in 0..{times} {{ {body} }}"),
            _ => vec![body; times].join(" -> "),
        };
        Some((text, with_channels(shape, channels)))
    }

    fn tap(&mut self, shape: Shape) -> Option<Drawn> {
        if self.repeated {
            return None;
        }
        let name = format!("t{}", self.fresh());
        self.taps.push((name.clone(), shape));
        // With a step behind it, so that its readers bring in something else than what arrives.
        let (text, after) = self.layer(shape);
        Some((format!("tap {name} -> {text}"), after))
    }

    /// Joins what arrives with an earlier tensor.
    fn reader(&mut self, shape: Shape) -> Option<Drawn> {
        if self.taps.is_empty() {
            return None;
        }
        let (name, tapped) = self.taps[self.random.within(0, self.taps.len() - 1)].clone();
        let word = self.random.pick(&["add", "concat"]);
        match (shape, tapped) {
            (Shape::Map { channels, .. }, Shape::Vector(_)) => {
                Some((format!("mul {{ identity; from {name} -> linear({channels}) -> sigmoid; }}"), shape))
            }
            _ if word == "add" => {
                let way = self.fit(tapped, shape);
                let branches = vec!["identity".to_owned(), format!("from {name} -> {way}")];
                Some((self.join(word, branches), shape))
            }
            _ => {
                let more = self.random.within(1, 5);
                let way = self.fit(tapped, with_channels(shape, more));
                let branches = vec![format!("from {name} -> {way}"), "identity".to_owned()];
                let channels = shape.channels() + more;
                (channels <= 24).then(|| (self.join(word, branches), with_channels(shape, channels)))
            }
        }
    }

    /// Taps with an index, set in a loop.
    fn far_taps(&mut self, shape: Shape) -> Option<Drawn> {
        if self.repeated {
            return None;
        }
        let name = format!("s{}", self.fresh());
        let repeated = std::mem::replace(&mut self.repeated, true);
        let step = self.keeping(shape);
        self.repeated = repeated;
        let readers =
            self.random.pick(&["from NAME[0];", "from NAME[1];", "from NAME[0]; from NAME[1]; from NAME[0];"]);
        let readers = readers.replace("NAME", &name);
        Some((format!("for i in 0..2 {{ tap {name}[i] -> {step} }} -> add {{ identity; {readers} }}"), shape))
    }

    fn repeat(&mut self, shape: Shape) -> Drawn {
        let repeated = std::mem::replace(&mut self.repeated, true);
        let (times, body) = match self.random.within(0, 2) {
            0 => {
                let (text, after) = self.residual(shape);
                (if after == shape { self.random.within(0, 3) } else { 1 }, (text, after))
            }
            1 => (self.random.within(2, 3), self.gate(shape)),
            _ => {
                let steps: Vec<String> = (0..self.random.within(1, 3)).map(|_| self.keeping(shape)).collect();
                (self.random.within(1, 3), (steps.join(" -> "), shape))
            }
        };
        self.repeated = repeated;
        let (text, after) = body;
        (format!("{{ {text} }} * {times}"), after)
    }

    /// Steps that are there or not.
    fn condition(&mut self, shape: Shape) -> Drawn {
        let (limit, then, other) = (self.random.within(1, 8), self.keeping(shape), self.keeping(shape));
        match self.random.chance(50) {
            true => (format!("if in.channels > {limit} {{ {then} }} else {{ {other} }}"), shape),
            false => (format!("if in.channels > {limit} {{ {then} }}"), shape),
        }
    }

    /// An extra output, at the level of the network only.
    fn auxiliary(&mut self, shape: Shape) -> Option<Drawn> {
        if self.repeated || self.depth > 0 {
            return None;
        }
        // A tap inside can be read only there.
        let taps = self.taps.clone();
        self.depth += 1;
        let steps = self.random.within(0, 2);
        let (text, after) = self.chain(shape, steps);
        self.depth -= 1;
        self.taps = taps;
        let end = self.fit(after, Shape::Vector(self.classes));
        let label = if self.random.chance(50) { format!("side{}: ", self.fresh()) } else { String::new() };
        Some((format!("{label}aux {{ {text} -> {end} }}"), shape))
    }
}

//! Branches that fit together.

use cnn_lang::graph::Shape;

use super::layers::with_channels;
use super::window::pair_text;
use super::writer::{Drawn, Writer};

const MOST_CHANNELS: usize = 24;

impl Writer {
    /// `add { …; …; }` of branches that all end in the size of the first.
    pub(super) fn sum(&mut self, shape: Shape) -> Drawn {
        let (first, target) = self.branch(shape);
        let mut branches = vec![first, self.fit(shape, target)];
        if self.random.chance(30) {
            branches.push(self.fit(shape, target));
        }
        if target == shape && self.random.chance(20) {
            branches.push("zero".to_owned());
        } else if let (Shape::Map { channels, height, width }, Some([h, w])) = (target, shape.spatial())
            && (channels, height, width) == (shape.channels(), h.div_ceil(2), w.div_ceil(2))
        {
            branches.push("zero(2)".to_owned());
        }
        (self.join("add", branches), target)
    }

    /// `concat { …; …; }` of branches of the same height and width.
    pub(super) fn concatenation(&mut self, shape: Shape) -> Drawn {
        let (first, target) = self.branch(shape);
        let (mut branches, mut channels) = (vec![first], target.channels());
        for _ in 0..self.random.within(1, 2) {
            let more = self.random.within(1, 6);
            if channels + more <= MOST_CHANNELS {
                branches.push(self.fit(shape, with_channels(target, more)));
                channels += more;
            }
        }
        if target == shape && channels + shape.channels() <= MOST_CHANNELS && self.random.chance(50) {
            branches.push("identity".to_owned());
            channels += shape.channels();
        }
        (self.join("concat", branches), with_channels(target, channels))
    }

    /// `mul { …; …; }` of equal sizes. There are few in a network: products of products leave the range of numbers.
    pub(super) fn product(&mut self, shape: Shape) -> Option<Drawn> {
        if self.repeated || self.products >= 2 {
            return None;
        }
        self.products += 1;
        let (first, target) = self.branch(shape);
        let second = self.fit(shape, target);
        Some((self.join("mul", vec![first, second]), target))
    }

    /// A tensor times a gate between 0 and 1 that is stretched over it: squeeze and excitation, or one for each pixel.
    pub(super) fn gate(&mut self, shape: Shape) -> Drawn {
        let (squeezed, channels) = (self.random.within(1, 4), shape.channels());
        let act = self.activation();
        let end = if self.options.smooth { "sigmoid" } else { self.random.pick(&["sigmoid", "hsigmoid"]) };
        let gate = match (shape, self.random.within(0, 4)) {
            (Shape::Vector(_), _) => format!("linear({squeezed}) -> {act} -> linear({channels}) -> {end}"),
            (_, 0) => format!("gap -> linear({squeezed}) -> {act} -> linear({channels}) -> {end}"),
            (_, 1) => format!("conv(1, 3, pad = 1) -> {end}"),
            (Shape::Map { height, .. }, 2) => format!("adaptive_avgpool([{height}, 1]) -> {end}"),
            (_, 3) => "gap -> softmax".to_owned(),
            _ => format!("adaptive_avgpool(1) -> conv({squeezed}, 1) -> {act} -> conv({channels}, 1) -> {end}"),
        };
        let mut branches = vec!["identity".to_owned(), gate];
        if self.random.chance(40) {
            branches.reverse();
        }
        (self.join("mul", branches), shape)
    }

    /// The arriving tensor more than once.
    pub(super) fn twice(&mut self, shape: Shape) -> Option<Drawn> {
        let (word, channels) = (self.random.pick(&["add", "concat", "mul"]), shape.channels());
        let after = match word {
            "concat" if 2 * channels > MOST_CHANNELS => return None,
            "concat" => with_channels(shape, 2 * channels),
            "mul" if self.repeated || self.products >= 2 => return None,
            _ => shape,
        };
        self.products += usize::from(word == "mul");
        if self.repeated || self.random.chance(30) {
            return Some((format!("{word} {{ identity; identity; }}"), after));
        }
        // Without an operation in between, not even an identity.
        let name = format!("t{}", self.fresh());
        self.taps.push((name.clone(), shape));
        Some((format!("tap {name} -> {word} {{ from {name}; from {name}; }}"), after))
    }

    /// A chain that brings a tensor of one size to another; a map never comes out of a vector.
    pub(super) fn fit(&mut self, from: Shape, to: Shape) -> String {
        let mut steps = Vec::new();
        let mut shape = from;
        match (from, to) {
            (Shape::Map { channels, height, width }, Shape::Map { height: h, width: w, .. }) => {
                if [height, width] != [h, w] {
                    let stride = [height.div_ceil(h), width.div_ceil(w)];
                    let steps_fit = [height.div_ceil(stride[0]), width.div_ceil(stride[1])] == [h, w];
                    steps.push(match self.random.within(0, 2) {
                        0 if steps_fit => format!("subsample({})", pair_text(stride)),
                        1 if steps_fit => format!("conv({channels}, 1, stride = {})", pair_text(stride)),
                        0 | 1 => {
                            format!("pad([0, {}, 0, {}])", h as i64 - height as i64, w as i64 - width as i64)
                        }
                        _ => format!("adaptive_avgpool([{h}, {w}])"),
                    });
                }
                shape = Shape::map(channels, h, w);
            }
            (Shape::Map { channels, .. }, Shape::Vector(_)) => match from.elements() <= 512 && self.random.chance(40) {
                true => {
                    steps.push("flatten".to_owned());
                    shape = Shape::Vector(from.elements());
                }
                false => {
                    steps.push("gap".to_owned());
                    shape = Shape::Vector(channels);
                }
            },
            (Shape::Vector(_), _) => {}
        }
        let (found, wanted, is_map) = (shape.channels(), to.channels(), shape.spatial().is_some());
        if found != wanted {
            steps.push(match self.random.within(0, 3) {
                0 if found > wanted => format!("select({}, {found})", found - wanted),
                0 if is_map => format!("pad_channels({wanted})"),
                1 if is_map => format!("linear({wanted}, pixelwise = true)"),
                _ if is_map => format!("conv({wanted}, 1)"),
                _ => format!("linear({wanted})"),
            });
        }
        if steps.is_empty() && self.random.chance(50) {
            return "identity".to_owned();
        }
        while steps.is_empty() || self.random.chance(25) {
            steps.push(self.keeping(to));
        }
        steps.join(" -> ")
    }

    /// One to three steps, perhaps with joins of their own.
    fn branch(&mut self, shape: Shape) -> Drawn {
        self.depth += 1;
        let steps = self.random.within(1, 3);
        let drawn = self.chain(shape, steps);
        self.depth -= 1;
        drawn
    }

    /// Braces around a branch change nothing, except that a loop or condition in front makes branches without them.
    pub(super) fn join(&mut self, word: &str, branches: Vec<String>) -> String {
        let mut text = format!("{word} {{ ");
        for branch in branches {
            let needed = branch.starts_with("for ") || branch.starts_with("if ");
            text += &if needed || self.random.chance(30) { format!("{{ {branch} }}; ") } else { format!("{branch}; ") };
        }
        text + "}"
    }
}

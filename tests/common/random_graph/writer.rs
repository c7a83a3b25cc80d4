//! Draws a whole network.

use std::collections::BTreeMap;

use cnn_lang::graph::Shape;

use super::Options;
use super::random::Random;

/// A chain of steps as text, and the size of what leaves it.
pub(super) type Drawn = (String, Shape);

/// Joins stand in one another at most so deep.
const DEEPEST: usize = 3;

pub(super) struct Writer {
    pub random: Random,
    pub options: Options,
    /// Steps that may still be drawn.
    budget: usize,
    /// Joins and auxiliary outputs around this place.
    pub depth: usize,
    /// Names for tensors that can be read here.
    pub taps: Vec<(String, Shape)>,
    /// Whether the steps here come more than once: then no name may be given.
    pub repeated: bool,
    /// Products of equal sizes so far.
    pub products: usize,
    /// Length of the output if it is a vector, and of the auxiliary ones.
    pub classes: usize,
    /// Definitions by name.
    pub blocks: BTreeMap<String, String>,
    names: usize,
}

impl Writer {
    pub fn new(seed: u64, size: usize, options: Options) -> Writer {
        let mut random = Random::new(seed);
        let classes = random.within(2, 7);
        Writer {
            random,
            options,
            budget: size,
            depth: 0,
            taps: Vec::new(),
            repeated: false,
            products: 0,
            classes,
            blocks: BTreeMap::new(),
            names: 0,
        }
    }

    /// Definitions, then the network.
    pub fn network(mut self) -> String {
        let [channels, height, width] = [(1, 6), (6, 16), (6, 16)].map(|(low, high)| self.random.within(low, high));
        let input = Shape::map(channels, height, width);
        let stem_steps = self.budget.div_ceil(3);
        let (stem, shape) = self.chain(input, stem_steps);
        let mut sections = format!("stem {stem};\n");
        let mut shape = shape;
        if self.budget > 0 {
            let (body, after) = self.chain(shape, usize::MAX);
            // Two chains of one section follow one another.
            sections += &format!("body {body};\n");
            shape = after;
        }
        let (delivers, classes) = match self.random.chance(65) {
            true => {
                let classes = self.classes;
                let end = self.fit(shape, Shape::Vector(classes));
                sections += &format!("head {end};\n");
                ("classes".to_owned(), format!("(classes = {classes})"))
            }
            false => (shape.to_string(), String::new()),
        };
        let mut text: String = self.blocks.values().map(|block| format!("{block}\n")).collect();
        text += &format!("Drawn{classes}: {input} -> {delivers};\n{sections}");
        text
    }

    /// So many steps, or as many as there may be; at least one.
    pub fn chain(&mut self, mut shape: Shape, steps: usize) -> Drawn {
        let mut texts = Vec::new();
        while texts.len() < steps && self.budget > 0 {
            self.budget -= 1;
            let (text, after) = self.step(shape);
            texts.push(text);
            shape = after;
        }
        if texts.is_empty() {
            texts.push("identity".to_owned());
        }
        (texts.join(" -> "), shape)
    }

    fn step(&mut self, shape: Shape) -> Drawn {
        if self.depth < DEEPEST
            && self.random.chance(45)
            && let Some(drawn) = self.pattern(shape)
        {
            return drawn;
        }
        self.layer(shape)
    }

    /// A label in front, sometimes.
    pub fn labelled(&mut self, text: String) -> String {
        match !self.repeated && self.random.chance(25) {
            true => format!("l{}: {text}", self.fresh()),
            false => text,
        }
    }

    /// A number that no other name has.
    pub fn fresh(&mut self) -> usize {
        self.names += 1;
        self.names
    }
}

//! Checked arguments, as the table's `lower` asks for them.

use super::Layer;
use crate::graph::shape::Shape;

/// A checked argument.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum ArgValue {
    Int(i64),
    Pair([i64; 2]),
    Padding(Padding),
    Float(f64),
    Bool(bool),
    Word(&'static str),
    Table(Vec<Vec<usize>>),
    Nothing,
}

/// Padding as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Top, bottom, left, right.
    Sides([i64; 4]),
    /// TensorFlow's: output = ⌈input / stride⌉, the odd zero behind.
    Same,
}

/// The arguments of one call, in the order of the table.
pub struct Arguments {
    /// The layer's table.
    pub layer: &'static Layer,
    /// One value for each argument of the table.
    pub values: Vec<ArgValue>,
}

impl Arguments {
    pub(super) fn value(&self, name: &str) -> &ArgValue {
        let index = self.layer.arguments.iter().position(|argument| argument.name == name);
        &self.values[index.unwrap_or_else(|| unreachable!("{} has no argument {name}", self.layer.keyword))]
    }

    pub(super) fn int(&self, name: &str) -> usize {
        match self.value(name) {
            ArgValue::Int(value) => usize::try_from(*value).unwrap_or_default(),
            _ => unreachable!("the table says that {name} is an integer"),
        }
    }

    pub(super) fn pair(&self, name: &str) -> [usize; 2] {
        match self.value(name) {
            ArgValue::Pair(pair) => pair.map(|n| usize::try_from(n).unwrap_or_default()),
            _ => unreachable!("the table says that {name} is a pair"),
        }
    }

    pub(super) fn float(&self, name: &str) -> f64 {
        match self.value(name) {
            ArgValue::Float(value) => *value,
            _ => unreachable!("the table says that {name} is a number"),
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            ArgValue::Bool(value) => *value,
            _ => unreachable!("the table says that {name} is a boolean"),
        }
    }

    pub(super) fn word(&self, name: &str) -> &'static str {
        match self.value(name) {
            ArgValue::Word(word) => word,
            _ => unreachable!("the table says that {name} is a word"),
        }
    }

    pub(super) fn table(&self, name: &str) -> Option<Vec<Vec<usize>>> {
        match self.value(name) {
            ArgValue::Table(table) => Some(table.clone()),
            _ => None,
        }
    }

    pub(super) fn crop(&self, name: &str) -> [i64; 4] {
        match self.value(name) {
            ArgValue::Padding(Padding::Sides(sides)) => *sides,
            _ => unreachable!("the table says that {name} has four sides"),
        }
    }

    /// Zeros on each side, `same` worked out for this input.
    pub(super) fn padding(&self, name: &str, input: Shape, window: [[usize; 2]; 3]) -> [usize; 4] {
        let sides = match self.value(name) {
            ArgValue::Padding(padding) => *padding,
            _ => unreachable!("the table says that {name} is padding"),
        };
        match (sides, input.spatial()) {
            (Padding::Sides(sides), _) => sides.map(|n| usize::try_from(n).unwrap_or_default()),
            (Padding::Same, Some(size)) => {
                let [kernel, stride, dilation] = window;
                let total = [0, 1].map(|axis| {
                    let extent = dilation[axis].saturating_mul(kernel[axis] - 1).saturating_add(1);
                    let last = (size[axis].div_ceil(stride[axis]).max(1) - 1).saturating_mul(stride[axis]);
                    last.saturating_add(extent).saturating_sub(size[axis])
                });
                [total[0] / 2, total[0].div_ceil(2), total[1] / 2, total[1].div_ceil(2)]
            }
            // The size rule refuses a vector.
            (Padding::Same, None) => [0; 4],
        }
    }
}

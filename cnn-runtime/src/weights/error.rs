//! Everything that can be wrong with weights, each told in one line.

use std::fmt;
use std::io;
use std::path::PathBuf;

use safetensors::Dtype;

/// Why weights could not be saved, loaded or set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system could not read or write the file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The bytes are no safetensors file, or a damaged one.
    #[error("{place} is not an intact safetensors file ({reason}): fetch or save it again")]
    Format {
        /// The file, or `the file in memory`.
        place: String,
        /// What is wrong.
        reason: String,
    },

    /// The file's tensors are not the module's.
    #[error("{place} does not fit the module in {} point{}: {}; nothing was loaded, {mend}",
        mismatches.len(), if mismatches.len() == 1 { "" } else { "s" }, joined(mismatches))]
    Mismatch {
        /// The file, or `the file in memory`.
        place: String,
        /// Every difference: first the module's tensors in its order, then what else the file holds by name.
        mismatches: Vec<Mismatch>,
        /// What is to be done about it.
        mend: String,
    },

    /// The options skip everything.
    #[error("no tensor is left to be loaded from {place}: skip less of it")]
    Idle {
        /// The file.
        place: String,
    },

    /// A pattern of names that means no tensor.
    #[error("no tensor of {place} or the network is named by the pattern {}{}",
        shown(pattern), nearest.as_ref().map(|name| format!("; did you mean {}?", shown(name))).unwrap_or_default())]
    Pattern {
        /// The file.
        place: String,
        /// The pattern.
        pattern: String,
        /// The most similar scope or name.
        nearest: Option<String>,
    },

    /// A module's tensors are not those of a network's graph.
    #[error("the module does not fit {network} in {} point{}: {}; nothing was changed, take the module of this very network",
        mismatches.len(), if mismatches.len() == 1 { "" } else { "s" }, joined(mismatches))]
    Module {
        /// The network.
        network: String,
        /// Every difference: first the network's tensors in its order, then what else the module holds by name.
        mismatches: Vec<Mismatch>,
    },

    /// A graph does not know all tensors of its network, because types of Rust hold some.
    #[error("only Rust's types know the tensors of {} in {network}: keep its weights as a typed module, by weights::save and weights::load",
        modules.join(", "))]
    Custom {
        /// The network.
        network: String,
        /// Its custom modules, each with its place among the names of parameters: `custom crate::Attention (body.1)`.
        modules: Vec<String>,
    },

    /// A file does not hold the tensor that was asked for.
    #[error("{place} holds no tensor {}{}: it holds {}",
        shown(name), nearest.as_ref().map(|name| format!(", did you mean {}", shown(name))).unwrap_or_default(), listed(held))]
    Absent {
        /// The file.
        place: String,
        /// The name that was asked for.
        name: String,
        /// The most similar name in the file.
        nearest: Option<String>,
        /// Every name in the file, sorted.
        held: Vec<String>,
    },

    /// The tensor that was asked for holds what cannot be read.
    #[error("{place}: {mismatch}")]
    Unreadable {
        /// The file.
        place: String,
        /// What is wrong with the tensor.
        mismatch: Mismatch,
    },

    /// A tensor is too large for the memory there is, or for what is read at once.
    #[error("tensor {} takes {bytes} bytes, more than {limit}: make it smaller", shown(name))]
    Memory {
        /// The tensor.
        name: String,
        /// Its size in bytes.
        bytes: u64,
        /// What it is too large for.
        limit: &'static str,
    },

    /// Two tensors of the module bear one name, or one bears the name that the format keeps for itself.
    #[error("expected each tensor under a name of its own, got {reason} {name:?}: rename one")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A tensor was given the wrong number of values.
    #[error("tensor {name} of shape {shape:?} takes {expected} values, got {got}")]
    Length {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its number of elements.
        expected: usize,
        /// How many values came.
        got: usize,
    },

    /// Two modules of one type differ in their tensors, as lists of different length do.
    #[error("the average holds {expected} but the module has {got}: average one and the same module")]
    Structure {
        /// The tensor the average holds at this place.
        expected: String,
        /// The tensor the module has there.
        got: String,
    },

    /// A decay of a moving average is not between 0 and 1.
    #[error("expected a decay from 0 to 1 for the moving average, got {got}")]
    Decay {
        /// The decay given.
        got: f64,
    },

    /// The device refused, mostly for lack of memory; some tensors may be set already.
    #[error("the device could not set tensor number {index}: {reason}")]
    Device {
        /// Which tensor in visiting order.
        index: usize,
        /// What the device said.
        reason: String,
    },
}

/// One difference between the tensors that a network has and those that a file or a module holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// The network has it, the file does not.
    Missing {
        /// The network's tensor.
        name: String,
        /// The most similar name among those the network does not have.
        nearest: Option<String>,
    },
    /// The file has it, the network does not.
    Unexpected {
        /// The file's tensor.
        name: String,
    },
    /// The sizes differ.
    Shape {
        /// The tensor.
        name: String,
        /// Its shape in the network.
        expected: Vec<usize>,
        /// Its shape in the file.
        got: Vec<usize>,
    },
    /// The file's elements cannot become the network's.
    Dtype {
        /// The tensor.
        name: String,
        /// What could be loaded.
        expected: &'static str,
        /// What the file holds.
        got: Dtype,
    },
    /// Two tensors of the file get one name by the options.
    Twice {
        /// The name.
        name: String,
        /// What they are called in the file.
        origins: [String; 2],
    },
    /// A finite value of the file is too large for the type it is read as.
    Overflow {
        /// The tensor.
        name: String,
        /// The value.
        value: f64,
        /// The type it is read as.
        dtype: Dtype,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, nearest } => {
                write!(f, "missing {}", shown(name))?;
                match nearest {
                    Some(nearest) => write!(f, " (nearest: {})", shown(nearest)),
                    None => Ok(()),
                }
            }
            Self::Unexpected { name } => write!(f, "unexpected {}", shown(name)),
            Self::Shape { name, expected, got } => {
                write!(f, "{} has shape {got:?}, expected {expected:?}", shown(name))
            }
            Self::Dtype { name, expected, got } => write!(f, "{} holds {got}, expected {expected}", shown(name)),
            Self::Twice { name, origins: [first, second] } => {
                write!(f, "{} and {} of the file both become {}", shown(first), shown(second), shown(name))
            }
            Self::Overflow { name, value, dtype } => {
                write!(f, "{} holds {value:e}, too large for {dtype}", shown(name))
            }
        }
    }
}

/// A name that came from outside, fit for one line: no control characters, no megabytes.
fn shown(name: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown: String = name.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

impl Mismatch {
    /// The tensor.
    pub fn name(&self) -> &str {
        match self {
            Self::Missing { name, .. }
            | Self::Unexpected { name }
            | Self::Shape { name, .. }
            | Self::Dtype { name, .. }
            | Self::Twice { name, .. }
            | Self::Overflow { name, .. } => name,
        }
    }
}

/// All differences; where there are many, names put together by their scopes.
fn joined(mismatches: &[Mismatch]) -> String {
    /// So many are listed one by one.
    const FEW: usize = 12;
    let mut told = Vec::new();
    let (mut missing, mut unexpected) = (Vec::new(), Vec::new());
    for mismatch in mismatches {
        match mismatch {
            Mismatch::Missing { name, .. } if mismatches.len() > FEW => missing.push(name.as_str()),
            Mismatch::Unexpected { name } if mismatches.len() > FEW => unexpected.push(name.as_str()),
            other => told.push(other.to_string()),
        }
    }
    let mut together = Vec::new();
    for (what, names) in [("missing", missing), ("unexpected", unexpected)] {
        if !names.is_empty() {
            together.push(format!("{what} {} ({})", tree(names.iter().copied()), names.len()));
        }
    }
    together.extend(told);
    together.join("; ")
}

/// Names put together by their scopes, in braces as shells have them: `layer1.{0, 1}.{conv1.weight, bn1.{weight, bias}}`.
pub(super) fn tree<'n>(names: impl Iterator<Item = &'n str>) -> String {
    #[derive(Default)]
    struct Node<'n> {
        children: Vec<(&'n str, Node<'n>)>,
        ends: bool,
    }
    impl<'n> Node<'n> {
        fn add(&mut self, name: &'n str, depth: usize) {
            /// Behind so many dots a name is one word.
            const DEEPEST: usize = 12;
            let (first, rest) = match name.split_once('.').filter(|_| depth < DEEPEST) {
                Some((first, rest)) => (first, Some(rest)),
                None => (name, None),
            };
            // Names of one scope mostly follow one another.
            let known = self.children.iter().rposition(|(child, _)| *child == first);
            let at = known.unwrap_or_else(|| {
                self.children.push((first, Node::default()));
                self.children.len() - 1
            });
            match rest {
                Some(rest) => self.children[at].1.add(rest, depth + 1),
                None => self.children[at].1.ends = true,
            }
        }

        /// What follows the name of this node; children with the same below them are told together.
        fn below(&self) -> String {
            let mut groups: Vec<(String, Vec<String>)> = Vec::new();
            for (name, child) in &self.children {
                let below = child.below();
                match groups.iter_mut().find(|(known, _)| *known == below) {
                    Some((_, names)) => names.push(shown(name)),
                    None => groups.push((below, vec![shown(name)])),
                }
            }
            let mut parts = Vec::new();
            for (below, names) in groups {
                match below.is_empty() {
                    true => parts.extend(names),
                    false => parts.push(format!("{}{below}", braced(names))),
                }
            }
            let parts = braced(parts);
            match (parts.is_empty(), self.ends) {
                (true, _) => parts,
                (false, false) => format!(".{parts}"),
                (false, true) => format!("{{, .{parts}}}"),
            }
        }
    }
    fn braced(mut parts: Vec<String>) -> String {
        match parts.len() {
            0 | 1 => parts.pop().unwrap_or_default(),
            _ => format!("{{{}}}", parts.join(", ")),
        }
    }
    let mut root = Node::default();
    names.for_each(|name| root.add(name, 0));
    let all = root.below();
    let all = all.strip_prefix('.').unwrap_or(&all);
    // The outermost list needs no braces; those of a scope that all share are its own.
    match all.strip_prefix('{').and_then(|all| all.strip_suffix('}')) {
        Some(inside) if root.children.len() > 1 && closes_last(all) => inside.to_owned(),
        _ => all.to_owned(),
    }
}

/// Whether the first brace is closed by the last.
fn closes_last(text: &str) -> bool {
    let mut depth = 0;
    let closed = text.char_indices().find(|&(_, c)| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    closed.is_some_and(|(at, _)| at + 1 == text.len())
}

/// The first names of many.
fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let mut listed: Vec<String> = names.iter().take(MOST).map(|name| shown(name)).collect();
    match names.len() {
        0 => listed.push("none".into()),
        count if count > MOST => listed.push(format!("and {} more", count - MOST)),
        _ => (),
    }
    listed.join(", ")
}

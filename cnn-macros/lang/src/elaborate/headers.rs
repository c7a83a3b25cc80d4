//! What headers say: arguments, sizes, and which network an instance is one of.

use super::arguments::{ints, matched};
use super::definitions::{Definition, RoomId};
use super::{Elaborator, Value};
use crate::diag::Diagnostic;
use crate::graph::{LARGEST_TENSOR, Shape};
use crate::syntax::ast::{Arg, Expr, Ident, Instance, Network};

/// What an instance comes down to, through any number of instances of instances.
pub struct Target<'a> {
    pub network: &'a Network,
    pub room: RoomId,
    pub args: Vec<(String, Value)>,
    pub input: Option<Shape>,
}

impl<'a> Elaborator<'a, '_> {
    /// Binds the parameters of a network: `given` in place of the defaults.
    pub(super) fn parameters(&mut self, network: &'a Network, given: &[(String, Value)]) {
        for param in &network.params {
            if param.tensor {
                self.error(param.name.span, "a network has no tensor parameters, only blocks do");
                continue;
            }
            let value = match (given.iter().find(|(name, _)| *name == param.name.name), &param.default) {
                (Some((_, value)), _) => value.clone(),
                (None, Some(default)) => self.eval_at(default, Err("the arguments of a network")),
                (None, None) => {
                    self.report(
                        Diagnostic::new(
                            param.name.span,
                            format!("the network's argument `{}` needs a default", param.name.name),
                        )
                        .help(format!("write `{} = …`: a network is checked with its defaults", param.name.name)),
                    );
                    Value::Unknown
                }
            };
            self.bind(&param.name, value);
        }
    }

    /// Makes a name known in the current frame.
    pub(super) fn bind(&mut self, name: &'a Ident, value: Value) {
        if name.name == "_" {
            return;
        }
        if self.frame().variables.iter().any(|(known, _)| *known == name.name) {
            self.report(
                Diagnostic::new(name.span, format!("`{}` has a meaning here already", name.name))
                    .help("shadowing is not allowed: choose another name"),
            );
        }
        self.frame_mut().variables.push((&name.name, value));
    }

    /// Sizes that the header states, with the parameters bound.
    pub(super) fn header_sizes(&mut self, network: &Network, input: Option<Shape>) -> (Option<Shape>, Option<Shape>) {
        let input = input.or_else(|| self.size(&network.input));
        (input, self.size(&network.output))
    }

    /// A size written in a header.
    pub(super) fn size(&mut self, expr: &Expr) -> Option<Shape> {
        let value = self.eval_at(expr, Err("the header"));
        if value.is_unknown() {
            return None;
        }
        let shape = shape_of(&value);
        if shape.is_none() {
            self.report(
                Diagnostic::new(
                    expr.span,
                    format!("a size is `channels x height x width` or a count, this is {value}"),
                )
                .help("write for example 3x224x224; every number is at least 1"),
            );
        }
        shape
    }

    /// Through instances of instances to the network, collecting arguments; the outermost wins.
    pub(super) fn follow(
        &mut self,
        instance: &'a Instance,
        room: RoomId,
        path: &mut Vec<&'a Instance>,
    ) -> Option<Target<'a>> {
        if let Some(begin) = path.iter().position(|known| std::ptr::eq(*known, instance)) {
            // A circle is one mistake, told at its first instance in the text.
            let first = path[begin..].iter().min_by_key(|instance| std::ptr::from_ref(**instance));
            if begin == 0 && first.is_some_and(|first| std::ptr::eq(*first, instance)) {
                let names: Vec<&str> = path.iter().map(|instance| instance.name.name.as_str()).collect();
                let message = format!("`{0}` is an instance of itself: {1} -> {0}", names[0], names.join(" -> "));
                self.report(
                    Diagnostic::new(instance.of.span(), message).help("one of them must name a network with sections"),
                );
            }
            return None;
        }
        path.push(instance);
        let resolved = match self.definitions.resolve(room, &instance.of) {
            Ok(definition) => definition,
            Err(diagnostic) => {
                self.report(diagnostic);
                return None;
            }
        };
        let mut target = match resolved {
            Definition::Network(network, room) => Target { network, room, args: Vec::new(), input: None },
            Definition::Instance(inner, inner_room) => self.follow(inner, inner_room, path)?,
            Definition::Lost => return None,
            Definition::Block(..) | Definition::Missing(_) => {
                self.report(
                    Diagnostic::new(
                        instance.of.span(),
                        format!("`{}` is {}, not a network", instance.of, resolved.kind()),
                    )
                    .help("blocks are called inside a network: `body basic(64);`"),
                );
                return None;
            }
        };
        let names: Vec<&str> = target.network.params.iter().map(|param| param.name.name.as_str()).collect();
        let (found, errors) = matched(&format!("`{}`", instance.of), &names, &instance.args, instance.of.span());
        errors.into_iter().for_each(|diagnostic| self.report(diagnostic));
        for (name, index) in names.iter().zip(found) {
            if let Some(index) = index {
                let arg: &Arg = &instance.args[index];
                let value = self.eval_at(&arg.value, Err("the arguments of an instance"));
                target.args.retain(|(known, _)| known != name);
                target.args.push(((*name).to_owned(), value));
            }
        }
        if let Some(size) = &instance.input {
            target.input = self.size(size);
            target.input?;
        }
        Some(target)
    }
}

/// A vector from one number, a map from three; all at least 1.
pub fn shape_of(value: &Value) -> Option<Shape> {
    let sizes: Vec<usize> = ints(value)?.into_iter().map(|n| usize::try_from(n).unwrap_or(0)).collect();
    let elements = sizes.iter().try_fold(1usize, |product, &n| product.checked_mul(n))?;
    if elements == 0 || elements > LARGEST_TENSOR {
        return None;
    }
    match *sizes.as_slice() {
        [n] => Some(Shape::Vector(n)),
        [channels, height, width] => Some(Shape::map(channels, height, width)),
        _ => None,
    }
}

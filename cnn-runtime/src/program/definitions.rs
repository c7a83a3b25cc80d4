//! What a file may import without rustc: the zoo's networks and blocks, and the shared blocks.

use std::sync::LazyLock;

use cnn_lang::diag::{Diagnostic, Diagnostics};
use cnn_lang::nearest;
use cnn_lang::syntax::ast::{Item, Path};
use cnn_lang::syntax::parse_str;
use cnn_lang::{Program, compile_importing};

use crate::{blocks, zoo};

/// Compiles the text of a file.
pub(super) fn compile(source: &str) -> Program {
    compile_importing(source, find)
}

/// The zoo's networks under their names in the language: `ResNet18`, and by which programs know them: `resnet18`.
pub(super) static NETWORKS: LazyLock<Vec<(String, &str, &str)>> = LazyLock::new(|| {
    let network = |&(name, source)| Some((defined(source)?, name, source));
    zoo::ALL.iter().filter_map(network).collect()
});

/// The predefined spaces under their names in the language.
pub(super) static SPACES: LazyLock<Vec<(String, &zoo::spaces::Predefined)>> = LazyLock::new(|| {
    let space = |space: &'static zoo::spaces::Predefined| Some((defined(space.source)?, space));
    zoo::spaces::ALL.iter().filter_map(space).collect()
});

/// The name of the network that a source ends with.
fn defined(source: &str) -> Option<String> {
    let file = parse_str(source, &mut Diagnostics::default());
    match file.items.last()? {
        Item::Network(network) => Some(network.name.name.clone()),
        Item::Instance(instance) => Some(instance.name.name.clone()),
        Item::Block(_) | Item::Use(_) => None,
    }
}

/// The source behind `cnn_runtime::zoo::ResNet18`, `crate::zoo::resnet::basic` or `cnn_runtime::blocks::separable`.
fn find(path: &Path) -> Result<Option<String>, Diagnostic> {
    let segments: Vec<&str> = path.segments.iter().map(|segment| segment.name.as_str()).collect();
    let inside = match segments.as_slice() {
        ["", rest @ ..] | rest => match rest {
            ["cnn_runtime" | "crate", inside @ ..] => inside,
            _ => &[],
        },
    };
    let (known, name): (Vec<(&str, &str)>, &str) = match inside {
        ["zoo", name] | ["zoo", _, name] => {
            let blocks = zoo::BLOCKS.iter().copied();
            (networks().chain(spaces()).chain(blocks).collect(), name)
        }
        ["blocks", name] => (blocks::ALL.to_vec(), name),
        _ if segments.len() == 1 => {
            // Without a path it is a definition of the file, unless it is merely named as one of the zoo's.
            let Some((name, _)) = networks().find(|(name, _)| *name == segments[0]) else { return Ok(None) };
            let diagnostic = Diagnostic::new(path.span(), format!("no network `{name}` is defined here"));
            return Err(diagnostic.help(format!("write `cnn_runtime::zoo::{name}`")));
        }
        _ => {
            let message = format!("`{path}` is not among the predefined definitions");
            let help = "outside of a Rust crate a file imports from `cnn_runtime::zoo` and `cnn_runtime::blocks`; \
                        other definitions are written in it";
            return Err(Diagnostic::new(path.span(), message).help(help));
        }
    };
    if let Some((_, source)) = known.iter().find(|(known, _)| *known == name) {
        return Ok(Some((*source).to_owned()));
    }
    let diagnostic =
        Diagnostic::new(path.last().span, format!("no definition `{name}` in `cnn_runtime::{}`", inside[0]));
    Err(match nearest(name, known.iter().map(|(known, _)| *known)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("networks are listed by `cnn list`"),
    })
}

fn spaces() -> impl Iterator<Item = (&'static str, &'static str)> {
    SPACES.iter().map(|(name, space)| (name.as_str(), space.source))
}

fn networks() -> impl Iterator<Item = (&'static str, &'static str)> {
    NETWORKS.iter().map(|(name, _, source)| (name.as_str(), *source))
}

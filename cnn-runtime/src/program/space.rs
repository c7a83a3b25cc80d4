//! The space that `cnn search` works on.

use std::path::Path;

use cnn_lang::graph::Shape;
use cnn_lang::nearest;

use super::definitions::compile;
use super::failure::Failure;
use super::network::{in_file, read, split};
use super::spaces;
use crate::search::Networks;
use crate::zoo;

/// A space that was found and proven.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) networks: Networks,
}

/// A predefined space, or the last one of a file (`my.cnn`), or another one of it (`my.cnn:Name`).
pub(super) fn find(wanted: &str, input: Option<Shape>) -> Result<Found, Failure> {
    match spaces::find(wanted, input)? {
        Some(space) => Ok(Found { name: space.name().to_owned(), networks: Networks::new(space) }),
        None => Err(missing(wanted)),
    }
}

/// Why there is no such space.
fn missing(wanted: &str) -> Failure {
    let (place, _) = split(wanted);
    let Ok((file, name)) = in_file(place) else {
        let names = zoo::spaces::ALL.iter().map(|space| space.name);
        let failure = Failure::mistake(format!("no space `{place}` is predefined, and no such file"));
        return match nearest(place, names.clone()) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure.help(format!("there are {}", names.collect::<Vec<_>>().join(", "))),
        };
    };
    let source = match read(Path::new(file)) {
        Ok(source) => source,
        Err(failure) => return failure,
    };
    let program = compile(&source);
    if let Some(first) = program.errors.first() {
        let start = first.span.first.start();
        let failure = Failure::diagnostic(&format!("{file}:{}:{}", start.line, start.column + 1), first);
        return match program.errors.len() {
            1 => failure,
            more => failure.help(format!("`cnn check {file}` shows this and {} more", more - 1)),
        };
    }
    let names: Vec<&str> = program.spaces.iter().map(|space| space.name.name.as_str()).collect();
    match (name, names.is_empty()) {
        (Some(name), false) => {
            Failure::mistake(format!("no space `{name}` in `{file}`")).help(format!("it has {}", names.join(", ")))
        }
        (None, false) => Failure::mistake(format!("the last definition of `{file}` is a network"))
            .help(format!("name a space: `{file}:{}`", names[0])),
        (_, true) => Failure::mistake(format!("`{file}` defines no space")).help("a definition with a `choose` is one"),
    }
}

//! The space that a command works on.

use std::path::Path;

use cnn_lang::syntax::print;

use super::definitions::compile;
use super::failure::Failure;
use super::network::read;
use crate::search::Networks;

/// A space that was found and proven.
pub(super) struct Found {
    /// As it was named, without its folder.
    pub(super) name: String,
    pub(super) networks: Networks,
}

/// The last space of a file (`my.cnn`), or another one of it (`my.cnn:Name`).
pub(super) fn find(wanted: &str) -> Result<Found, Failure> {
    let (file, name) = match wanted.rsplit_once(':') {
        Some((file, name)) if !Path::new(wanted).exists() => (file, Some(name)),
        _ => (wanted, None),
    };
    if !Path::new(file).exists() && !file.contains(['/', '.']) {
        let failure = Failure::mistake(format!("no space `{wanted}`"));
        return Err(failure.help("write a file of one, as in `cnn search my.cnn`"));
    }
    let source = read(Path::new(file))?;
    let space = load(file, &source, name)?;
    Ok(Found { name: space.name().to_owned(), networks: Networks::new(space) })
}

fn load(file: &str, source: &str, name: Option<&str>) -> Result<cnn_lang::space::Space, Failure> {
    let first = match cnn_lang::space::load(source, name) {
        Ok(space) => return Ok(space),
        Err(errors) => errors,
    };
    // Perhaps it only lacks what it imports; printed from the tree, that is in the text.
    let brought = print(&compile(source).file);
    cnn_lang::space::load(&brought, name).map_err(|_| {
        let Some(error) = first.first() else { return Failure::mistake(format!("`{file}` defines no space")) };
        let start = error.span.first.start();
        let failure = Failure::diagnostic(&format!("{file}:{}:{}", start.line, start.column + 1), error);
        match first.len() {
            1 => failure,
            more => failure.help(format!("mend this and {} more", more - 1)),
        }
    })
}

//! Folders of images, a folder for each class.
//!
//! `DIR/train/CLASS/*.jpg` and `DIR/test/CLASS/*.jpg` (or `val`, `valid`, `validation`); `DIR/CLASS/*.jpg` where there is no
//! `train`: of each class a tenth is kept for testing then, always the same. Classes are in the order of their names.

use std::fs;
use std::path::{Path, PathBuf};

use super::collection::{Collection, Items};
use super::split::stratified;
use super::{DataError, Parts, decode};

/// Share of a folder without test images that is kept for testing.
const TEST: f64 = 0.1;

/// Folders of one tree of classes: enough for anything but a mistake.
const DEPTH: usize = 16;

/// Reads the names of a folder's images; the images themselves are decoded when they are wanted.
///
/// # Errors
/// If a folder cannot be read, a class has no image, the test images have a class that the training images lack, or there
/// are fewer than two classes.
pub fn folder(dir: impl AsRef<Path>) -> Result<Parts, DataError> {
    let dir = dir.as_ref();
    let train = dir.join("train");
    if !train.is_dir() {
        return Ok(split(tree(dir, None)?));
    }
    let train = tree(&train, None)?;
    let test = ["test", "val", "valid", "validation"].iter().map(|name| dir.join(name)).find(|path| path.is_dir());
    match test {
        Some(test) => Ok(Parts { test: tree(&test, Some(&train.classes))?, train }),
        None => Ok(split(train)),
    }
}

fn split(all: Collection) -> Parts {
    let Items::Files(paths) = all.items else { unreachable!("a tree is files") };
    let every: Vec<usize> = (0..all.labels.len()).collect();
    let (train, test) = stratified(&all.labels, &every, TEST, 0);
    let part = |items: Vec<usize>| Collection {
        items: Items::Files(items.iter().map(|&item| paths[item].clone()).collect()),
        labels: items.iter().map(|&item| all.labels[item]).collect(),
        classes: all.classes.clone(),
    };
    Parts { train: part(train), test: part(test) }
}

/// All images below the folders of the classes: those given, or those that are there.
fn tree(dir: &Path, known: Option<&[String]>) -> Result<Collection, DataError> {
    let found: Vec<String> =
        entries(dir)?.into_iter().filter(|(_, path)| path.is_dir()).map(|(name, _)| name).collect();
    let classes = match known {
        None if found.len() < 2 => return Err(DataError::Classes { dir: dir.into(), got: found.len() }),
        None => found.clone(),
        Some(known) => match found.iter().find(|name| !known.contains(name)) {
            Some(class) => return Err(DataError::UnknownClass { dir: dir.into(), class: class.clone() }),
            None => known.to_vec(),
        },
    };
    let (mut paths, mut labels) = (Vec::new(), Vec::new());
    for (label, class) in classes.iter().enumerate() {
        let class = dir.join(class);
        if known.is_some() && !class.is_dir() {
            continue;
        }
        let before = paths.len();
        images(&class, DEPTH, &mut paths)?;
        if paths.len() == before {
            return Err(DataError::EmptyClass { dir: class });
        }
        labels.resize(paths.len(), label);
    }
    Ok(Collection { items: Items::Files(paths), labels, classes })
}

/// Images of a folder and of the folders in it, by name.
fn images(dir: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), DataError> {
    for (name, path) in entries(dir)? {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        if path.is_dir() {
            // A link to a folder above would not end.
            if depth == 0 {
                return Err(DataError::TooDeep { path, depth: DEPTH });
            }
            images(&path, depth - 1, paths)?;
        } else if ending.is_some_and(|ending| decode::ENDINGS.contains(&ending.as_str())) && path.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

/// What is in a folder and not hidden, by name.
fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let io = |source| DataError::Io { path: dir.into(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { return Err(DataError::Name { path: entry.path() }) };
        if !name.starts_with('.') {
            entries.push((name.to_owned(), entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}

#[cfg(test)]
mod tests;

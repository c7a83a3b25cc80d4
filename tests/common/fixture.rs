//! Files of what PyTorch computes: fixtures/FOLDER/NAME.json, written by the programs in parity/.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

fn folder(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder)
}

/// The names of the fixtures in a folder, sorted.
///
/// # Panics
/// If the folder cannot be read or is empty.
#[must_use]
pub fn names(of: &str) -> Vec<String> {
    let folder = folder(of);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let mut names: Vec<String> = files.filter_map(|file| Some(file.strip_suffix(".json")?.to_owned())).collect();
    assert!(!names.is_empty(), "{} holds no fixtures", folder.display());
    names.sort();
    names
}

/// Reads `fixtures/FOLDER/NAME.json`.
///
/// # Panics
/// If it is not there or is no fixture.
#[must_use]
pub fn read<T: for<'a> Deserialize<'a>>(of: &str, name: &str) -> T {
    let path = folder(of).join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

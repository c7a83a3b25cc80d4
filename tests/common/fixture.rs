//! Files of what PyTorch computes: fixtures/FOLDER/NAME.json, written by the programs in parity/.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;

/// Where the tests' files are, if not where they were built.
const TESTS: &str = "CNN_TESTS";

/// A file or folder of the fixtures.
pub fn path(name: &str) -> PathBuf {
    let tests = env::var_os(TESTS).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).to_owned(), PathBuf::from);
    tests.join("fixtures").join(name)
}

/// The names of the fixtures in a folder, sorted.
///
/// # Panics
/// If the folder cannot be read or is empty.
#[must_use]
pub fn names(of: &str) -> Vec<String> {
    let folder = path(of);
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
    let path = path(of).join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

//! NVIDIA's libraries where the system's search finds none: next to Python's `nvidia-*` packages.

use std::path::{Path, PathBuf};
use std::{env, fs};

use libloading::Library;

/// Loads a library such as `libcudnn.so.9`, if a package of Python's holds it; it stays loaded, and is found by its name from
/// then on. What the system's own search or `LD_LIBRARY_PATH` finds comes first: call this only where that found nothing.
pub(in crate::engine::cuda) fn load_from_packages(stem: &str) -> bool {
    let library = from_packages(stem);
    let found = library.is_some();
    std::mem::forget(library);
    found
}

/// A library by one of its names, or from a package of Python's.
pub(super) fn open(names: &[&str], stem: &str) -> Option<Library> {
    // SAFETY: NVIDIA's libraries are made to be loaded at any time.
    let by_name = |name: &&str| unsafe { Library::new(*name) }.ok();
    names.iter().find_map(by_name).or_else(|| from_packages(stem))
}

fn from_packages(stem: &str) -> Option<Library> {
    let folders = site_packages().into_iter().flat_map(|folder| children(&folder.join("nvidia")));
    let files = folders.flat_map(|package| children(&package.join("lib")));
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(".so"))
    };
    // SAFETY: NVIDIA's libraries are made to be loaded at any time.
    files.filter(is_wanted).find_map(|file| unsafe { Library::new(file) }.ok())
}

/// Folders of Python packages: of the environment that is active, of the user, of the system.
fn site_packages() -> Vec<PathBuf> {
    let homes = ["VIRTUAL_ENV", "CONDA_PREFIX"].iter().filter_map(env::var_os).map(PathBuf::from);
    let user = env::var_os("HOME").map(|home| PathBuf::from(home).join(".local"));
    let system = ["/usr/local", "/usr", "/opt/conda"].map(PathBuf::from);
    let versions = homes.chain(user).chain(system).flat_map(|home| children(&home.join("lib")));
    let is_python = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3"));
    versions
        .filter(is_python)
        .flat_map(|version| ["site-packages", "dist-packages"].map(|kind| version.join(kind)))
        .collect()
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

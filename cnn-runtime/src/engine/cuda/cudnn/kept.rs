//! Which way was the fastest, kept from one process to the next: a file for each kind of processor and version of
//! cuDNN.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::ways::Mode;

/// Where in cuDNN's lists the fastest way stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    pub mode: Mode,
    pub index: usize,
    /// Bytes of workspace that were allowed when it was chosen.
    pub limit: usize,
    /// How long a run took.
    pub milliseconds: f32,
}

/// The file; without it nothing is kept, which costs time at each start and no more.
pub(super) struct Kept {
    path: Option<PathBuf>,
}

impl Kept {
    pub fn new(folder: Option<PathBuf>, processor: &str, version: usize) -> Kept {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
        let processor: String = processor.chars().map(plain).collect();
        Kept { path: folder.map(|folder| folder.join(format!("cudnn-2-{version}-{processor}.txt"))) }
    }

    pub fn get(&self, key: &str) -> Option<Choice> {
        read(self.path.as_ref()?).remove(key)
    }

    pub fn put(&self, key: &str, choice: Choice) {
        let Some(path) = &self.path else { return };
        // Other processes may have written since; what damaged lines said is chosen anew.
        let mut choices = read(path);
        choices.insert(key.into(), choice);
        let _ = write(path, &choices);
    }
}

fn read(path: &Path) -> BTreeMap<String, Choice> {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    text.lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<(String, Choice)> {
    let [key, mode, index, limit, milliseconds] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let mode = Mode::ALL.into_iter().find(|known| known.name() == mode)?;
    let milliseconds = milliseconds.parse().ok().filter(|time: &f32| time.is_finite())?;
    Some((key.into(), Choice { mode, index: index.parse().ok()?, limit: limit.parse().ok()?, milliseconds }))
}

/// Under a name of its own until it is whole.
fn write(path: &Path, choices: &BTreeMap<String, Choice>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = NamedTempFile::new_in(folder)?;
    for (key, Choice { mode, index, limit, milliseconds }) in choices {
        writeln!(file, "{key}\t{}\t{index}\t{limit}\t{milliseconds}", mode.name())?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_survive_damage_and_others() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(Some(folder.path().join("new")), "NVIDIA H100 80GB/HBM3", 91002);
        assert_eq!(kept.get("a b"), None);
        let first = Choice { mode: Mode::Ranked, index: 3, limit: usize::MAX, milliseconds: 0.0123 };
        let second = Choice { mode: Mode::Fallback, index: 0, limit: 5, milliseconds: 1e-5 };
        kept.put("a b", first);
        let path = kept.path.clone().unwrap();
        assert!(path.ends_with("new/cudnn-2-91002-NVIDIA-H100-80GB-HBM3.txt"), "{path:?}");
        let mut text = fs::read(&path).unwrap();
        text.extend(b"broken\tranked\t-1\t0\t1\nbroken\tranked\t1\t0\tNaN\n\xff\xfe\t\t\t\t\nhalf a li");
        fs::write(&path, text).unwrap();
        kept.put("c", second);
        let other = Kept::new(Some(folder.path().join("new")), "NVIDIA H100 80GB/HBM3", 91002);
        assert_eq!((other.get("a b"), other.get("c"), other.get("broken")), (Some(first), Some(second), None));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
        let nowhere = Kept::new(Some("/dev/null/no".into()), "", 0);
        nowhere.put("a", first);
        assert_eq!((nowhere.get("a"), Kept::new(None, "", 0).get("a")), (None, None));
    }
}

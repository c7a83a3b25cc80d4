//! The checkpoints of a run: a few files, of which the newest that is intact counts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::checkpoint::{self, Progress};
use super::error::TrainError;
use super::folder::{Run, read};

const FOLDER: &str = "checkpoints";
/// Behind the name of a file that was passed over.
const REFUSED: &str = "refused";

/// The newest checkpoint that can be gone on with.
pub(super) struct Found {
    pub path: PathBuf,
    pub progress: Progress,
    /// The bytes of the file, which the trainer reads.
    pub state: Vec<u8>,
    /// Newer ones that cannot, and why: the newest first.
    pub passed: Vec<(PathBuf, String)>,
}

impl Run {
    /// How far it came, and the trainer's state then; nothing before the first checkpoint. Damaged files are passed over
    /// where an older one is intact.
    ///
    /// # Errors
    /// If none of them is intact, or the folder cannot be read.
    pub fn checkpoint(&self) -> Result<Option<(Progress, Vec<u8>)>, TrainError> {
        Ok(self.newest(&|_| Ok(()))?.map(|found| (found.progress, found.state)))
    }

    /// The same, of those that suit the rest of the folder.
    pub(super) fn newest(&self, suits: &dyn Fn(&Progress) -> Result<(), String>) -> Result<Option<Found>, TrainError> {
        let mut passed = Vec::new();
        for path in self.checkpoints()?.into_iter().rev() {
            // Another process may have thrown it away since.
            let Some(bytes) = read(&path)? else { continue };
            match checkpoint::decode(&bytes, self.identity()).and_then(|progress| suits(&progress).map(|()| progress)) {
                Ok(progress) => return Ok(Some(Found { path, progress, state: bytes, passed })),
                Err(reason) => passed.push((path, reason)),
            }
        }
        match passed.into_iter().next() {
            None => Ok(None),
            Some((path, reason)) => Err(TrainError::Damaged { path, reason }),
        }
    }

    /// Puts files that were passed over out of the way, so that they are not met again; their bytes stay.
    pub(super) fn set_aside(&self, passed: &[(PathBuf, String)]) -> Result<(), TrainError> {
        for (path, _) in passed {
            let aside = path.with_added_extension(REFUSED);
            fs::rename(path, &aside).map_err(|source| TrainError::Io {
                action: "rename",
                path: path.clone(),
                source,
            })?;
        }
        Ok(())
    }

    /// Writes a checkpoint, then throws away the oldest beyond so many.
    pub(super) fn keep_checkpoint(&self, state: &[u8], progress: &Progress, keep: usize) -> Result<(), TrainError> {
        let name = format!("{FOLDER}/step-{:010}.safetensors", progress.steps);
        let bytes = checkpoint::encode(state, progress, self.identity())
            .map_err(|reason| TrainError::Damaged { path: self.path(&name), reason })?;
        let folder = self.path(FOLDER);
        fs::create_dir_all(&folder).map_err(|source| TrainError::Io { action: "create", path: folder, source })?;
        self.replace(&name, &bytes)?;
        let all = self.checkpoints()?;
        for old in &all[..all.len().saturating_sub(keep.max(1))] {
            match fs::remove_file(old) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(TrainError::Io { action: "remove", path: old.clone(), source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The files, the oldest first.
    fn checkpoints(&self) -> Result<Vec<PathBuf>, TrainError> {
        let folder = self.path(FOLDER);
        let failed = |source| TrainError::Io { action: "read", path: folder.clone(), source };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            found.extend(step(&path).map(|step| (step, path)));
        }
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }
}

/// Of which step a file is; none of those that have other names.
fn step(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_prefix("step-")?.strip_suffix(".safetensors")?;
    if digits.bytes().all(|digit| digit.is_ascii_digit()) { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_from_names() {
        let of = |name: &str| step(Path::new(name));
        assert_eq!(of("a/step-0000000012.safetensors"), Some(12));
        assert_eq!(of("step-12345678901.safetensors"), Some(12_345_678_901));
        for other in
            ["step-1.safetensors.tmp", "step-1.safetensors.refused", "step-+1.safetensors", "step-.safetensors", "x"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}

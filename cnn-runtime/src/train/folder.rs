//! The folder of a run.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cnn_lang::graph::{Graph, Shape};

use super::checksums;
use super::error::TrainError;
use super::images::Facts;
use super::settings::Settings;
use crate::weights::StateDict;

/// The folder of a run.
///
/// | file | |
/// |---|---|
/// | `settings.json` | [`Settings`] |
/// | `network.cnn` | the network's source, which stands alone |
/// | `initial.safetensors` | what the weights began as, where they were not drawn |
/// | `data.json` | [`Facts`]: what normalised the images |
/// | `metrics.jsonl` | [`Record`](super::Record)s |
/// | `evaluation.json` | the last epoch's [`Assessment`](super::Assessment) |
/// | `events.out.tfevents.cnn` | the metrics as TensorBoard reads them |
/// | `report.html` | all of it on one page, which opens without a network |
/// | `curve.svg` | loss and accuracy by epoch (feature `program`) |
/// | `weights.safetensors` | of the last complete epoch; the averaged ones, where an average is kept |
/// | `best.safetensors` | the same of the epoch with the best test accuracy |
/// | `checkpoints/` | the newest few files of what the next steps depend on, with the position in their headers |
/// | `checksums` | of the first three, as `xxhsum -c` reads it |
///
/// Every file is replaced as a whole; what stands under its name is complete.
#[derive(Clone, Debug)]
pub struct Run {
    dir: PathBuf,
    settings: Settings,
    source: String,
    /// The text of `checksums`.
    checksums: String,
}

const SETTINGS: &str = "settings.json";
const SOURCE: &str = "network.cnn";
const INITIAL: &str = "initial.safetensors";
const DATA: &str = "data.json";
const CHECKSUMS: &str = "checksums";
const LOCK: &str = "lock";

impl Run {
    /// A new run in a folder that is not there yet, or is empty. The folder appears with its files or not at all.
    ///
    /// # Errors
    /// If the settings make no sense, the network cannot be built, or something lies there; if the system refuses.
    pub fn create(dir: &Path, settings: Settings, source: &str) -> Result<Run, TrainError> {
        Run::begin(dir, settings, source, None)
    }

    /// The same, beginning with weights that are not drawn: pretrained ones.
    ///
    /// # Errors
    /// As [`Run::create`].
    pub fn create_from(
        dir: &Path,
        settings: Settings,
        source: &str,
        weights: &StateDict<f32>,
    ) -> Result<Run, TrainError> {
        Run::begin(dir, settings, source, Some(weights))
    }

    fn begin(
        dir: &Path,
        settings: Settings,
        source: &str,
        weights: Option<&StateDict<f32>>,
    ) -> Result<Run, TrainError> {
        let (run, weights) = Run::checked(settings, source, weights)?;
        let run = Run { dir: dir.to_owned(), ..run };
        match run.appear(weights.as_deref())? {
            true => Ok(run),
            false => Err(TrainError::Exists { path: dir.to_owned() }),
        }
    }

    /// A run without a folder, and the file of its weights.
    fn checked(
        mut settings: Settings,
        source: &str,
        weights: Option<&StateDict<f32>>,
    ) -> Result<(Run, Option<Vec<u8>>), TrainError> {
        settings.check()?;
        settings.pretrained = weights.map(|_| settings.pretrained.unwrap_or_default());
        let weights = weights.map(StateDict::to_bytes).transpose()?;
        let text = pretty(&settings);
        let mut files = vec![(SETTINGS, text.as_slice()), (SOURCE, source.as_bytes())];
        files.extend(weights.as_deref().map(|bytes| (INITIAL, bytes)));
        let checksums = checksums::text(&files);
        let run = Run { dir: PathBuf::new(), settings, source: source.to_owned(), checksums };
        run.graph()?;
        Ok((run, weights))
    }

    /// A new run in `parent`: `name-1`, or the next number that is free.
    ///
    /// # Errors
    /// As [`Run::create`].
    pub fn create_numbered(parent: &Path, name: &str, settings: Settings, source: &str) -> Result<Run, TrainError> {
        Run::begin_numbered(parent, name, settings, source, None)
    }

    /// The same, beginning with weights that are not drawn: pretrained ones.
    ///
    /// # Errors
    /// As [`Run::create`].
    pub fn create_numbered_from(
        parent: &Path,
        name: &str,
        settings: Settings,
        source: &str,
        weights: &StateDict<f32>,
    ) -> Result<Run, TrainError> {
        Run::begin_numbered(parent, name, settings, source, Some(weights))
    }

    fn begin_numbered(
        parent: &Path,
        name: &str,
        settings: Settings,
        source: &str,
        weights: Option<&StateDict<f32>>,
    ) -> Result<Run, TrainError> {
        let name: String = name.chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).collect();
        let name = if name.is_empty() { "run" } else { &name };
        let (mut run, weights) = Run::checked(settings, source, weights)?;
        for number in 1u64.. {
            run.dir = parent.join(format!("{name}-{number}"));
            if !run.dir.exists() && run.appear(weights.as_deref())? {
                return Ok(run);
            }
        }
        Err(TrainError::Exists { path: parent.to_owned() })
    }

    /// A run that is there.
    ///
    /// # Errors
    /// If the folder is none of a run, or its files are damaged.
    pub fn open(dir: &Path) -> Result<Run, TrainError> {
        let read = |name| match fs::read_to_string(dir.join(name)) {
            Ok(text) => Ok(text),
            Err(source) if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(TrainError::NotARun { path: dir.to_owned(), missing: name })
            }
            Err(source) => Err(TrainError::Io { action: "read", path: dir.join(name), source }),
        };
        let settings: Settings = serde_json::from_str(&read(SETTINGS)?)
            .map_err(|error| TrainError::Damaged { path: dir.join(SETTINGS), reason: error.to_string() })?;
        settings.check()?;
        let (source, checksums) = (read(SOURCE)?, read(CHECKSUMS)?);
        let run = Run { dir: dir.to_owned(), settings, source, checksums };
        run.compare(SETTINGS, read(SETTINGS)?.as_bytes())?;
        run.compare(SOURCE, run.source.as_bytes())?;
        Ok(run)
    }

    /// Refuses a file that is not what the run began with.
    fn compare(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let expected = checksums::of(&self.checksums, name)
            .map_err(|reason| TrainError::Damaged { path: self.path(CHECKSUMS), reason })?;
        match checksums::hex(&[bytes]) == expected {
            true => Ok(()),
            false => Err(TrainError::Changed { path: self.path(name) }),
        }
    }

    /// What tells it from other runs.
    pub(super) fn identity(&self) -> &str {
        &self.checksums
    }

    /// Whether a folder looks like one of a run.
    pub fn is_at(dir: &Path) -> bool {
        dir.join(SETTINGS).is_file()
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the training is.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The network's definition.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The network.
    ///
    /// # Errors
    /// If it cannot be built from the source.
    pub fn graph(&self) -> Result<Graph, TrainError> {
        let input = self.settings.input;
        self.graph_at(input.map(|[channels, height, width]| Shape::map(channels, height, width)))
    }

    /// The network at another input; its definition's own where there is none.
    ///
    /// # Errors
    /// As [`Run::graph`].
    pub fn graph_at(&self, input: Option<Shape>) -> Result<Graph, TrainError> {
        let Settings { network, definition, arguments, .. } = &self.settings;
        let failed = |errors: Vec<cnn_lang::diag::Diagnostic>| {
            let first = &errors[0];
            let help = first.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
            TrainError::Network { network: network.clone(), message: format!("{}{help}", first.message) }
        };
        let args = cnn_lang::arguments(arguments).map_err(failed)?;
        cnn_lang::load_at(&self.source, definition.as_deref(), &args, input).map_err(failed)
    }

    /// The weights that it begins with.
    ///
    /// # Errors
    /// If the network takes none, or the file of pretrained ones is damaged or gone.
    pub fn initial(&self, graph: &Graph) -> Result<StateDict<f32>, TrainError> {
        Ok(match self.settings.pretrained {
            Some(_) => {
                let path = self.path(INITIAL);
                let bytes = read(&path)?.ok_or(TrainError::NotARun { path: self.dir.clone(), missing: INITIAL })?;
                self.compare(INITIAL, &bytes)?;
                StateDict::load(graph, path)?
            }
            None => StateDict::init(graph, self.settings.seed)?,
        })
    }

    /// What its data were; nothing before they were loaded the first time.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn facts(&self) -> Result<Option<Facts>, TrainError> {
        let path = self.path(DATA);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let facts = serde_json::from_slice(&bytes);
        facts.map(Some).map_err(|error| TrainError::Damaged { path, reason: error.to_string() })
    }

    /// A file of the run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The weights to use: those of the best epoch.
    pub fn weights(&self) -> PathBuf {
        self.path("best.safetensors")
    }

    /// Notes what the data are, or compares them with what they were.
    pub(super) fn keep_facts(&self, facts: &Facts) -> Result<(), TrainError> {
        let Some(mut known) = self.facts()? else { return self.replace(DATA, &pretty(facts)) };
        if known.names.is_empty() {
            // As versions wrote it that knew no names.
            known.names.clone_from(&facts.names);
        }
        let differences = [
            ("classes", known.names.join(" "), facts.names.join(" ")),
            ("training images", format!("{}", known.train), format!("{}", facts.train)),
            ("validation images", format!("{}", known.validation), format!("{}", facts.validation)),
            ("test images", format!("{}", known.test), format!("{}", facts.test)),
            ("mean", format!("{:?}", known.mean), format!("{:?}", facts.mean)),
            ("deviation", format!("{:?}", known.std), format!("{:?}", facts.std)),
            ("facts", format!("{known:?}"), format!("{facts:?}")),
        ];
        match differences.into_iter().find(|(_, known, got)| known != got) {
            None if read(&self.path(DATA))? == Some(pretty(facts)) => Ok(()),
            None => self.replace(DATA, &pretty(facts)),
            Some((what, known, got)) => Err(TrainError::OtherData {
                data: self.settings.data.to_string(),
                path: self.dir.clone(),
                reason: format!("{what}: {known} expected, got {got}"),
            }),
        }
    }

    /// Keeps other processes from training it too, until the file is closed: the system does so however this one ends.
    pub(super) fn lock(&self) -> Result<File, TrainError> {
        let path = self.path(LOCK);
        let failed = |source| TrainError::Io { action: "lock", path: path.clone(), source };
        let file = File::create(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(TrainError::Busy { path: self.dir.clone() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Replaces a file as a whole: whenever the process or the machine stops, the old one is there or the new one.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let (path, unfinished) = (self.path(name), self.path(&format!("{name}.tmp")));
        let written = write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, &path));
        if written.is_err() {
            // A full disk needs its place.
            let _ = fs::remove_file(&unfinished);
        }
        let parent = path.parent().unwrap_or(&self.dir);
        written.and_then(|()| settle(parent)).map_err(|source| TrainError::Io { action: "write", path, source })
    }

    /// Whether the folder could be put in its place: nothing was there.
    fn appear(&self, weights: Option<&[u8]>) -> Result<bool, TrainError> {
        let failed = |source| TrainError::Io { action: "create", path: self.dir.clone(), source };
        let parent = self.dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(failed)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".run-");
        // Temporary folders are private; a run gets the permissions of any new folder.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let unfinished = builder.tempdir_in(parent).map_err(failed)?;
        write(&unfinished.path().join(SETTINGS), &pretty(&self.settings)).map_err(failed)?;
        write(&unfinished.path().join(SOURCE), self.source.as_bytes()).map_err(failed)?;
        if let Some(weights) = weights {
            write(&unfinished.path().join(INITIAL), weights).map_err(failed)?;
        }
        write(&unfinished.path().join(CHECKSUMS), self.checksums.as_bytes()).map_err(failed)?;
        // Takes the place of nothing or of an empty folder.
        match fs::rename(unfinished.path(), &self.dir) {
            Ok(()) => {
                let _ = unfinished.keep();
                settle(parent).map_err(failed)?;
                Ok(true)
            }
            Err(_) if self.dir.exists() => Ok(false),
            Err(source) => Err(failed(source)),
        }
    }
}

fn pretty(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Brings names to the disk.
fn settle(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, TrainError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TrainError::Io { action: "read", path: path.to_owned(), source }),
    }
}

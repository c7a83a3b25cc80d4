//! The programs of `tests/ui`: one mistake each, beside it what rustc says.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders, in the order in which the compiler finds their mistakes, with what they hold.
pub const PHASES: [(&str, &str); 9] = [
    ("syntax", "Grammar"),
    ("imports", "Imports and instances"),
    ("names", "Names"),
    ("arguments", "Arguments"),
    ("expressions", "Expressions"),
    ("sizes", "Sizes"),
    ("limits", "Limits"),
    ("spaces", "Spaces"),
    ("uses", "Tensors that do not fit"),
];

/// The programs of a folder, in the order of their names.
///
/// # Panics
/// If the folder cannot be read.
pub fn programs(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut programs: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect();
    programs.sort();
    programs
}

/// One error as rustc prints it.
pub struct Shown {
    /// Behind `error: `, with rustc's own word on the marked text, if there is one.
    pub message: String,
    /// The line of the program.
    pub line: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// The errors that rustc prints for a program.
///
/// # Panics
/// If the expected output is missing or reads otherwise.
pub fn errors(program: &Path) -> Vec<Shown> {
    let source = fs::read_to_string(program).expect("a program");
    let text = fs::read_to_string(program.with_extension("stderr")).expect("what rustc says");
    let shown = |block: &str| {
        let mut lines = block.lines();
        let first = lines.next().unwrap_or_default();
        let (_, message) = first.split_once(": ").unwrap_or_else(|| panic!("{}: {first}", program.display()));
        let help =
            block.lines().take_while(|line| !line.contains("--> ")).find_map(|line| line.trim().strip_prefix("help: "));
        let place = lines.find_map(|line| line.trim().strip_prefix("--> ")).expect("a place");
        let number: usize = place.rsplit(':').nth(1).and_then(|number| number.parse().ok()).expect("a line number");
        let label = lines.find_map(|line| line.rsplit_once('^')).map_or("", |(_, label)| label.trim());
        Shown {
            message: if label.is_empty() { message.to_owned() } else { format!("{message}: {label}") },
            line: source.lines().nth(number - 1).unwrap_or_default().trim().to_owned(),
            help: help.map(str::to_owned),
        }
    };
    format!("\n{text}").split("\nerror").skip(1).map(shown).collect()
}

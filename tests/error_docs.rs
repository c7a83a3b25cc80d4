//! docs/errors.md lists every message with the line that brings it about, as `tests/ui` holds them.

use std::fs;
use std::path::{Path, PathBuf};

use cnn_tests::cases::{PHASES, Shown, errors, programs};

const BEGIN: &str = "<!-- errors: written by the test error_docs, UPDATE_DOCS=1 -->\n";

/// Longer lines are cut.
const WIDEST: usize = 110;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md")
}

fn row(error: &Shown) -> String {
    let cell = |text: &str| {
        let text = text.replace('|', "\\|");
        // Between backquotes `<` stands for itself.
        let pieces = text.split('`').enumerate();
        let pieces = pieces.map(|(n, piece)| if n % 2 == 0 { piece.replace('<', "&lt;") } else { piece.to_owned() });
        pieces.collect::<Vec<_>>().join("`")
    };
    let mut line: String = error.line.chars().take(WIDEST).collect();
    if line.len() < error.line.len() {
        line.push('…');
    }
    let line = line.replace('|', "\\|");
    let help = error.help.as_deref().map_or("–".to_owned(), cell);
    format!("| {} | `` {line} `` | {help} |\n", cell(&error.message))
}

fn table() -> String {
    let mut text = String::new();
    for (folder, title) in PHASES {
        text += &format!("\n## {title}\n\n| error | brought about by | help |\n|---|---|---|\n");
        let mut rows: Vec<String> =
            programs(folder).iter().flat_map(|program| errors(program)).map(|e| row(&e)).collect();
        let all = rows.len();
        rows.sort();
        rows.dedup();
        println!("{folder}: {} errors of {all}", rows.len());
        text.extend(rows);
    }
    text
}

#[test]
fn every_error_is_listed() {
    let text = fs::read_to_string(path()).expect("docs/errors.md");
    let start = text.find(BEGIN).expect("the marker in front of the table") + BEGIN.len();
    let table = table();
    assert!(table.lines().filter(|line| line.starts_with("| ")).count() > 85, "{table}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path(), format!("{}{table}", &text[..start])).expect("docs/errors.md is written");
    } else {
        assert_eq!(&text[start..], table, "UPDATE_DOCS=1 cargo test -p cnn-tests --test error_docs");
    }
}

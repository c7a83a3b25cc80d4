//! docs/language.md tells the truth: its table of layers is the compiler's, its examples do what it says.

mod common;

use std::fs;
use std::path::PathBuf;

use cnn_lang::diag::Diagnostics;
use cnn_lang::graph::{LAYERS, Layer};
use cnn_lang::space::load;
use cnn_lang::syntax::parse_str;
use cnn_lang::{compile_str, imports};
use common::{lines, names, output};

const BEGIN: &str = "<!-- layers: written by the test language_docs, UPDATE_DOCS=1 -->\n";
const END: &str = "<!-- /layers -->\n";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/language.md")
}

fn text() -> String {
    fs::read_to_string(path()).expect("docs/language.md")
}

fn table() -> String {
    let row = |layer: &Layer| {
        let none = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
        let cells = [
            format!("`{}`", layer.signature()),
            layer.about.to_owned(),
            none(layer.size),
            none(layer.tensors),
            none(layer.macs),
        ];
        format!("| {} |\n", cells.join(" | "))
    };
    let rows: String = LAYERS.iter().map(row).collect();
    format!("| layer | what it computes | size | tensors | multiply-adds |\n|---|---|---|---|---|\n{rows}")
}

#[test]
fn the_table_of_layers_is_the_compilers() {
    let text = text();
    let start = text.find(BEGIN).expect("the marker in front of the table") + BEGIN.len();
    let end = text.find(END).expect("the marker behind the table");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path(), format!("{}{}{}", &text[..start], table(), &text[end..]))
            .expect("docs/language.md is written");
    } else {
        assert_eq!(&text[start..end], table(), "UPDATE_DOCS=1 cargo test -p cnn-lang --test language_docs");
    }
}

/// Fenced blocks with these words behind the fence.
fn blocks(words: &str) -> Vec<String> {
    let fence = format!("\n```{words}\n");
    let text = format!("\n{}", text());
    let starts = text.match_indices(&fence).map(|(at, found)| at + found.len());
    starts.map(|start| text[start..start + text[start..].find("\n```").expect("an end")].to_owned()).collect()
}

/// Rows of the tables with this header, quotes of code taken off.
fn rows(header: &str) -> Vec<Vec<String>> {
    let text = text();
    let mut rows = Vec::new();
    for (at, _) in text.match_indices(&format!("{header}\n")) {
        for line in text[at..].lines().skip(2).take_while(|line| line.starts_with('|')) {
            let line = line.trim_matches('|').replace("\\|", "\u{1}");
            rows.push(line.split('|').map(|cell| cell.trim().trim_matches('`').replace('\u{1}', "|")).collect());
        }
    }
    rows
}

#[test]
fn definitions_hold() {
    let blocks = blocks("text");
    assert!(blocks.len() >= 7, "{}", blocks.len());
    for source in blocks {
        let mut errors = Diagnostics::default();
        let file = parse_str(&source, &mut errors);
        assert!(errors.is_empty() && !file.items.is_empty(), "{source}\n{errors:#?}");
        // What is imported is not in the text.
        if imports(&file).is_empty() {
            let program = compile_str(&source);
            assert!(program.errors.is_empty(), "{source}\n{:#?}", program.errors);
        }
    }
}

#[test]
fn errors_are_those_that_are_shown() {
    let blocks = blocks("text error");
    assert!(blocks.len() >= 3, "{}", blocks.len());
    for block in blocks {
        let (source, expected) = block.split_once("\n\n").expect("a source, an empty line, its errors");
        let shown = |error: &cnn_lang::diag::Diagnostic| format!("error: {error}");
        let found: Vec<String> = compile_str(source).errors.iter().map(shown).collect();
        assert_eq!(found.join("\n"), expected, "{source}");
    }
}

#[test]
fn spaces_have_the_members_and_genes_that_are_shown() {
    let blocks = blocks("text space");
    assert!(blocks.len() >= 5, "{}", blocks.len());
    for block in blocks {
        let (source, expected) = block.split_once("\n\n").expect("a source, an empty line, its genes");
        let space = load(source, None).unwrap_or_else(|errors| panic!("{source}\n{errors:#?}"));
        let names: Vec<&str> = space.genes().iter().map(|gene| gene.name.as_str()).collect();
        assert_eq!(format!("{} members: {}", space.size().expect("few"), names.join(", ")), expected, "{source}");
    }
}

#[test]
fn errors_of_spaces_are_those_that_are_shown() {
    let blocks = blocks("text space error");
    assert!(blocks.len() >= 2, "{}", blocks.len());
    for block in blocks {
        let (source, expected) = block.split_once("\n\n").expect("a source, an empty line, its errors");
        let errors = load(source, None).map(|space| space.name().to_owned()).expect_err("mistakes");
        let found: Vec<String> = errors.iter().map(|error| format!("error: {error}")).collect();
        assert_eq!(found.join("\n"), expected, "{source}");
    }
}

#[test]
fn chains_make_the_sizes_that_are_shown() {
    let rows = rows("| chain | arrives | leaves |\n|---|---|---|");
    assert!(rows.len() >= 12, "{rows:?}");
    for row in rows {
        let found = output(&row[1], &row[0]).map(|shape| shape.to_string());
        assert_eq!(found.as_ref(), Ok(&row[2]), "{row:?}");
    }
}

#[test]
fn steps_have_the_names_that_are_shown() {
    let rows = rows("| steps | weights |\n|---|---|");
    assert!(rows.len() >= 6, "{rows:?}");
    for row in rows {
        let source = format!("block unit() {{ conv: conv(2, 1) -> bn: bn }} N: 2x8x8 -> 2x8x8; {}", row[0]);
        let weights: Vec<String> =
            names(&source).iter().filter_map(|name| name.strip_suffix(".weight")).map(str::to_owned).collect();
        assert_eq!(weights.join(" "), row[1].replace(['`', ','], ""), "{row:?}");
    }
}

#[test]
fn expressions_are_worth_what_is_shown() {
    let rows = rows("| expression | value |\n|---|---|");
    assert!(rows.len() >= 6, "{rows:?}");
    for row in rows {
        let source = format!(
            "N: 3x8x8 -> 10; head {{ let a = {}; let b = {}; if a == b {{ gap -> linear(10) }} }};",
            row[0], row[1]
        );
        assert_eq!(lines(&source), [""; 0], "{row:?}");
    }
}

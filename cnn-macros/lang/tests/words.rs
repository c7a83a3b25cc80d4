//! The words that editors show are the language's: `cnn_runtime::words` is the compiler's table of layers.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use cnn_lang::graph::{LAYERS, Layer};

const HEAD: &str = "\
//! The words of the language as items, for editors: hovering over `conv` in a network shows the documentation of this `conv`.
//!
//! Written by the test `words` from the compiler's table of layers: `UPDATE_DOCS=1 cargo test -p cnn-lang --test words`.
#![allow(non_upper_case_globals)]
";

/// Words that are no layers.
const KEYWORDS: [(&str, &str, &str); 11] = [
    ("add", "add { a; b; }", "The sum of its branches, whose sizes are equal. Each begins at the tensor that arrives."),
    ("aux", "aux { chain }", "An extra output: its steps begin here, and the tensor here passes on."),
    ("block", "block name(out, stride = 1) { chain }", "Steps with parameters, called like a layer."),
    ("body", "body chain; …", "The steps between stem and head. `features()` ends with them."),
    (
        "choose",
        "choose { chain; chain; }",
        "In a space: one of these. In an expression `choose(a, b)`: one of these values.",
    ),
    ("concat", "concat { a; b; c; }", "Its branches joined along the channels; height and width are equal."),
    ("from", "from name", "Replaces the tensor here by the one that `tap name` named."),
    ("head", "head chain; …", "The last steps: from features to what the network delivers."),
    ("mul", "mul { a; b; }", "The product of its branches; an axis of length 1 is repeated."),
    ("stem", "stem chain; …", "The first steps of a network."),
    ("tap", "tap name", "Names the tensor here, for `from name`, and lets it pass."),
];

fn layer(layer: &Layer) -> String {
    let mut text = format!("\n/// `{}`\n///\n/// {}\n", layer.signature(), layer.about);
    // Shapes in brackets are no links.
    let tensors = layer.tensors.replace('[', "\\[").replace(']', "\\]");
    for (title, what) in [("Size", layer.size), ("Tensors", &tensors), ("Multiply-adds", layer.macs)] {
        if !what.is_empty() {
            let _ = write!(text, "///\n/// **{title}**: {}\n", what.replace("\\|", "|"));
        }
    }
    let _ = writeln!(text, "pub const {}: () = ();", layer.keyword);
    text
}

#[test]
fn the_words_that_editors_show_are_the_compilers() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../cnn-runtime/src/words.rs");
    let mut text = HEAD.to_owned();
    for (word, signature, about) in KEYWORDS {
        let _ = write!(text, "\n/// `{signature}`\n///\n/// {about}\npub const {word}: () = ();\n");
    }
    text.extend(LAYERS.iter().map(layer));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, text).expect("words.rs is written");
        return;
    }
    let known = fs::read_to_string(path).expect("cnn-runtime/src/words.rs");
    assert!(known == text, "UPDATE_DOCS=1 cargo test -p cnn-lang --test words");
    println!("{} layers and {} keywords are documented for editors", LAYERS.len(), KEYWORDS.len());
}

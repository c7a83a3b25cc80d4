//! What the tests of elaboration share: networks from short texts, and errors as one line.
#![allow(dead_code)]

use cnn_lang::diag::Diagnostic;
use cnn_lang::graph::{Graph, Shape};
use cnn_lang::{compile_str, load};

/// The last network of a source that holds.
pub fn graph(source: &str) -> Graph {
    load(source, None).unwrap_or_else(|errors| panic!("{source}\n{errors:#?}"))
}

/// A network whose body is this chain; it may deliver anything.
pub fn body(input: &str, chain: &str) -> Graph {
    let source = |output: &str| format!("N: {input} -> {output}; body {chain};");
    match output(input, chain) {
        Ok(shape) => graph(&source(&format!("{:?}", shape.dims()))),
        Err(errors) => panic!("{input} {chain}: {errors}"),
    }
}

/// What a chain makes of an input: the size that the error of a wrong header names.
pub fn output(input: &str, chain: &str) -> Result<Shape, String> {
    let probe = format!("N: {input} -> [7919, 1, 1]; body {chain};");
    let errors = lines(&probe);
    let [error] = errors.as_slice() else { return Err(errors.join("; ")) };
    let Some((_, shape)) = error.split_once("but its last step delivers ") else { return Err(error.clone()) };
    let numbers: Vec<usize> =
        shape.split(" | ").next().unwrap_or_default().split('x').map(|n| n.parse().expect("a number")).collect();
    match numbers.as_slice() {
        [length] => Ok(Shape::Vector(*length)),
        [channels, height, width] => Ok(Shape::map(*channels, *height, *width)),
        other => Err(format!("{other:?}")),
    }
}

/// `line:column message | help | note`.
pub fn line(error: &Diagnostic) -> String {
    let start = error.span.first.start();
    let text = format!("{}:{} {error}", start.line, start.column + 1);
    text.replace("\nhelp: ", " | ").replace("\nnote: ", " | ")
}

/// Every error of a source.
pub fn lines(source: &str) -> Vec<String> {
    compile_str(source).errors.iter().map(line).collect()
}

/// The names of what a network holds.
pub fn names(source: &str) -> Vec<String> {
    graph(source).names()
}

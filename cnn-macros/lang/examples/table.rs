//! Prints the layer table of a DSL file, or its mistakes: `cargo run -p cnn-lang --example table FILE [NAME]`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(file) = arguments.next() else {
        eprintln!("usage: table FILE [NAME]");
        return ExitCode::from(2);
    };
    let source = match std::fs::read_to_string(&file) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("{file}: {error}");
            return ExitCode::from(2);
        }
    };
    match cnn_lang::load(&source, arguments.next().as_deref()) {
        Ok(graph) => {
            println!("{}", graph.table());
            ExitCode::SUCCESS
        }
        Err(errors) => {
            for error in errors {
                println!("{file}:{:?}: {error}", error.span);
            }
            ExitCode::from(2)
        }
    }
}

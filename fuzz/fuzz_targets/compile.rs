//! Any text comes to graphs or to mistakes: no panic, no runaway, and a graph's table and costs can be had.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let program = cnn_lang::compile_str(source);
    for network in program.networks {
        if let Some(graph) = network.graph {
            let _ = (graph.table(), graph.costs());
        } else {
            assert!(!program.errors.is_empty() || !cnn_lang::imports(&program.file).is_empty(), "no graph and no mistake");
        }
    }
});

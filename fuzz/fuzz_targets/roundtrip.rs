//! Source that reads without a mistake prints as source that reads as the same tree, and prints the same again.
#![no_main]

use cnn_lang::diag::Diagnostics;
use cnn_lang::syntax::{parse_str, print};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let mut errors = Diagnostics::default();
    let file = parse_str(source, &mut errors);
    if !errors.is_empty() {
        return;
    }
    let printed = print(&file);
    let again = parse_str(&printed, &mut errors);
    assert!(errors.is_empty(), "printed source does not read: {printed}\n{errors:?}");
    assert_eq!(again, file, "printed: {printed}");
    assert_eq!(print(&again), printed);
});

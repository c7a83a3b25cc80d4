//! Mistakes as their users see them: one program a mistake, with what rustc says about it; and programs that hold.
//!
//! A program also uses its network, so whatever rustc adds to the macro's own errors would show. After a message was
//! changed on purpose: `TRYBUILD=overwrite cargo test -p cnn-tests --test ui`, and read the difference.

use std::fs;

use cnn_tests::cases::{PHASES, errors, programs};

#[test]
fn mistakes_and_programs_that_hold() {
    let cases = trybuild::TestCases::new();
    for (phase, _) in PHASES {
        let programs = programs(phase);
        println!("{phase}: {} programs", programs.len());
        assert!(programs.len() > 1, "ui/{phase} is empty");
        cases.compile_fail(format!("ui/{phase}/*.rs"));
    }
    println!("pass: {} programs", programs("pass").len());
    cases.pass("ui/pass/*.rs");
}

#[test]
fn programs_are_short_and_have_one_error_a_mistake() {
    for (phase, _) in PHASES {
        for path in programs(phase) {
            let name = path.display();
            let program = fs::read_to_string(&path).expect("a program");
            assert!(program.lines().count() <= 15, "{name} is long: one mistake a program");
            let found = errors(&path);
            assert!(!found.is_empty(), "{name} has no error");
            if phase == "uses" {
                // Types are rustc's to compare: one error, whose label names both.
                let [error] = found.as_slice() else { panic!("{name}: {} errors", found.len()) };
                assert!(
                    error.message.contains("expected") && error.message.contains("found"),
                    "{name}: {}",
                    error.message
                );
                continue;
            }
            let text = fs::read_to_string(path.with_extension("stderr")).expect("what rustc says");
            for line in text.lines().filter(|line| line.starts_with("error")) {
                // Paths are rustc's to resolve.
                let path = phase == "imports" && line.starts_with("error[E04");
                assert!(path || line.starts_with("error: "), "{name}: rustc's own {line}");
            }
            for error in found {
                let first = error.message.chars().next().unwrap_or('X');
                assert!(!first.is_ascii_uppercase(), "{name}: {}", error.message);
            }
        }
    }
}

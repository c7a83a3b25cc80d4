//! Mistakes as their users see them: one program a mistake, with what rustc says about it; and programs that hold.
//!
//! A program also uses its network, so whatever rustc adds to the macro's own errors would show. After a message was
//! changed on purpose: `TRYBUILD=overwrite cargo test -p cnn-tests --test ui`, and read the difference.

use std::fs;
use std::path::Path;

/// Folders, in the order in which the compiler finds their mistakes.
const PHASES: [&str; 8] = ["syntax", "imports", "names", "arguments", "expressions", "sizes", "limits", "uses"];

fn programs(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new("ui").join(folder)).expect("a folder of programs");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut programs: Vec<String> = names.filter(|name| name.ends_with(".rs")).collect();
    programs.sort();
    programs
}

#[test]
fn mistakes_and_programs_that_hold() {
    let cases = trybuild::TestCases::new();
    for phase in PHASES {
        let programs = programs(phase);
        println!("{phase}: {}", programs.join(" "));
        assert!(programs.len() > 1, "ui/{phase} is empty");
        cases.compile_fail(format!("ui/{phase}/*.rs"));
    }
    println!("pass: {}", programs("pass").join(" "));
    cases.pass("ui/pass/*.rs");
}

#[test]
fn programs_are_short_and_have_one_error_a_mistake() {
    for phase in PHASES {
        for name in programs(phase) {
            let path = Path::new("ui").join(phase).join(&name);
            let program = fs::read_to_string(&path).expect("a program");
            assert!(program.lines().count() <= 15, "{name} is long: one mistake a program");
            let errors = fs::read_to_string(path.with_extension("stderr")).expect("what rustc says");
            for error in errors.lines().filter(|line| line.starts_with("error")) {
                assert!(error.starts_with("error: "), "{phase}/{name}: rustc's own {error}");
                let first = error["error: ".len()..].chars().next().unwrap_or('X');
                assert!(!first.is_uppercase() || !first.is_ascii(), "{phase}/{name}: {error}");
            }
        }
    }
}

//! The program `cnn`: networks of the zoo and of files on the command line. What each command prints is documented in
//! `docs/program.md`.
//!
//! A file for each command; `network` is what they take, `failure` how they end, `text` how they print.

mod bench;
mod check;
mod compare;
mod count;
mod definitions;
mod eval;
mod export;
mod failure;
mod list;
mod network;
mod predict;
mod progress;
mod report;
mod run_report;
mod search;
mod show;
mod space;
mod spaces;
mod study;
mod text;
mod train;
mod weights;

use std::ffi::OsString;
use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use failure::Failure;

/// Convolutional networks: list them, look at them, check one's own; train, evaluate, run, measure and export them.
#[derive(Parser)]
#[command(name = "cnn", version, subcommand_required = true, arg_required_else_help = false)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    Check(check::Check),
    Train(Box<train::Train>),
    LrFind(Box<train::LrFind>),
    Eval(eval::Eval),
    Report(run_report::Report),
    Predict(predict::Predict),
    Bench(bench::Bench),
    Export(export::Export),
    Search(Box<search::Search>),
    Study(study::StudyCommand),
}

/// Where a command writes.
struct Output<'w> {
    /// What was asked for.
    out: &'w mut dyn Write,
    /// Mistakes.
    err: &'w mut dyn Write,
    /// Whether mistakes may be coloured.
    styled: bool,
}

/// Runs the program on the arguments of this process.
pub fn main() -> ExitCode {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut err = std::io::stderr();
    let styled = err.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let status = exit_status(std::env::args_os(), &mut Output { out: &mut out, err: &mut err, styled });
    ExitCode::from(status)
}

/// Runs the program inside of another one: on `args`, whose first is its name, writing what it prints to `out` and mistakes to
/// `err`. Gives its exit status: 0 done, 2 a mistake of the user's, 1 anything else that failed, 130 interrupted.
pub fn run(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    exit_status(args, &mut Output { out, err, styled: false })
}

fn exit_status(args: impl IntoIterator<Item = OsString>, output: &mut Output<'_>) -> u8 {
    let done = command(args, output).and_then(|()| Ok(output.out.flush()?));
    let Err(failure) = done else { return 0 };
    if let Some(line) = failure.line() {
        // Nobody is left to be told that standard error cannot be written.
        let _ = writeln!(output.err, "error: {line}");
    }
    failure.status()
}

/// A negative number is a value whose range is judged where its meaning is known, not an unknown option.
fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Program, clap::Error> {
    fn signed(command: clap::Command) -> clap::Command {
        let of_a_value = |arg: clap::Arg| {
            let takes_values = arg.get_action().takes_values();
            arg.allow_negative_numbers(takes_values)
        };
        command.mut_args(of_a_value).mut_subcommands(signed)
    }
    Program::from_arg_matches(&signed(Program::command()).try_get_matches_from(args)?)
}

fn command(args: impl IntoIterator<Item = OsString>, output: &mut Output<'_>) -> Result<(), Failure> {
    let program = match parse(args) {
        Ok(program) => program,
        // Help and version were asked for.
        Err(error) if !error.use_stderr() => return Ok(write!(output.out, "{}", error.render())?),
        Err(error) => return Err(Failure::usage(&error.render().to_string())),
    };
    match program.command {
        Command::List(list) => list.run(output),
        Command::Show(show) => show.run(output),
        Command::Check(check) => check.run(output),
        Command::Train(train) => train.run(output),
        Command::LrFind(find) => find.run(output),
        Command::Eval(eval) => eval.run(output),
        Command::Report(report) => report.run(output),
        Command::Predict(predict) => predict.run(output),
        Command::Bench(bench) => bench.run(output),
        Command::Export(export) => export.run(output),
        Command::Search(search) => search.run(output),
        Command::Study(study) => study.run(output),
    }
}

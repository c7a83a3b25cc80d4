//! The program `cnn`; see `cnn_runtime::program`.

fn main() -> std::process::ExitCode {
    cnn_runtime::program::main()
}

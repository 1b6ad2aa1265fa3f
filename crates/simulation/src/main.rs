//! The command: see `--help`.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    simulation::command::main()
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("The simulation watches files in a way that only Unix has.");
    ExitCode::FAILURE
}

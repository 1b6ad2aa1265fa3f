//! The fuzz targets on a stable toolchain: `cargo run --release -p hostile --bin fuzz -- --help`.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a command line tool of developers"
)]

use std::process::ExitCode;
use std::time::Duration;

use hostile::command::{check, value};
use hostile::fuzz::{fuzz, try_input};
use hostile::targets::{TARGETS, named};

const USAGE: &str = "\
Changes inputs of the corpus at random, without looking at coverage.

  --target NAME   one target; all by default, one after the other
  --seconds N     how long for each (600)
  --seed N        the seed (another one each time)
  --input FILE    with --target: only this input";

fn main() -> ExitCode {
    check(USAGE);
    let only =
        value("--target").map(|name| named(&name).unwrap_or_else(|| panic!("no target {name}")));
    if let Some(input) = value("--input") {
        let target = only.unwrap_or_else(|| panic!("--input needs --target"));
        println!("{:?}", try_input(target, &std::fs::read(input).unwrap()));
        return ExitCode::SUCCESS;
    }
    let seconds = value("--seconds").map_or(600, |text| text.parse().unwrap());
    let seed = value("--seed").map_or_else(|| fastrand::u64(..), |text| text.parse().unwrap());
    let mut code = ExitCode::SUCCESS;
    for target in &TARGETS {
        if only.is_some_and(|only| only.name != target.name) {
            continue;
        }
        // Told before, for an input that ends the process.
        eprintln!("{}: seed {seed}", target.name);
        let fuzzed = fuzz(target, Duration::from_secs(seconds), seed);
        println!(
            "{}: {} inputs in {seconds} s with seed {seed}, at most {:?} of work and {} KiB{}",
            target.name,
            fuzzed.inputs,
            fuzzed.longest,
            fuzzed.largest >> 10,
            if fuzzed.failure.is_some() {
                ", FAILED"
            } else {
                ""
            }
        );
        if let Some((input, message)) = fuzzed.failure {
            let path = std::env::temp_dir().join(format!("fuzz-{}-{seed}", target.name));
            std::fs::write(&path, &input).unwrap();
            println!("  {message}\n  the input is in {}", path.display());
            code = ExitCode::FAILURE;
        }
    }
    code
}

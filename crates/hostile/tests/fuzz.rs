//! Every target, for a moment, or for as many seconds as MEMVID_FUZZ_SECONDS says. `npm run fuzz` takes longer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use hostile::fuzz::fuzz;
use hostile::targets::TARGETS;

#[test]
fn no_target_finds_anything_in_a_moment() {
    let seconds = std::env::var("MEMVID_FUZZ_SECONDS").map_or(0.7, |text| text.parse().unwrap());
    for target in &TARGETS {
        let fuzzed = fuzz(target, Duration::from_secs_f64(seconds), 1);
        println!(
            "{}: {} inputs, at most {:?} of work and {} KiB",
            target.name,
            fuzzed.inputs,
            fuzzed.longest,
            fuzzed.largest >> 10
        );
        assert!(fuzzed.inputs > 0);
        if let Some((input, message)) = fuzzed.failure {
            // The message of a panic is kept by the runner.
            eprintln!("{}: {message}\ninput {input:?}", target.name);
            panic!();
        }
    }
}

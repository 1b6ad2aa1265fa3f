//! Every target, for a moment. `npm run fuzz` takes longer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use hostile::fuzz::fuzz;
use hostile::targets::TARGETS;

#[test]
fn no_target_finds_anything_in_a_moment() {
    for target in &TARGETS {
        let fuzzed = fuzz(target, Duration::from_millis(700), 1);
        assert!(fuzzed.inputs > 0);
        if let Some((input, message)) = fuzzed.failure {
            // The message of a panic is kept by the runner.
            eprintln!("{}: {message}\ninput {input:?}", target.name);
            panic!();
        }
    }
}

//! A runner for the targets that needs no nightly toolchain: it changes inputs at random, without looking at coverage.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::targets::Target;
use crate::watch::{self, Outcome};

/// Bytes of an input.
const LONGEST: usize = 512;

/// What a run did.
#[derive(Debug, Default)]
pub struct Fuzzed {
    /// Inputs tried.
    pub inputs: u64,
    /// The most work that one was.
    pub longest: Duration,
    /// The most memory that one took, in bytes.
    pub largest: usize,
    /// The first input that failed, and how.
    pub failure: Option<(Vec<u8>, String)>,
}

/// The folder of the inputs of a target that are kept.
#[must_use]
pub fn corpus_folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name)
}

/// The inputs that are kept: one of each kind, and those that once failed.
///
/// # Panics
/// When one cannot be read.
#[must_use]
pub fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(corpus_folder(target))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// Runs one input.
pub fn try_input(target: &Target, input: &[u8]) -> Result<Outcome<()>, String> {
    let outcome = watch::run(target.name, || (target.run)(input));
    match &outcome.panic {
        Some(panic) if outcome.value.is_none() || !target.may_catch => Err(panic.clone()),
        _ if outcome.is_greedy() => Err(format!("{} bytes were allocated", outcome.allocated)),
        _ => Ok(outcome),
    }
}

/// Tries all kept inputs, then changed ones until `time` is over or one fails.
#[must_use]
pub fn fuzz(target: &Target, time: Duration, seed: u64) -> Fuzzed {
    let kept = corpus(target);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut fuzzed = Fuzzed::default();
    // Making the templates is not counted.
    let _ = try_input(target, &[]);
    let started = Instant::now();
    let mut queue = kept.clone();
    while !queue.is_empty() || started.elapsed() < time {
        let input = queue.pop().unwrap_or_else(|| changed(&kept, &mut random));
        fuzzed.inputs += 1;
        let mut tried = try_input(target, &input);
        for _ in 0..3 {
            // The machine may have been busy with something else.
            if tried.as_ref().is_ok_and(Outcome::hung) {
                tried = try_input(target, &input);
            }
        }
        match tried {
            Ok(outcome) if !outcome.hung() => {
                fuzzed.longest = fuzzed.longest.max(outcome.worked);
                fuzzed.largest = fuzzed.largest.max(outcome.allocated);
            }
            Ok(outcome) => {
                let Outcome { took, worked, .. } = outcome;
                fuzzed.failure = Some((input, format!("it took {took:?}, and {worked:?} of work")));
                break;
            }
            Err(panic) => {
                fuzzed.failure = Some((input, panic));
                break;
            }
        }
    }
    fuzzed
}

fn changed(kept: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let fresh = kept.is_empty() || random.u8(..) < 96;
    let mut input = if fresh {
        let most = 8 << random.usize(..7);
        let length = 1 + random.usize(..most.min(LONGEST));
        (0..length).map(|_| random.u8(..)).collect()
    } else {
        kept[random.usize(..kept.len())].clone()
    };
    for _ in 0..random.usize(..6) {
        if input.is_empty() {
            break;
        }
        let at = random.usize(..input.len());
        match random.u8(..6) {
            0 => input[at] ^= 1 << random.u8(..8),
            1 => input[at] = random.u8(..),
            2 => input.truncate(at),
            3 => input.insert(at, random.u8(..)),
            4 if !kept.is_empty() => {
                let other = &kept[random.usize(..kept.len())];
                let from = random.usize(..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => {
                let end = (at + random.usize(..16)).min(input.len());
                let piece = input[at..end].to_vec();
                input.extend_from_slice(&piece);
            }
        }
    }
    input.truncate(LONGEST);
    input
}

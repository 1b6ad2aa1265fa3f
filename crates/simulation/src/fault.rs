//! Running a workload on a disk that fails.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::crash::{Counts, Loss, Points, explore};
use crate::recording::{Fault, FaultKind};
use crate::run::{Problem, Run, run};
use crate::workload::Workload;

/// Crashes that are looked at after each fault.
const POINTS: usize = 6;

/// What is wrong when a call fails.
#[derive(Debug)]
pub enum Flaw {
    /// While the program went on.
    Live(Problem),
    /// After a crash later.
    Crash(Loss),
}

/// The `number`-th fault of a workload that made so many calls.
#[must_use]
pub fn draw(seed: u64, number: u64, calls: (u64, u64)) -> Fault {
    let mut random = Rng::with_seed(seed ^ 0xFA17);
    let mut random = Rng::with_seed(random.u64(..) ^ number);
    let reads = calls.1 > 0 && random.u8(0..6) == 0;
    let count = if reads { calls.1 } else { calls.0 };
    Fault {
        call: random.u64(0..count.max(1)),
        reads,
        kind: FaultKind::ALL[random.usize(0..FaultKind::ALL.len())],
        lasts: random.u8(0..3) == 0,
    }
}

/// Runs a workload with a fault. `whole` is its run without one. Says whether the fault came.
pub fn try_fault(
    workload: &Workload,
    whole: &Run,
    fault: Fault,
    counts: &mut Counts,
) -> Result<bool, Flaw> {
    let run = run(workload, Some(fault)).map_err(Flaw::Live)?;
    if !run.has_failed && !run.was_short {
        return Ok(false);
    }
    // Until the first call that failed everything went as without a fault: that call may have been done as it was then,
    // for as long as its undoing is not durable.
    let mut possible = BTreeMap::new();
    if let Some(first) = run.failed.first()
        && let Some(model) = whole.models.get(*first)
    {
        // Of a call that takes two steps the first alone, too.
        let halfway = whole.between.get(first);
        possible.insert(
            *first,
            halfway.into_iter().chain([model]).cloned().collect(),
        );
    }
    let first = run
        .failed
        .first()
        .and_then(|step| begins(&run, *step))
        .unwrap_or(0);
    explore(
        workload.seed,
        &run,
        Points::From(first, POINTS),
        &possible,
        counts,
    )
    .map_err(Flaw::Crash)?;
    Ok(true)
}

fn begins(run: &Run, step: usize) -> Option<usize> {
    run.events
        .iter()
        .position(|event| matches!(event, crate::recording::Event::Begins(begun) if *begun == step))
}

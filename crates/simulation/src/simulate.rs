//! Many workloads, their crashes and their faults; what was tried and what is wrong.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::crash::{Counts, Point, Points, explore};
use crate::fault::{self, Flaw, try_fault};
use crate::recording::Fault;
use crate::run::run;
use crate::workload::{Operation, Workload};

/// How much is to be tried.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The first seed; the others follow.
    pub seed: u64,
    /// Workloads.
    pub workloads: u64,
    /// Crashes, over all of them.
    pub points: u64,
    /// Faults, over all of them.
    pub faults: u64,
    /// Threads.
    pub threads: usize,
}

/// What was tried.
#[derive(Debug, Default)]
pub struct Report {
    /// Workloads.
    pub workloads: u64,
    /// Calls of them.
    pub operations: u64,
    /// Events of the disk.
    pub events: u64,
    /// Crashes of workloads without faults.
    pub crashes: Counts,
    /// Faults that came.
    pub faults: u64,
    /// Crashes after them.
    pub crashes_after_faults: Counts,
    /// What is wrong.
    pub failures: Vec<Failure>,
}

/// Something that is wrong, with all that is needed to see it again.
#[derive(Debug)]
pub struct Failure {
    /// The workload.
    pub seed: u64,
    /// The fault.
    pub fault: Option<Fault>,
    /// The crash; none when it showed in the running program.
    pub point: Option<Point>,
    /// What happened then.
    pub how: String,
    /// The call that was under way.
    pub operation: usize,
    /// What is wrong.
    pub finding: String,
}

impl Failure {
    /// What to give to `--replay`.
    #[must_use]
    pub fn replay(&self) -> String {
        let mut text = self.seed.to_string();
        match (&self.fault, &self.point) {
            (Some(fault), _) => text.push_str(&format!(":{fault}")),
            (None, Some(point)) => text.push_str(&format!(":{point}")),
            (None, None) => {}
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "seed {}, call {}, {}",
            self.seed, self.operation, self.how
        )?;
        if let Some(point) = &self.point {
            write!(formatter, " at {point}")?;
        }
        if let Some(fault) = &self.fault {
            write!(formatter, ", fault {fault}")?;
        }
        write!(
            formatter,
            ": {}\n  again: --replay {}",
            self.finding,
            self.replay()
        )
    }
}

/// What one workload is put through.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// Crashes.
    pub points: Points,
    /// How many faults.
    pub faults: u64,
    /// This one, too.
    pub fault: Option<Fault>,
}

/// Puts one workload through crashes and faults. Stops at the first thing that is wrong.
pub fn try_workload(
    workload: &Workload,
    share: Share,
    report: &mut Report,
) -> Result<(), Box<Failure>> {
    let seed = workload.seed;
    let failure = |fault, point, how: String, operation, finding| {
        Box::new(Failure {
            seed,
            fault,
            point,
            how,
            operation,
            finding,
        })
    };
    let whole = run(workload, None).map_err(|problem| {
        failure(
            None,
            None,
            "running".to_owned(),
            problem.operation,
            problem.finding,
        )
    })?;
    report.workloads += 1;
    report.operations += workload.operations.len() as u64;
    report.events += whole.events.len() as u64;
    let none = std::collections::BTreeMap::new();
    explore(seed, &whole, share.points, &none, &mut report.crashes).map_err(|loss| {
        let operation = whole.operations.get(loss.step).copied().unwrap_or(0);
        failure(
            None,
            Some(loss.point),
            format!("{:?}", loss.crash),
            operation,
            loss.finding,
        )
    })?;
    let drawn = (0..share.faults).map(|number| fault::draw(seed, number, whole.calls));
    for fault in drawn.chain(share.fault) {
        match try_fault(workload, &whole, fault, &mut report.crashes_after_faults) {
            Ok(came) => report.faults += u64::from(came),
            Err(Flaw::Live(problem)) => {
                return Err(failure(
                    Some(fault),
                    None,
                    "running".to_owned(),
                    problem.operation,
                    problem.finding,
                ));
            }
            Err(Flaw::Crash(loss)) => {
                let operation = whole.operations.get(loss.step).copied().unwrap_or(0);
                return Err(failure(
                    Some(fault),
                    Some(loss.point),
                    format!("{:?}", loss.crash),
                    operation,
                    loss.finding,
                ));
            }
        }
    }
    Ok(())
}

/// Crashes of a workload with a large file are this many times fewer: each takes as many times longer.
const LARGE: u64 = 12;

/// Tries everything. `progress` is told how many workloads are done.
pub fn simulate(plan: &Plan, progress: impl Fn(u64, &Report) + Sync) -> Report {
    let next = AtomicU64::new(0);
    let running = AtomicUsize::new(0);
    let total = Mutex::new(Report::default());
    let each = plan.points.div_ceil(plan.workloads.max(1));
    let faults = plan.faults.div_ceil(plan.workloads.max(1));
    let work = || {
        running.fetch_add(1, Ordering::Relaxed);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= plan.workloads {
                break;
            }
            let workload = Workload::draw(plan.seed + number);
            let scale = if workload.is_large { LARGE } else { 1 };
            let share = Share {
                points: Points::Some(usize::try_from(each / scale).unwrap_or(usize::MAX)),
                faults: faults.div_ceil(scale),
                fault: None,
            };
            let mut report = Report::default();
            let result = try_workload(&workload, share, &mut report);
            let mut total = total
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            total.workloads += report.workloads;
            total.operations += report.operations;
            total.events += report.events;
            total.crashes.add(report.crashes);
            total.faults += report.faults;
            total.crashes_after_faults.add(report.crashes_after_faults);
            if let Err(failure) = result {
                total.failures.push(*failure);
            }
            progress(number + 1, &total);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..plan.threads {
            scope.spawn(work);
        }
        work();
    });
    total
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A call in one line.
#[must_use]
pub fn in_short(operation: &Operation) -> String {
    match operation {
        Operation::Put {
            documents,
            dedupe,
            quantises,
            slices,
            fails_at,
        } => {
            let bytes: usize = documents
                .iter()
                .map(|plan| plan.planned.content.len())
                .sum();
            let vectors = documents
                .iter()
                .filter(|plan| plan.vector.is_some())
                .count();
            format!(
                "Put {} documents of {bytes} bytes, {vectors} vectors, {dedupe:?}, quantises {quantises}, slices {slices:?}, fails at {fails_at:?}",
                documents.len()
            )
        }
        Operation::PutAtOnce(plan) => format!("PutAtOnce {} bytes", plan.planned.content.len()),
        Operation::Update { pick, plan } => {
            format!("Update {pick} with {} bytes", plan.planned.content.len())
        }
        Operation::Remove { picks } => format!("Remove {}", picks.len()),
        Operation::Purge { picks, versions } => {
            format!("Purge {}, versions {versions}", picks.len())
        }
        Operation::Doctor {
            damage,
            options,
            by_handle,
        } => format!("Doctor {options:?} after {damage:?}, by handle {by_handle}"),
        Operation::RewriteBeside(plans) => format!("RewriteBeside {} puts", plans.len()),
        other => format!("{other:?}"),
    }
}

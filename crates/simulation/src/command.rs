//! The command: see `--help`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::crash::{Point, Points};
use crate::shrink::shrink;
use crate::simulate::{Plan, Report, Share, in_short, simulate, try_workload};
use crate::workload::Workload;

const HELP: &str = "\
Runs seeded workloads on a memory, goes down at every moment, and looks at what is left.

  --workloads N   how many (220)
  --points N      crashes over all of them (104000; some workloads have no room for their share)
  --faults N      calls that fail over all of them (10 a workload)
  --seed N        the first seed (1)
  --threads N     as many as there are processors
  --replay WHAT   one failure again, as it was printed: SEED, SEED:EVENT.VARIANT or SEED:FAULT
  --shrink        with --replay: drops calls while it still fails
";

struct Arguments {
    plan: Plan,
    replay: Option<String>,
    shrinks: bool,
}

fn arguments() -> Result<Option<Arguments>, String> {
    let mut found = Arguments {
        plan: Plan {
            seed: 1,
            workloads: 220,
            points: 104_000,
            faults: u64::MAX,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        },
        replay: None,
        shrinks: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--help" {
            return Ok(None);
        }
        if word == "--shrink" {
            found.shrinks = true;
            continue;
        }
        let value = words
            .next()
            .ok_or_else(|| format!("{word} needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{word}: {value} is no number"))
        };
        match word.as_str() {
            "--workloads" => found.plan.workloads = number()?,
            "--points" => found.plan.points = number()?,
            "--faults" => found.plan.faults = number()?,
            "--seed" => found.plan.seed = number()?,
            "--threads" => found.plan.threads = usize::try_from(number()?).unwrap_or(1).max(1),
            "--replay" => found.replay = Some(value),
            _ => return Err(format!("{word} is unknown, see --help")),
        }
    }
    if found.plan.faults == u64::MAX {
        found.plan.faults = 10 * found.plan.workloads;
    }
    Ok(Some(found))
}

/// Does what the arguments of the process say.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match &arguments.replay {
        Some(what) => match replay(what, arguments.shrinks) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(2)
            }
        },
        None => all(&arguments.plan),
    }
}

fn all(plan: &Plan) -> ExitCode {
    // What panics is reported with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let started = Instant::now();
    let shown = AtomicUsize::new(0);
    let report = simulate(plan, |number, report| {
        let before = shown.swap(report.failures.len(), Ordering::Relaxed);
        for failure in report.failures.iter().skip(before) {
            println!("{failure}");
        }
        if number % 20 == 0 {
            eprintln!(
                "{number} workloads, {} crashes, {} failures, {:.0?}",
                report.crashes.points,
                report.failures.len(),
                started.elapsed()
            );
        }
    });
    println!("{}", summary(&report));
    match crate::reference::files().len() {
        0 => println!("no files of the reference to start with: they are not beside the checkout"),
        count => println!("{count} files of the reference to start with"),
    }
    println!(
        "seeds {}..{}, {:.0?}",
        plan.seed,
        plan.seed + plan.workloads,
        started.elapsed()
    );
    if report.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn summary(report: &Report) -> String {
    format!(
        "{} workloads, {} calls, {} events of the disk\n\
         {} crashes: {} killed processes, {} power losses; {} of them repaired first, {} read past their damage; {} crashes of recoveries from them\n\
         {} calls of the system that failed; {} crashes after them\n\
         {} failures",
        report.workloads,
        report.operations,
        report.events,
        report.crashes.points,
        report.crashes.killed,
        report.crashes.power_losses,
        report.crashes.repaired,
        report.crashes.salvaged,
        report.crashes.again,
        report.faults,
        report.crashes_after_faults.points,
        report.failures.len()
    )
}

fn replay(what: &str, shrinks: bool) -> Result<ExitCode, String> {
    let (seed, place) = what.split_once(':').unwrap_or((what, ""));
    let seed = seed.parse().map_err(|_| format!("{seed} is no seed"))?;
    let mut share = Share {
        points: Points::Some(if place.is_empty() { 500 } else { 0 }),
        faults: 0,
        fault: None,
    };
    if place.contains(',') {
        share.fault = Some(place.parse()?);
    } else if !place.is_empty() {
        share.points = Points::One(place.parse::<Point>()?);
    }
    let workload = Workload::draw(seed);
    let Err(failure) = try_workload(&workload, share, &mut Report::default()) else {
        println!("nothing is wrong");
        return Ok(ExitCode::SUCCESS);
    };
    let mut workload = workload;
    if shrinks {
        std::panic::set_hook(Box::new(|_| {}));
        // Other calls, other moments: all of them are looked at, and a few faults.
        let dense = match share.points {
            Points::One(_) => Share {
                points: Points::Some(1_500),
                ..share
            },
            points => Share {
                points,
                faults: if share.fault.is_some() { 60 } else { 0 },
                fault: None,
            },
        };
        let is_same = |found: &str| {
            let kind = |finding: &str| {
                finding
                    .chars()
                    .filter(char::is_ascii_alphabetic)
                    .take(24)
                    .collect::<String>()
            };
            kind(found) == kind(&failure.finding)
        };
        workload = shrink(&workload, |smaller| {
            try_workload(smaller, dense, &mut Report::default())
                .is_err_and(|failure| is_same(&failure.finding))
        });
        if let Err(failure) = try_workload(&workload, dense, &mut Report::default()) {
            println!("{failure}");
        }
    } else {
        println!("{failure}");
    }
    match workload.starts_from.and_then(crate::reference::file) {
        Some(file) => println!("starts with {}", file.display()),
        None => println!("{} documents at the start", workload.starts_with.len()),
    }
    for (number, (handle, operation)) in workload.operations.iter().enumerate() {
        println!("{number:3} by handle {handle}: {}", in_short(operation));
    }
    Ok(ExitCode::FAILURE)
}

//! Running a workload on a real file, and noting when what was promised.

mod calls;
mod session;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use engine::{Dedupe, Error, Memory, OpenMode, OpenOptions, PutOptions};
use fastrand::Rng;

use crate::check::Finding;
use crate::image::Folder;
use crate::model::Model;
use crate::recording::{Event, Fault, watch};
use crate::reference;
use crate::workload::{HANDLES, Workload};
use calls::resolve;
use session::Session;

/// Name of the memory in its folder.
pub const NAME: &str = "notes.mv2";

/// What a run left.
pub struct Run {
    /// The files before it.
    pub initial: Folder,
    /// What happened.
    pub events: Vec<Event>,
    /// What the memory holds after each step; before the first one, at 0.
    pub models: Vec<Model>,
    /// The first step of which it is known that it makes durable what was there before; 0: nothing is known.
    pub acknowledges: usize,
    /// Number of the operation that each step, from 1 on, belongs to.
    pub operations: Vec<usize>,
    /// Steps that failed because of the fault.
    pub failed: Vec<usize>,
    /// What the memory may hold while a step of two parts is under way.
    pub between: BTreeMap<usize, Model>,
    /// Calls that changed the disk, and that read.
    pub calls: (u64, u64),
    /// Whether the fault came.
    pub has_failed: bool,
    /// Whether calls took or gave fewer bytes than they were to.
    pub was_short: bool,
    /// Whether the files before it are damaged.
    pub starts_damaged: bool,
}

/// What is wrong, and in which operation it showed.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Number of the operation.
    pub operation: usize,
    /// What is wrong.
    pub finding: Finding,
}

/// A folder on a disk that costs nothing, where there is one.
pub fn scratch() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
}

/// The files of a folder.
pub fn read_folder(path: &Path) -> std::io::Result<Folder> {
    let mut folder = Folder::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        folder.insert(name, std::fs::read(entry.path())?);
    }
    Ok(folder)
}

/// Runs `work`; a panic is a finding.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Finding>) -> Result<T, Finding> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

/// Runs a workload. With a fault, a call fails; when that lasts, the run ends soon after.
pub fn run(workload: &Workload, fault: Option<Fault>) -> Result<Run, Problem> {
    let at = |operation| move |finding| Problem { operation, finding };
    let folder = scratch().map_err(|error| at(0)(error.to_string()))?;
    let path = folder.path().join(NAME);
    let mut model = Model::absent(workload.dimension);
    guarded(|| start(&path, workload, &mut model)).map_err(at(0))?;
    let initial = read_folder(folder.path()).map_err(|error| at(0)(error.to_string()))?;
    let watch = watch(folder.path()).map_err(|error| at(0)(error.to_string()))?;
    if workload.refuses_nameless {
        watch.refuse_nameless();
    }
    watch.fail(fault);
    let mut session = Session {
        path,
        handles: std::iter::repeat_with(|| None).take(HANDLES).collect(),
        models: vec![model.clone()],
        model,
        watch,
        operations: vec![0],
        failed: Vec::new(),
        between: BTreeMap::new(),
        current: 0,
        is_damaged: false,
        lasts: fault.is_some_and(|fault| fault.lasts),
        random: Rng::with_seed(workload.seed ^ 0xC4EC),
    };
    let mut left = usize::MAX;
    for (number, (handle, operation)) in workload.operations.iter().enumerate() {
        session.current = number;
        guarded(|| session.perform(*handle, operation)).map_err(at(number))?;
        // On a disk that goes on failing, two more calls are enough to see that they fail as they should.
        if session.lasts && session.watch.has_failed() {
            left = left.min(3) - 1;
            if left == 0 {
                break;
            }
        }
    }
    let last = workload.operations.len().saturating_sub(1);
    session.current = last;
    guarded(|| session.finish()).map_err(at(last))?;
    Ok(Run {
        initial,
        events: session.watch.events(),
        models: session.models,
        acknowledges: 0,
        operations: session.operations,
        failed: session.failed,
        between: session.between,
        calls: session.watch.calls(),
        has_failed: session.watch.has_failed(),
        was_short: session.watch.was_short(),
        starts_damaged: false,
    })
}

/// The memory that a workload starts with.
fn start(path: &Path, workload: &Workload, model: &mut Model) -> Result<(), Finding> {
    if let Some(number) = workload.starts_from {
        let Some(file) = reference::file(number) else {
            let memory = open(path, OpenMode::Create, true).map_err(|error| error.to_string())?;
            model.exists = true;
            return memory.close().map_err(|error| error.to_string());
        };
        std::fs::copy(file, path).map_err(|error| error.to_string())?;
        let memory = open(path, OpenMode::Open, true).map_err(|error| error.to_string())?;
        *model = reference::model_of(&memory)?;
        return Ok(());
    }
    if workload.starts_with.is_empty() {
        return Ok(());
    }
    let failed = |error: Error| format!("at the start: {error}");
    let memory = open(path, OpenMode::Create, true).map_err(failed)?;
    let planned = resolve(model, &workload.starts_with, Dedupe::Keep);
    let documents = planned.iter().map(|planned| planned.document()).collect();
    let stored = memory
        .put(documents, PutOptions::default())
        .map_err(failed)?;
    for (id, planned) in stored.ids.iter().zip(planned) {
        model.store(*id, planned, None);
    }
    model.exists = true;
    memory.close().map_err(failed)
}

/// Opens a memory as the simulation does everywhere.
pub fn open(path: &Path, mode: OpenMode, lex: bool) -> Result<Memory, Error> {
    let options = OpenOptions {
        mode,
        enable_lex: lex,
        lock_timeout: Duration::from_secs(60),
        ..OpenOptions::default()
    };
    Memory::open(path, options)
}

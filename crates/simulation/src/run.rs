//! Running a workload on a real file, and noting when what was promised.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine::{
    Dedupe, Document, Error, Memory, OpenMode, OpenOptions, PurgeRequest, PutOptions, PutResult,
};
use fastrand::Rng;

use crate::check::{Depth, Finding, compare};
use crate::image::Folder;
use crate::model::{Model, Planned, Staged, identity};
use crate::recording::{Event, Fault, Watch, watch};
use crate::workload::{HANDLES, Operation, Plan, Workload, vector};

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
        operations: session.operations,
        failed: session.failed,
        between: session.between,
        calls: session.watch.calls(),
        has_failed: session.watch.has_failed(),
    })
}

/// The memory that a workload starts with.
fn start(path: &Path, workload: &Workload, model: &mut Model) -> Result<(), Finding> {
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

/// The documents of plans.
fn resolve(model: &Model, plans: &[Plan], dedupe: Dedupe) -> Vec<Arc<Planned>> {
    plans
        .iter()
        .map(|plan| {
            let mut planned = plan.planned.clone();
            planned.vector = plan
                .vector
                .map(|seed| vector(model.dimension, seed, &model.model));
            let repeated = plan
                .repeats
                .filter(|_| dedupe != Dedupe::Keep)
                .and_then(|number| model.documents.get(&model.pick(number)?));
            if let Some(repeated) = repeated {
                planned.content.clone_from(&repeated.planned.content);
                planned.word.clone_from(&repeated.planned.word);
            }
            Arc::new(planned)
        })
        .collect()
}

struct Session {
    path: PathBuf,
    handles: Vec<Option<(Memory, bool)>>,
    model: Model,
    models: Vec<Model>,
    watch: Watch,
    operations: Vec<usize>,
    failed: Vec<usize>,
    between: BTreeMap<usize, Model>,
    current: usize,
    lasts: bool,
    random: Rng,
}

impl Session {
    /// Runs a step: a call that is acknowledged as a whole. `change` says what the memory holds then.
    fn step(
        &mut self,
        call: impl FnOnce(&mut Self, &mut Model) -> Result<(), StepError>,
    ) -> Result<(), Finding> {
        let number = self.models.len();
        self.operations.push(self.current);
        self.watch.mark(Event::Begins(number));
        let mut next = self.model.clone();
        match call(self, &mut next) {
            Ok(()) => self.model = next,
            Err(StepError::Expected) => {}
            Err(StepError::Wrong(finding)) => return Err(finding),
            Err(StepError::Engine(error)) => {
                if !self.watch.has_failed() {
                    return Err(format!("failed without a cause: {error}"));
                }
                self.failed.push(number);
            }
        }
        self.models.push(self.model.clone());
        self.watch.mark(Event::Ends(number));
        Ok(())
    }

    fn handle(&mut self, number: usize) -> Result<&Memory, StepError> {
        let slot = &mut self.handles[number];
        if slot.is_none() {
            *slot = Some((open(&self.path, OpenMode::Open, true)?, true));
        }
        slot.as_ref()
            .map(|(memory, _)| memory)
            .ok_or_else(|| StepError::Wrong("no handle".to_owned()))
    }

    fn perform(&mut self, handle: usize, operation: &Operation) -> Result<(), Finding> {
        if !self.model.exists && !matches!(operation, Operation::Create { .. }) {
            return Ok(());
        }
        match operation {
            Operation::RewriteBeside(plans) => self.rewrite_beside(handle, plans)?,
            _ => self.step(|session, next| session.call(handle, operation, next))?,
        }
        self.adopt(operation)?;
        self.look(handle)
    }

    /// Calls of two parts may have done the first one when they failed; what they did is whole all the same.
    fn adopt(&mut self, operation: &Operation) -> Result<(), Finding> {
        let step = self.models.len() - 1;
        if self.failed.last() != Some(&step) || self.lasts {
            return Ok(());
        }
        let mut done = self.model.clone();
        match operation {
            Operation::Create { lex } => done = created(*lex, &done),
            Operation::Purge { picks, versions } => {
                let ids: Vec<u64> = picks.iter().filter_map(|pick| done.pick(*pick)).collect();
                let staged = done.staged.clone();
                done.purge(&ids, *versions);
                done.staged = staged;
            }
            _ => return Ok(()),
        }
        if !self.path.exists() {
            return Ok(());
        }
        let memory = open(&self.path, OpenMode::Open, true)
            .map_err(|error| format!("after a failure: {error}"))?;
        if compare(&memory, &self.model, Depth::Whole, &mut self.random).is_err()
            && compare(&memory, &done, Depth::Whole, &mut self.random).is_ok()
        {
            self.model = done;
            self.models[step] = self.model.clone();
        }
        Ok(())
    }

    /// Another handle sees what was done at once. After a failure that is over, nothing of the call is there.
    fn look(&mut self, handle: usize) -> Result<(), Finding> {
        if !self.model.exists || self.lasts && self.watch.has_failed() {
            return Ok(());
        }
        let others: Vec<usize> = (0..HANDLES)
            .filter(|&other| self.handles[other].is_some())
            .collect();
        let other = self.random.choice(&others).copied().unwrap_or(handle);
        let mut random = self.random.fork();
        let model = self.model.clone();
        // Here the fault may come, too: only the second time counts.
        for attempt in 0..2 {
            let had_failed = self.watch.has_failed();
            let compared = match self.handle(other) {
                Ok(memory) => compare(memory, &model, Depth::Sample, &mut random),
                Err(StepError::Engine(error)) => Err(format!("open: {error}")),
                Err(_) => Err("open".to_owned()),
            };
            match compared {
                Err(_) if attempt == 0 && self.watch.has_failed() && !had_failed => {}
                compared => {
                    return compared.map_err(|finding| format!("live handle {other}: {finding}"));
                }
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        handle: usize,
        operation: &Operation,
        next: &mut Model,
    ) -> Result<(), StepError> {
        match operation {
            Operation::Create { lex } => {
                for slot in &mut self.handles {
                    *slot = None;
                }
                let made = open(&self.path, OpenMode::Create, *lex)?;
                self.handles[handle] = Some((made, *lex));
                *next = created(*lex, next);
            }
            Operation::Reopen { lex, forgotten } => {
                let closed = match self.handles[handle].take() {
                    Some((memory, _)) if !forgotten => memory.close(),
                    _ => Ok(()),
                };
                let lex = *lex;
                self.handles[handle] = Some((open(&self.path, OpenMode::Open, lex)?, lex));
                closed?;
            }
            Operation::Put {
                documents,
                dedupe,
                quantises,
                slices,
                fails_at,
            } => {
                return self.put(
                    handle, documents, *dedupe, *quantises, *slices, *fails_at, next,
                );
            }
            Operation::PutAtOnce(plan) => {
                let planned = resolve(next, std::slice::from_ref(plan), Dedupe::Keep);
                let memory = self.handle(handle)?;
                for planned in planned {
                    let patience = Duration::from_secs(1);
                    let id = match memory.put_at_once(planned.document(), 3, patience)? {
                        Some(id) => id,
                        None => {
                            let stored =
                                memory.put(vec![planned.document()], PutOptions::default())?;
                            stored.ids.first().copied().unwrap_or(u64::MAX)
                        }
                    };
                    next.store(id, planned, None);
                }
            }
            Operation::Update { pick, plan } => {
                let Some(old) = next.pick(*pick) else {
                    return Ok(());
                };
                let memory = self.handle(handle)?;
                for planned in resolve(next, std::slice::from_ref(plan), Dedupe::Keep) {
                    let id = memory.update(old, |_, _| Ok(planned.document()))?;
                    next.store(id, planned, Some(old));
                }
            }
            Operation::Remove { picks } => {
                let mut ids: Vec<u64> = picks.iter().filter_map(|pick| next.pick(*pick)).collect();
                ids.sort_unstable();
                ids.dedup();
                let (_, count) = self.handle(handle)?.remove(&ids)?;
                wrong_unless(count == ids.len() as u64, || {
                    format!("{count} of {} documents removed", ids.len())
                })?;
                for id in ids {
                    next.remove(id);
                }
            }
            Operation::Seal => self.handle(handle)?.seal()?,
            Operation::EnableLex => {
                self.handle(handle)?.enable_lex()?;
                next.lex = true;
            }
            Operation::SetVectorCompression(is_on) => {
                self.handle(handle)?.set_vector_compression(*is_on)?;
            }
            Operation::Stage {
                dimension,
                model,
                one_in,
            } => {
                let ids: Vec<u64> = next
                    .active()
                    .map(|(id, _)| id)
                    .filter(|id| id % one_in == 0)
                    .collect();
                if ids.is_empty() {
                    return Ok(());
                }
                let made: Vec<_> = ids
                    .iter()
                    .map(|id| (*id, vector(*dimension, *id ^ 0xABCD, model).numbers))
                    .collect();
                let numbers: Vec<f32> = made
                    .iter()
                    .flat_map(|(_, numbers)| numbers.iter().copied())
                    .collect();
                let memory = self.handle(handle)?;
                let count = memory.stage_vectors(&ids, &numbers, identity(model))?;
                wrong_unless(count == ids.len() as u64, || {
                    format!("{count} of {} vectors wait", ids.len())
                })?;
                match &mut next.staged {
                    Some(staged) if staged.model == *model && staged.dimension == *dimension => {
                        staged.vectors.extend(made);
                    }
                    staged => {
                        *staged = Some(Staged {
                            model: model.clone(),
                            dimension: *dimension,
                            vectors: made.into_iter().collect(),
                        });
                    }
                }
            }
            Operation::Swap => {
                let name = next
                    .staged
                    .as_ref()
                    .map_or("second", |staged| &staged.model);
                let swap = self.handle(handle)?.swap_vectors(identity(name), &[])?;
                if swap.missing.is_empty() && swap.left_behind.is_empty() && swap.swapped > 0 {
                    next.swap();
                }
            }
            Operation::Discard => {
                self.handle(handle)?.discard_staged()?;
                next.staged = None;
            }
            Operation::Compact => {
                self.handle(handle)?.compact()?;
                next.compact();
            }
            Operation::Purge { picks, versions } => {
                let ids: Vec<u64> = picks.iter().filter_map(|pick| next.pick(*pick)).collect();
                // First they are removed, then a file without them is made.
                let mut between = next.clone();
                between.purge(&ids, *versions);
                between.staged.clone_from(&next.staged);
                self.between.insert(self.models.len(), between);
                let request = PurgeRequest {
                    ids: ids.clone(),
                    versions: *versions,
                };
                self.handle(handle)?.purge(&request)?;
                next.purge(&ids, *versions);
            }
            Operation::RewriteBeside(_) => {}
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // what a put is made of
    fn put(
        &mut self,
        handle: usize,
        plans: &[Plan],
        dedupe: Dedupe,
        quantises: bool,
        slices: Option<usize>,
        fails_at: Option<usize>,
        next: &mut Model,
    ) -> Result<(), StepError> {
        let planned = resolve(next, plans, dedupe);
        let mut documents: Vec<Document> =
            planned.iter().map(|planned| planned.document()).collect();
        if let Some(bad) = fails_at.and_then(|index| documents.get_mut(index)) {
            // No list of metadata, but of something.
            bad.metadata = Some("[1]".to_owned());
        }
        let options = PutOptions {
            dedupe,
            vector_compression: quantises,
            expected: Some(documents.len() as u64).filter(|_| self.current.is_multiple_of(2)),
            ..PutOptions::default()
        };
        let memory = self.handle(handle)?;
        let stored = match slices {
            None => memory.put(documents, options),
            Some(size) => {
                let mut slices = Vec::new();
                while !documents.is_empty() {
                    let rest = documents.split_off(size.min(documents.len()));
                    slices.push(Ok(std::mem::replace(&mut documents, rest)));
                }
                memory.put_slices(&mut slices.into_iter(), options)
            }
        };
        let stored = match stored {
            Err(error) if fails_at.is_some() && !self.watch.has_failed() => {
                let is_typed = error.code == engine::Code::InvalidInput;
                return Err(if is_typed {
                    StepError::Expected
                } else {
                    StepError::Engine(error)
                });
            }
            stored => stored?,
        };
        wrong_unless(fails_at.is_none(), || {
            "a bad document was stored".to_owned()
        })?;
        self.store(planned, &stored, dedupe, next)
    }

    fn store(
        &self,
        planned: Vec<Arc<Planned>>,
        stored: &PutResult,
        dedupe: Dedupe,
        next: &mut Model,
    ) -> Result<(), StepError> {
        wrong_unless(stored.ids.len() == planned.len(), || {
            format!("{} ids for {} documents", stored.ids.len(), planned.len())
        })?;
        for (index, planned) in planned.into_iter().enumerate() {
            let id = stored.ids.get(index).copied().unwrap_or(u64::MAX);
            let earlier = stored.duplicate_of.get(index).copied().flatten();
            if dedupe == Dedupe::Keep {
                next.store(id, planned, None);
                continue;
            }
            let same = |id: u64| {
                next.documents
                    .get(&id)
                    .is_some_and(|stored| stored.planned.content == planned.content)
            };
            let expected = next.active().any(|(id, _)| same(id));
            wrong_unless(
                earlier.is_some() == expected && earlier.is_none_or(same),
                || format!("document {id} is a duplicate of {earlier:?}, expected one: {expected}"),
            )?;
            match (dedupe, earlier) {
                (Dedupe::Skip, Some(earlier)) => wrong_unless(id == earlier, || {
                    format!("{id} is the id of a duplicate of {earlier}")
                })?,
                (_, earlier) => next.store(id, planned, earlier),
            }
        }
        Ok(())
    }

    fn rewrite_beside(&mut self, handle: usize, plans: &[Plan]) -> Result<(), Finding> {
        let plans = resolve(&self.model, plans, Dedupe::Keep);
        self.handle(handle)
            .map(|_| ())
            .or_else(|error| match error {
                StepError::Engine(_) if self.watch.has_failed() => Ok(()),
                _ => Err("no handle".to_owned()),
            })?;
        let Some((memory, lex)) = self.handles[handle].take() else {
            return Ok(());
        };
        let memory = Arc::new(memory);
        let beside = Arc::clone(&memory);
        let thread = std::thread::spawn(move || beside.rewrite_beside());
        let mut finding = Ok(());
        for planned in plans {
            finding = self.step(|_, next| {
                let stored = memory.put(vec![planned.document()], PutOptions::default())?;
                for id in stored.ids {
                    next.store(id, Arc::clone(&planned), None);
                }
                Ok(())
            });
            if finding.is_err() {
                break;
            }
        }
        let ended = self.step(|_, _| {
            let joined = thread.join();
            joined.map_err(|_| StepError::Wrong("panic in the thread beside".to_owned()))
        });
        self.handles[handle] = Arc::into_inner(memory).map(|memory| (memory, lex));
        finding.and(ended)
    }

    /// Closes the handles; what a new one sees is compared as a whole.
    fn finish(&mut self) -> Result<(), Finding> {
        if !self.model.exists {
            return Ok(());
        }
        let gives_up = self.lasts && self.watch.has_failed();
        for number in 0..HANDLES {
            if let Some((memory, _)) = self.handles[number].take() {
                if gives_up {
                    // The process ends.
                    drop(memory);
                } else {
                    self.step(|_, _| Ok(memory.close()?))?;
                }
            }
        }
        self.watch.fail(None);
        if gives_up {
            return Ok(());
        }
        let memory = open(&self.path, OpenMode::Open, true)
            .map_err(|error| format!("at the end: {error}"))?;
        compare(&memory, &self.model, Depth::Whole, &mut self.random)
            .and_then(|()| crate::check::verify(&memory, false))
            .map_err(|finding| format!("at the end: {finding}"))
    }
}

/// A new memory in place of another.
fn created(lex: bool, before: &Model) -> Model {
    Model {
        exists: true,
        lex,
        ..Model::absent(before.dimension)
    }
}

/// How a step ended, other than well.
enum StepError {
    /// It was to fail.
    Expected,
    /// The engine refused it.
    Engine(Error),
    /// The answer was wrong.
    Wrong(Finding),
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

fn wrong_unless(condition: bool, finding: impl FnOnce() -> Finding) -> Result<(), StepError> {
    if condition {
        Ok(())
    } else {
        Err(StepError::Wrong(finding()))
    }
}

//! The program that a workload is: its handles, what it knows, and what it looks at after each call.

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::{DoctorOptions, Error, Memory, OpenMode};
use fastrand::Rng;

use super::calls::created;
use super::open;
use crate::check::{Depth, Finding, compare};
use crate::model::Model;
use crate::recording::{Event, Watch};
use crate::workload::{HANDLES, Operation};

/// A workload that runs.
pub(super) struct Session {
    pub(super) path: PathBuf,
    pub(super) handles: Vec<Option<(Memory, bool)>>,
    pub(super) model: Model,
    pub(super) models: Vec<Model>,
    pub(super) watch: Watch,
    pub(super) operations: Vec<usize>,
    pub(super) failed: Vec<usize>,
    pub(super) between: BTreeMap<usize, Model>,
    pub(super) current: usize,
    /// Whether a call damaged the file, and the repair failed.
    pub(super) is_damaged: bool,
    pub(super) lasts: bool,
    pub(super) random: Rng,
}

impl Session {
    /// Runs a step: a call that is acknowledged as a whole. `change` says what the memory holds then.
    pub(super) fn step(
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

    pub(super) fn handle(&mut self, number: usize) -> Result<&Memory, StepError> {
        let slot = &mut self.handles[number];
        if slot.is_none() {
            *slot = Some((open(&self.path, OpenMode::Open, true)?, true));
        }
        slot.as_ref()
            .map(|(memory, _)| memory)
            .ok_or_else(|| StepError::Wrong("no handle".to_owned()))
    }

    pub(super) fn perform(&mut self, handle: usize, operation: &Operation) -> Result<(), Finding> {
        if !self.model.exists && !matches!(operation, Operation::Create { .. }) {
            return Ok(());
        }
        match operation {
            Operation::RewriteBeside(plans) => self.rewrite_beside(handle, plans)?,
            _ => self.step(|session, next| session.call(handle, operation, next))?,
        }
        if self.is_damaged && !self.lasts {
            // The fault is over: nothing keeps the file from being repaired.
            self.step(|session, next| {
                session.repair(handle, &DoctorOptions::default(), false, next)
            })?;
        }
        self.adopt(operation)?;
        self.look(handle)
    }

    /// Whether a disk that goes on failing may have kept what a call wrote that failed: ids are then those of other documents.
    pub(super) fn is_undecided(&self) -> bool {
        self.lasts && self.watch.has_failed() && !self.failed.is_empty()
    }

    /// Calls of two parts may have done the first one when they failed; what they did is whole all the same.
    pub(super) fn adopt(&mut self, operation: &Operation) -> Result<(), Finding> {
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
    pub(super) fn look(&mut self, handle: usize) -> Result<(), Finding> {
        if !self.model.exists || self.is_damaged || self.lasts && self.watch.has_failed() {
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

    /// Closes the handles; what a new one sees is compared as a whole.
    pub(super) fn finish(&mut self) -> Result<(), Finding> {
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

/// How a step ended, other than well.
pub(super) enum StepError {
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

pub(super) fn wrong_unless(
    condition: bool,
    finding: impl FnOnce() -> Finding,
) -> Result<(), StepError> {
    if condition {
        Ok(())
    } else {
        Err(StepError::Wrong(finding()))
    }
}

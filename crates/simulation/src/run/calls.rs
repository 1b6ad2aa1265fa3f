//! What each call of a workload does, to the memory and to the model of it.

use std::sync::Arc;
use std::time::Duration;

use engine::{
    Dedupe, DoctorOptions, Document, Error, OpenMode, PurgeRequest, PutOptions, PutResult,
    doctor_file,
};

use super::open;
use super::session::{Session, StepError, wrong_unless};
use crate::check::{Finding, is_repaired};
use crate::damage::Damage;
use crate::model::{Model, Planned, Staged, identity};
use crate::recording::Event;
use crate::workload::{Closing, Operation, Plan, vector};

/// The documents of plans.
pub(super) fn resolve(model: &Model, plans: &[Plan], dedupe: Dedupe) -> Vec<Arc<Planned>> {
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

impl Session {
    pub(super) fn call(
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
            Operation::Reopen { lex, closing } => {
                let closed = match (self.handles[handle].take(), closing) {
                    (Some((memory, _)), Closing::Sealed) => memory.close(),
                    (Some((memory, _)), Closing::Unsealed) => memory.close_unsealed(),
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
                if count == 0 && self.is_undecided() {
                    return Err(StepError::Expected);
                }
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
            Operation::Doctor {
                damage,
                options,
                by_handle,
            } => return self.doctor(handle, *damage, options, *by_handle, next),
            Operation::RewriteBeside(_) => {}
        }
        Ok(())
    }

    fn doctor(
        &mut self,
        handle: usize,
        damage: Option<Damage>,
        options: &DoctorOptions,
        by_handle: bool,
        next: &mut Model,
    ) -> Result<(), StepError> {
        if by_handle {
            self.handle(handle)?;
        }
        // A dry run repairs nothing, and a disk that goes on failing lets nothing be repaired.
        let is_repairable = !(options.dry_run || self.lasts && self.watch.has_failed());
        if let Some(damage) = damage.filter(|_| is_repairable) {
            let before = self.watch.events().len();
            damage
                .inflict(&self.watch, &self.path, &mut self.random)
                .map_err(StepError::Wrong)?;
            self.is_damaged = self.watch.events().len() > before;
        }
        self.repair(handle, options, by_handle, next)
    }

    /// Has a file repaired that lost nothing.
    pub(super) fn repair(
        &mut self,
        handle: usize,
        options: &DoctorOptions,
        by_handle: bool,
        next: &mut Model,
    ) -> Result<(), StepError> {
        let report = if by_handle {
            self.handle(handle)?.doctor(options)?
        } else {
            doctor_file(&self.path, options, Duration::from_secs(60))?
        };
        if report["status"] == "failed" && self.watch.has_failed() {
            // What the disk does not give cannot be repaired, and is no failure of the call.
            let message = report["findings"].to_string();
            return Err(StepError::Engine(Error::unsupported("doctor", message)));
        }
        // A record of the log that was not written whole cannot be told from one that was damaged.
        is_repaired(&report, options.dry_run, true).map_err(StepError::Wrong)?;
        if !options.dry_run {
            // On a disk that goes on failing, the damaged file may come back under the name; the report says so.
            let findings = report["findings"].as_array();
            let is_durable = findings
                .is_none_or(|found| found.iter().all(|one| one["code"] != "name_not_durable"));
            // So may it behind a repair that has nothing to do any more.
            let has_written = report["status"] != "clean" || !self.watch.has_failed();
            if self.is_damaged && is_durable && has_written {
                self.is_damaged = false;
                self.watch.mark(Event::Repaired);
            }
            if report["status"] != "clean" {
                next.compact();
                next.lex |= options.rebuild_lex_index;
            }
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

    pub(super) fn rewrite_beside(&mut self, handle: usize, plans: &[Plan]) -> Result<(), Finding> {
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
}

/// A new memory in place of another.
pub(super) fn created(lex: bool, before: &Model) -> Model {
    Model {
        exists: true,
        lex,
        ..Model::absent(before.dimension)
    }
}

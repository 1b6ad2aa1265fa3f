//! Calls about memory cards.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::Memory;
use crate::cards::{
    CardQuestion, Cards, ENGINE, Enrichment, Format, Memories, MemoriesStats, NewCard, State,
    enrich, with_cards,
};
use crate::commit::{Altered, MemoriesTrack};
use crate::error::{Code, Error, Result};
use crate::snapshot::Snapshot;

impl Memory {
    /// The cards of an entity, of one of its slots, or all; newest first. Names count whatever their case.
    ///
    /// Looks at documents that were not looked at before; MV012 when the stored cards are damaged.
    pub fn memories(&self, entity: Option<&str>, slot: Option<&str>) -> Result<Memories> {
        self.with_cards("memories", |cards, snapshot| {
            cards.memories(snapshot, entity, slot)
        })
    }

    /// Numbers of the cards.
    pub fn memories_stats(&self) -> Result<MemoriesStats> {
        self.with_cards("memoriesStats", Cards::stats)
    }

    /// Names of all entities, with small letters.
    pub fn memory_entities(&self) -> Result<Vec<String>> {
        self.with_cards("memoryEntities", Cards::entities)
    }

    /// What is so now of an entity.
    pub fn state(&self, entity: &str, slot: Option<&str>) -> Result<State> {
        self.with_cards("state", |cards, snapshot| {
            cards.state(snapshot, entity, slot)
        })
    }

    /// The facts as text for other programs. MV019 for a format that is none.
    pub fn export_facts(
        &self,
        format: &str,
        entity: Option<&str>,
        with_provenance: bool,
    ) -> Result<String> {
        let Some(of_name) = Format::of(format) else {
            return Err(Error::invalid("format", format, "json, csv or ntriples"));
        };
        self.with_cards("exportFacts", |cards, snapshot| {
            cards.export(snapshot, of_name, entity, with_provenance)
        })
    }

    /// Writes the cards of all documents that were not looked at into the file; with `force`, of all. Durable when it
    /// returns. Cards of other engines stay.
    ///
    /// Fails with MV019 for another engine than `rules`, and MV001 (`reason: "cards"`) when all cards together would be
    /// longer than can be read again.
    pub fn enrich(&self, engine: &str, force: bool) -> Result<Enrichment> {
        const OPERATION: &str = "enrich";
        self.check_writable(OPERATION)?;
        if engine != ENGINE {
            return Err(Error::invalid("engine", engine, ENGINE));
        }
        self.change_cards(OPERATION, |snapshot| {
            let enriched = enrich(snapshot, force, now())?;
            let is_changed = force || enriched.report.frames_processed > 0;
            Ok((is_changed.then_some(enriched.track), enriched.report))
        })
    }

    /// Adds cards and gives their numbers. Durable when it returns; all of them or none.
    ///
    /// Fails with MV019 for a card without entity, slot or value, MV010 for a frame that is not there, and MV001
    /// (`reason: "cards"`) when all cards together would be longer than can be read again ([`mv2::cards::MAX_TRACK`]).
    pub fn add_memory_cards(&self, cards: &[NewCard]) -> Result<Vec<u64>> {
        const OPERATION: &str = "addMemoryCards";
        self.check_writable(OPERATION)?;
        if cards.is_empty() {
            return Ok(Vec::new());
        }
        self.change_cards(OPERATION, |snapshot| {
            let mut derived = self.derived.lock();
            let (track, ids) = with_cards(snapshot, &mut derived, cards, now())?;
            Ok((Some(track), ids))
        })
    }

    /// Answers a question about cards.
    pub fn cards(&self, question: &CardQuestion) -> Result<Value> {
        use CardQuestion::{Entities, Export, Memories, State, Stats};
        let answer = match question {
            Memories { entity, slot } => {
                serde_json::to_value(self.memories(entity.as_deref(), slot.as_deref())?)
            }
            Stats {} => serde_json::to_value(self.memories_stats()?),
            Entities {} => serde_json::to_value(self.memory_entities()?),
            State { entity, slot } => serde_json::to_value(self.state(entity, slot.as_deref())?),
            Export {
                format,
                entity,
                provenance,
            } => Ok(self
                .export_facts(format, entity.as_deref(), *provenance)?
                .into()),
        };
        answer.map_err(|error| {
            Error::new(
                Code::Internal,
                format!("cards cannot be shown: {error}"),
                Value::Null,
            )
        })
    }

    fn with_cards<T>(
        &self,
        operation: &str,
        mut ask: impl FnMut(&Cards, &Snapshot) -> T,
    ) -> Result<T> {
        self.answer(operation, |snapshot| {
            let cards = Cards::of(snapshot, &mut self.derived.lock(), now())?;
            Ok(ask(&cards, snapshot))
        })
    }

    /// Runs a change of the track on a state with an empty log.
    fn change_cards<T>(
        &self,
        operation: &str,
        change: impl FnOnce(&Snapshot) -> Result<(Option<MemoriesTrack>, T)>,
    ) -> Result<T> {
        self.on_empty_log(operation, |snapshot| {
            let (memories, result) = change(snapshot)?;
            snapshot.committed.check()?;
            if memories.is_some() {
                self.commit_altered(snapshot, |_, _| {
                    Ok(Altered {
                        memories,
                        ..Altered::default()
                    })
                })?;
            }
            Ok(result)
        })
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

//! Documents that a handle is given to store.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Memory;
use super::vectors::check_dimensions;
use crate::bulk;
use crate::document::{Document, PreparedDocument, PreparedFrame, Preparer};
use crate::error::{Code, Error, Result};
use crate::options::{Dedupe, PutOptions, PutResult};
use crate::pictures::check_documents;
use crate::writer::{self, Changes};

/// Most frames that [`Memory::put_at_once`] leaves to be indexed by who comes next.
const MOST_WAITING: usize = 64;

/// From this many documents on, a batch is prepared on two threads.
const PARALLEL_FROM: usize = 256;

impl Memory {
    /// Stores documents as one transaction: durable when it returns, and all or nothing.
    pub fn put(&self, documents: Vec<Document>, options: PutOptions) -> Result<PutResult> {
        self.check_writable("put")?;
        check_level(options.compression_level)?;
        self.check_takes_vectors("put", documents.iter())?;
        let prepared = prepare(documents, options.compression_level, options.enrich)?;
        if options.vector_compression {
            self.set_vector_compression(true)?;
        }
        self.store("put", prepared, options.dedupe)
    }

    /// Stores one short document as [`Memory::put`] does with [`Dedupe::Keep`], for a caller that must not be kept waiting;
    /// gives its id. `None`, with nothing done, when it could take longer than handing the work to another thread would:
    /// another write has its turn, another process holds the lock or wrote since, the log has no room, many frames wait to
    /// be indexed, or the disk was of late not faster than `patience`, or nothing is known of it since the last commit.
    pub fn put_at_once(
        &self,
        document: Document,
        level: i32,
        patience: Duration,
    ) -> Result<Option<u64>> {
        const OPERATION: &str = "put";
        self.check_writable(OPERATION)?;
        check_level(level)?;
        self.check_takes_vectors(OPERATION, std::iter::once(&document))?;
        let Some(mut writer) = self.writer.try_lock() else {
            return Ok(None);
        };
        let current = self
            .state
            .load_full()
            .ok_or_else(|| Error::closed(OPERATION))?;
        let pending = &current.pending;
        if !pending.pace.is_within(patience) || pending.lex.waiting() >= MOST_WAITING {
            return Ok(None);
        }
        let documents = prepare(vec![document], level, true)?;
        let Some((_lock, snapshot)) = self.lock_at_once(&mut writer, current)? else {
            return Ok(None);
        };
        let changes = Changes {
            documents,
            ..Changes::default()
        };
        check_dimensions(&snapshot, &changes.documents)?;
        let id = snapshot.frame_count();
        let options = self.commit_options(&snapshot);
        let next = writer::append_if_room(&snapshot, &changes, &options)?;
        Ok(next.map(|next| {
            self.state.store(Some(Arc::new(next)));
            id
        }))
    }

    /// Stores all documents that `slices` gives as one transaction, without holding them in memory: durable when it
    /// returns, and all or nothing. An error of `slices` ends it; then nothing is stored. While more comes than the log
    /// takes, other writers wait.
    pub fn put_slices(
        &self,
        slices: &mut dyn Iterator<Item = Result<Vec<Document>>>,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.check_writable("put")?;
        check_level(options.compression_level)?;
        let log = self.snapshot("put")?.committed.header.wal_size;
        let (mut gathered, mut bytes) = (Vec::new(), 0);
        // What fits into the log goes there: a commit would rewrite the table of contents. Who replaces documents needs
        // all of them at hand, because a later one may replace an earlier one.
        while bytes <= log / 4 || options.dedupe == Dedupe::Replace {
            let Some(slice) = slices.next() else {
                return self.put(gathered, options);
            };
            let slice = slice?;
            self.check_takes_vectors("put", slice.iter())?;
            bytes += slice
                .iter()
                .map(|document| document.size() as u64)
                .sum::<u64>();
            gathered.extend(slice);
        }
        if options.vector_compression {
            self.set_vector_compression(true)?;
        }
        let mut writer = self.writer.lock();
        let (_lock, mut snapshot) = self.lock_alone("put", &mut writer)?;
        let table = &mut writer.table;
        // The file is not rewritten now: after the batch it may be due or not.
        let plain = self.commit_options(&snapshot);
        snapshot = self.with_empty_log(snapshot, &plain)?;
        if options.dedupe != Dedupe::Keep {
            table.update(&snapshot)?;
        }
        let find = |hash: &[u8; 32]| table.find(&snapshot, hash);
        let mut slices = slices.map(|slice| {
            let slice = slice?;
            self.check_takes_vectors("put", slice.iter())?;
            Ok(slice)
        });
        let stored = bulk::commit(
            &snapshot,
            gathered,
            &mut slices,
            &options,
            (options.dedupe != Dedupe::Keep).then_some(&find),
            &self.handing_over(&snapshot),
        )?;
        self.publish_commit(stored.committed);
        Ok(PutResult {
            ids: stored.ids,
            duplicate_of: stored.duplicate_of,
            sequence: snapshot.pending.last_sequence,
        })
    }

    fn store(
        &self,
        operation: &str,
        prepared: Vec<PreparedDocument>,
        dedupe: Dedupe,
    ) -> Result<PutResult> {
        self.mutate(operation, |snapshot, table| {
            let mut ids = Vec::with_capacity(prepared.len());
            let mut duplicate_of = Vec::with_capacity(prepared.len());
            let mut changes = Changes::default();
            check_dimensions(snapshot, &prepared)?;
            check_documents(snapshot, &prepared)?;
            let mut next = snapshot.frame_count();
            let mut fresh = HashMap::new();
            let mut fresh_vectors = HashMap::new();
            let mut fresh_pictures = HashMap::new();
            if dedupe != Dedupe::Keep {
                table.update(snapshot)?;
            }
            for mut document in prepared {
                let hash = document
                    .frames
                    .first()
                    .and_then(|first| first.frame.source_sha256);
                let earlier = match (dedupe, hash) {
                    (Dedupe::Keep, _) | (_, None) => None,
                    (_, Some(hash)) => fresh
                        .get(&hash)
                        .copied()
                        .or_else(|| table.find(snapshot, &hash)),
                };
                duplicate_of.push(earlier);
                if let (Dedupe::Skip, Some(earlier)) = (dedupe, earlier) {
                    ids.push(earlier);
                    continue;
                }
                if dedupe == Dedupe::Replace {
                    document.supersedes = earlier;
                    // The content is the same, and so is what it means.
                    if let (Some(earlier), Some(first)) = (earlier, document.frames.first_mut())
                        && first.vector.is_none()
                    {
                        let known = match fresh_vectors.get(&earlier) {
                            Some(known) => Some(Clone::clone(known)),
                            None if earlier < snapshot.frame_count() => {
                                snapshot.embedding(earlier)?
                            }
                            None => None,
                        };
                        if let Some(embedding) = known {
                            first.embed(embedding);
                        }
                    }
                    if let (Some(earlier), Some(first)) = (earlier, document.frames.first_mut())
                        && first.picture().is_none()
                    {
                        let known = match fresh_pictures.get(&earlier) {
                            Some(known) => Some(Clone::clone(known)),
                            None if earlier < snapshot.frame_count() => {
                                snapshot.picture(earlier)?
                            }
                            None => None,
                        };
                        if let Some(picture) = known {
                            picture.write(&mut first.frame.extra_metadata);
                        }
                    }
                    let picture = document.frames.first().and_then(PreparedFrame::picture);
                    fresh_pictures.extend(picture.map(|picture| (next, picture)));
                    if let Some(embedding) =
                        document.frames.first().and_then(PreparedFrame::embedding)
                    {
                        fresh_vectors.insert(next, embedding);
                    }
                }
                if let Some(hash) = hash.filter(|_| dedupe != Dedupe::Keep) {
                    fresh.insert(hash, next);
                }
                ids.push(next);
                next += document.frames.len() as u64;
                changes.documents.push(document);
            }
            Ok((changes, (ids, duplicate_of)))
        })
        .map(|(sequence, (ids, duplicate_of))| PutResult {
            ids,
            duplicate_of,
            sequence,
        })
    }
}

fn check_level(level: i32) -> Result<()> {
    if (0..=11).contains(&level) {
        return Ok(());
    }
    Err(Error::invalid(
        "compressionLevel",
        level,
        "an integer from 0 to 11",
    ))
}

fn prepare(documents: Vec<Document>, level: i32, enrich: bool) -> Result<Vec<PreparedDocument>> {
    let few = documents.len() < PARALLEL_FROM;
    let run = |first: usize, part: Vec<Document>| -> Result<Vec<PreparedDocument>> {
        let mut preparer = Preparer::new(level).enriching(enrich);
        if few {
            preparer = preparer.for_log();
        }
        part.into_iter()
            .enumerate()
            .map(|(index, document)| preparer.prepare(document, first + index))
            .collect()
    };
    if few {
        return run(0, documents);
    }
    let mut left = documents;
    let half = left.len() / 2;
    let right = left.split_off(half);
    std::thread::scope(|scope| {
        let other = scope.spawn(move || run(half, right));
        let mut prepared = run(0, left)?;
        let other = other
            .join()
            .map_err(|_| Error::new(Code::Internal, "preparing stopped unexpectedly", json!({})))?;
        prepared.extend(other?);
        Ok(prepared)
    })
}

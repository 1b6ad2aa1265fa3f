//! A rewrite of the file that runs beside the puts of a handle.
//!
//! A full log is moved into the file before the put that found it full can go on, and with a large file that takes
//! seconds: so much is written. A handle whose log is nearly full can do it sooner and on another thread. The new file is
//! made from a snapshot while puts go on into the log of the old one; what came meanwhile is copied into the log of the
//! new file before that gets the name. The writer lock is held all the time: other processes wait as they would for a
//! commit.

use std::sync::Arc;

use mv2::lock::FileLock;
use parking_lot::{Condvar, Mutex};

use crate::bulk::guarded;
use crate::commit::CommitOptions;
use crate::compact::{self, Prepared};
use crate::error::Result;
use crate::indexing::with_lex_document;
use crate::log_index::LogIndex;
use crate::snapshot::Snapshot;
use crate::text;

/// Frames that may be left to be indexed while puts wait.
const FEW: u64 = 64;
/// How often what came meanwhile is indexed before puts wait; each time it is less.
const ROUNDS: usize = 8;

/// A new file, and the words of what the log got while it was made.
pub struct Made {
    /// The file.
    pub prepared: Prepared,
    /// For the log of the new file.
    pub index: LogIndex,
}

/// What the thread that makes the new file leaves to whoever gives it the name.
#[derive(Default)]
pub struct Job {
    made: Mutex<Option<Result<Made>>>,
    done: Condvar,
}

impl Job {
    /// Makes the new file. `current` gives the state of the moment.
    pub fn run(
        &self,
        snapshot: &Snapshot,
        options: &CommitOptions,
        current: impl Fn() -> Option<Arc<Snapshot>>,
    ) {
        let made = guarded(|| {
            let prepared = compact::prepare(snapshot, options)?;
            // Here, so that little is left to be made durable while puts wait.
            prepared.sync()?;
            let mut index = lex::PendingIndex::new();
            let mut known = snapshot.frame_count();
            for _ in 0..ROUNDS {
                let current = current()
                    .filter(|current| Arc::ptr_eq(&current.committed, &snapshot.committed));
                let Some(current) = current.filter(|_| options.index) else {
                    break;
                };
                if current.frame_count() <= known + FEW {
                    break;
                }
                for id in known..current.frame_count() {
                    index_frame(&mut index, &current, id)?;
                }
                known = current.frame_count();
            }
            let index = LogIndex::ahead(index, known);
            Ok(Made { prepared, index })
        });
        *self.made.lock() = Some(made);
        self.done.notify_all();
    }

    /// The new file, waited for. It is there once.
    pub fn wait(&self) -> Result<Made> {
        let mut made = self.made.lock();
        loop {
            match made.take() {
                Some(made) => return made,
                None => self.done.wait(&mut made),
            }
        }
    }
}

/// Takes the words of a frame of the log apart.
fn index_frame(index: &mut lex::PendingIndex, snapshot: &Snapshot, id: u64) -> Result<()> {
    let view = snapshot.view(id)?;
    if view.has_chunk_manifest {
        return Ok(());
    }
    let body = text::search_body(&view, &|_, _| snapshot.stored_payload(id, &view))?;
    let Some(body) = body else { return Ok(()) };
    let parent = view.parent_id.and_then(|parent| snapshot.view(parent).ok());
    with_lex_document(id, &view, parent.as_ref(), &body, |document| {
        index.add(document);
    });
    Ok(())
}

/// A rewrite that has begun.
pub struct Rewrite {
    /// On the old file.
    pub lock: FileLock,
    /// The state that the new file is made from.
    pub snapshot: Arc<Snapshot>,
    /// The work.
    pub job: Arc<Job>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::{Content, Document, Memory, OpenMode, OpenOptions, PutOptions};

    fn put(memory: &Memory, text: &str) -> u64 {
        let documents = vec![Document::text(text, 1)];
        memory.put(documents, PutOptions::default()).unwrap().ids[0]
    }

    fn total(memory: &Memory, query: &str) -> u64 {
        let request = serde_json::from_value(json!({ "query": query, "k": 3 })).unwrap();
        memory.find(request).unwrap().total_hits
    }

    #[test]
    fn what_the_log_gets_meanwhile_is_in_the_log_of_the_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.mv2");
        let options = OpenOptions {
            mode: OpenMode::Create,
            ..OpenOptions::default()
        };
        let memory = Memory::open(&path, options).unwrap();
        let documents: Vec<_> = (0..2_000)
            .map(|number| Document::text(format!("keyword{number}x note"), number))
            .collect();
        memory.put(documents, PutOptions::default()).unwrap();
        put(&memory, "before the snapshot");
        memory.remove(&[5]).unwrap();
        let snapshot = memory.snapshot("test").unwrap();
        let options = CommitOptions {
            lex_enabled: true,
            index: true,
            capacity: None,
            hands_over: false,
        };
        let meanwhile = put(&memory, "meanwhile in the log");
        let long = put(&memory, &"quick fox ".repeat(700));
        memory.remove(&[7, snapshot.frame_count() - 1]).unwrap();
        memory
            .update(9, |snapshot, id| {
                let mut next = crate::document_at(snapshot, id)?;
                next.content = Content::Text("version meanwhile".to_owned());
                Ok(next)
            })
            .unwrap();
        let mut words = Vec::new();
        for number in 0..2 * FEW {
            words.push(put(&memory, &format!("numbered{number}y one")));
        }
        let job = Job::default();
        let at_first = memory.snapshot("test").unwrap();
        job.run(&snapshot, &options, || Some(Arc::clone(&at_first)));
        let last = put(&memory, "numberedy last one");
        let current = memory.snapshot("test").unwrap();
        let count = current.frame_count();
        let Made { prepared, index } = job.wait().unwrap();
        assert!(index.knows(words[0]) && !index.knows(last));
        let (committed, lock) = prepared.finish(&current).unwrap();
        let committed = committed.unwrap();
        assert_eq!(committed.frame_count(), snapshot.frame_count());
        let pending = crate::writer::load_pending_onto(&committed, true, index).unwrap();
        let plain = crate::writer::load_pending(&committed, true).unwrap();
        assert_eq!(pending.lex.whole().len(), plain.lex.whole().len());
        drop((committed, pending, plain));
        drop(lock);
        // The handle goes on with the new file, and so does whoever opens it.
        let opened = Memory::open(&path, OpenOptions::default()).unwrap();
        for memory in [&memory, &opened] {
            assert_eq!(memory.snapshot("test").unwrap().frame_count(), count);
            assert_eq!(memory.text(meanwhile).unwrap(), "meanwhile in the log");
            assert!(memory.text(long).unwrap().ends_with("quick fox "));
            for removed in [5, 7, 2_000] {
                assert!(memory.text(removed).is_err(), "{removed}");
            }
            assert_eq!(total(memory, "meanwhile"), 2);
            assert_eq!(total(memory, "one"), 2 * FEW + 1);
            assert_eq!(total(memory, "keyword9x"), 0);
            assert_eq!(total(memory, "keyword11x"), 1);
            assert_eq!(memory.stats().unwrap()["active_frame_count"], count - 4);
        }
        opened.close().unwrap();
        assert_eq!(put(&memory, "afterwards"), count);
        memory.close().unwrap();
        let opened = Memory::open(&path, OpenOptions::default()).unwrap();
        assert_eq!(total(&opened, "afterwards"), 1);
        assert_eq!(opened.verify(true).unwrap().overall_status, "passed");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

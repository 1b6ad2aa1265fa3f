//! Calls of a memory in any order, compared with a plain list.

use std::path::Path;
use std::sync::Arc;

use engine::{
    Dedupe, Document, Embedding, FindRequest, Identity, Memory, OpenMode, OpenOptions, PutOptions,
};
use serde_json::json;

use super::with_folder;
use crate::script::Input;
use crate::shapes;

const DIMENSION: usize = 8;

/// A document as it must be.
#[derive(Clone)]
struct Kept {
    text: String,
    uri: Option<String>,
    number: u64,
    vector: Option<Vec<f32>>,
    status: Status,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Active,
    Superseded,
    Removed,
}

struct Run<'a> {
    path: &'a Path,
    memories: Vec<Memory>,
    /// By frame id; `None`: a chunk.
    kept: Vec<Option<Kept>>,
    next: u64,
}

/// Any calls, on up to three handles of one file.
pub fn operations(data: &[u8]) {
    with_folder(|folder| {
        let path = folder.join("operated.mv2");
        let options = OpenOptions {
            mode: OpenMode::Create,
            ..OpenOptions::default()
        };
        let mut run = Run {
            memories: vec![Memory::open(&path, options).unwrap()],
            path: &path,
            kept: Vec::new(),
            next: 0,
        };
        let mut input = Input::new(data);
        for _ in 0..40 {
            if input.is_empty() {
                break;
            }
            run.step(&mut input);
        }
        run.check_all();
        for memory in std::mem::take(&mut run.memories) {
            memory.close().unwrap();
        }
        run.memories = vec![open(&path)];
        run.check_all();
        let report = run.memories[0].verify(true).unwrap();
        assert_eq!(report.overall_status, "passed", "{report:?}");
    });
}

fn open(path: &Path) -> Memory {
    Memory::open(path, OpenOptions::default()).unwrap()
}

impl Run<'_> {
    fn step(&mut self, input: &mut Input<'_>) {
        let operation = input.byte();
        let which = usize::from(operation >> 5) % self.memories.len();
        match operation % 16 {
            0..=3 => self.put(which, 1, input, Dedupe::Keep),
            4 => {
                let count = 2 + usize::from(input.byte() % 40);
                self.put(which, count, input, Dedupe::Keep);
            }
            5 => {
                if let Some(id) = self.pick(input) {
                    let (document, kept) = self.document(input);
                    let memory = &self.memories[which];
                    let new = memory.update(id, |_, _| Ok(document)).unwrap();
                    self.kept[id as usize].as_mut().unwrap().status = Status::Superseded;
                    self.keep(new, kept);
                }
            }
            6 => {
                if let Some(id) = self.pick(input) {
                    self.memories[which].remove(&[id]).unwrap();
                    self.kept[id as usize].as_mut().unwrap().status = Status::Removed;
                }
            }
            7 => self.memories[which].seal().unwrap(),
            8 => {
                self.memories[which].close().unwrap();
                self.memories[which] = open(self.path);
            }
            9 if self.memories.len() < 3 => self.memories.push(open(self.path)),
            // As after a crash: nothing is closed.
            9 => self.memories[which] = open(self.path),
            10 => self.find(which, input),
            11 => self.check_one(which, input),
            12 => {
                let on = input.byte().is_multiple_of(2);
                self.memories[which].set_vector_compression(on).unwrap();
            }
            13 => self.timeline(which),
            14 => {
                // What is not there is refused, and nothing happens.
                let nowhere = self.kept.len() as u64 + 5;
                assert!(self.memories[which].remove(&[nowhere]).is_err());
                let wrong = Document {
                    metadata: Some("[not an object]".to_owned()),
                    ..Document::text("never stored", 1)
                };
                let (right, _) = self.document(input);
                let put = vec![right, wrong];
                assert!(
                    self.memories[which]
                        .put(put, PutOptions::default())
                        .is_err()
                );
            }
            _ => {
                let memory = &self.memories[which];
                let (ids, vectors): (Vec<u64>, Vec<_>) = self
                    .active()
                    .filter(|(_, kept)| kept.vector.is_some())
                    .map(|(id, kept)| (id, shapes::vector(DIMENSION, kept.number + 7)))
                    .unzip();
                memory
                    .stage_vectors(&ids, &vectors.concat(), identity("b"))
                    .unwrap();
                memory.discard_staged().unwrap();
            }
        }
    }

    fn document(&mut self, input: &mut Input<'_>) -> (Document, Kept) {
        let number = self.next;
        self.next += 1;
        let how = input.byte();
        let words = if how % 8 == 7 {
            500
        } else {
            usize::from(how % 30)
        };
        let text = format!("{} word{number}", shapes::text(number, words));
        let uri = (how & 0x40 != 0).then(|| format!("mv2://document/{number}"));
        let vector = (how & 0x80 != 0).then(|| shapes::vector(DIMENSION, number));
        let document = Document {
            uri: uri.clone(),
            metadata: Some(json!({ "number": number }).to_string()),
            embedding: vector.clone().map(|vector| Embedding {
                vector: Arc::from(vector),
                identity: Arc::new(identity("a")),
            }),
            ..Document::text(text.clone(), 1_700_000_000 + i64::from(how) * 100)
        };
        let kept = Kept {
            text,
            uri,
            number,
            vector,
            status: Status::Active,
        };
        (document, kept)
    }

    fn put(&mut self, which: usize, count: usize, input: &mut Input<'_>, dedupe: Dedupe) {
        let (documents, kept): (Vec<_>, Vec<_>) = (0..count).map(|_| self.document(input)).unzip();
        let options = PutOptions {
            dedupe,
            ..PutOptions::default()
        };
        let stored = self.memories[which].put(documents, options).unwrap();
        assert_eq!(stored.ids.len(), count);
        for (id, kept) in stored.ids.into_iter().zip(kept) {
            self.keep(id, kept);
        }
    }

    fn keep(&mut self, id: u64, kept: Kept) {
        let id = id as usize;
        assert!(
            self.kept.get(id).is_none_or(Option::is_none),
            "frame {id} is given twice"
        );
        if self.kept.len() <= id {
            self.kept.resize(id + 1, None);
        }
        self.kept[id] = Some(kept);
    }

    fn active(&self) -> impl Iterator<Item = (u64, &Kept)> {
        let kept = self.kept.iter().enumerate();
        kept.filter_map(|(id, kept)| Some((id as u64, kept.as_ref()?)))
            .filter(|(_, kept)| kept.status == Status::Active)
    }

    fn pick(&self, input: &mut Input<'_>) -> Option<u64> {
        let ids: Vec<u64> = self.active().map(|(id, _)| id).collect();
        let at = input.number() % ids.len().max(1);
        ids.get(at).copied()
    }

    fn check_one(&self, which: usize, input: &mut Input<'_>) {
        if let Some(id) = self.pick(input) {
            self.check(&self.memories[which], id);
        }
    }

    fn check(&self, memory: &Memory, id: u64) {
        let Some(kept) = &self.kept[id as usize] else {
            return;
        };
        let text = memory.text(id);
        if kept.status == Status::Removed {
            assert!(text.is_err(), "frame {id} was removed");
            return;
        }
        assert_eq!(text.unwrap(), kept.text, "frame {id}");
        let frame = memory.frame(id).unwrap();
        assert_eq!(frame.metadata["number"], json!(kept.number));
        let active = kept.status == Status::Active;
        assert_eq!(frame.status == "active", active);
        if let Some(uri) = kept.uri.as_ref().filter(|_| active) {
            assert_eq!(memory.frame_by_uri(uri).unwrap(), id);
        }
        let embedding = memory.snapshot("check").unwrap().embedding(id).unwrap();
        if active {
            assert_eq!(embedding.is_some(), kept.vector.is_some(), "frame {id}");
        }
    }

    fn find(&self, which: usize, input: &mut Input<'_>) {
        if self.next == 0 {
            return;
        }
        let number = input.number() as u64 % self.next;
        self.find_number(&self.memories[which], number);
    }

    fn find_number(&self, memory: &Memory, number: u64) {
        let request = json!({ "query": format!("word{number}"), "k": 3 });
        let request: FindRequest = engine::parse_request(&request.to_string()).unwrap();
        let found = memory.find(request).unwrap();
        let expected: Vec<u64> = self
            .active()
            .filter(|(_, kept)| kept.number == number)
            .map(|(id, _)| id)
            .collect();
        let documents: Vec<u64> = found
            .hits
            .iter()
            .map(|hit| hit.parent_id.unwrap_or(hit.frame_id))
            .collect();
        assert_eq!(documents, expected, "word{number}");
    }

    fn timeline(&self, which: usize) {
        let request = json!({ "limit": 10_000 });
        let request = engine::parse_request(&request.to_string()).unwrap();
        let entries = self.memories[which].timeline(&request).unwrap();
        let mut found: Vec<u64> = entries.iter().map(|entry| entry.frame_id).collect();
        assert!(entries.is_sorted_by_key(|entry| (entry.timestamp, entry.frame_id)));
        found.sort_unstable();
        assert!(found.into_iter().eq(self.active().map(|(id, _)| id)));
    }

    fn check_all(&self) {
        for (which, memory) in self.memories.iter().enumerate() {
            for id in 0..self.kept.len() as u64 {
                self.check(memory, id);
            }
            for number in 0..self.next {
                self.find_number(memory, number);
            }
            self.timeline(which);
            let stats = memory.stats().unwrap();
            let vectors = self
                .active()
                .filter(|(_, kept)| kept.vector.is_some())
                .count();
            assert_eq!(stats["vector_count"], json!(vectors));
        }
    }
}

fn identity(model: &str) -> Identity {
    Identity {
        provider: Some("test".to_owned()),
        model: Some(model.to_owned()),
        ..Identity::default()
    }
}

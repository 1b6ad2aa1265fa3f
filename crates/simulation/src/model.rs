//! What a memory should hold: a plain list of documents. Knows nothing of the engine but the form of what it is given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::{Content, Document, Embedding, Identity, Picture};
use serde_json::{Map, Value};

/// The model of all pictures.
pub const PICTURE_MODEL: &str = "pictures";

/// A vector and the model that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    /// Its numbers.
    pub numbers: Arc<[f32]>,
    /// Name of the model.
    pub model: String,
}

/// A document as it was put.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The word by which it is found, which no other text has; `None` when it is not found by words.
    pub word: Option<String>,
    /// Its bytes; text when they are UTF-8.
    pub content: Vec<u8>,
    /// Title, uri, category and stream.
    pub names: [Option<String>; 4],
    /// Keywords of both lists.
    pub keywords: [Vec<String>; 2],
    /// Seconds since 1970.
    pub timestamp: i64,
    /// Metadata.
    pub metadata: Map<String, Value>,
    /// What it is found by when a search is by meaning.
    pub vector: Option<Vector>,
    /// What it is found by among pictures.
    pub picture: Option<Arc<[f32]>>,
}

impl Planned {
    /// The document to put.
    #[must_use]
    pub fn document(&self) -> Document {
        let [title, uri, kind, track] = self.names.clone();
        let [tags, labels] = self.keywords.clone();
        let content = match String::from_utf8(self.content.clone()) {
            Ok(text) => Content::Text(text),
            Err(error) => Content::Bytes(error.into_bytes()),
        };
        Document {
            content,
            title,
            uri,
            kind,
            track,
            tags,
            labels,
            metadata: (!self.metadata.is_empty())
                .then(|| Value::Object(self.metadata.clone()).to_string()),
            embedding: self.vector.as_ref().map(|vector| Embedding {
                vector: Arc::clone(&vector.numbers),
                identity: Arc::new(identity(&vector.model)),
            }),
            picture: self.picture.as_ref().map(|vector| Picture {
                vector: Arc::clone(vector),
                model: Arc::from(PICTURE_MODEL),
            }),
            ..Document::text("", self.timestamp)
        }
    }
}

/// The identity of vectors of a model.
#[must_use]
pub fn identity(model: &str) -> Identity {
    Identity {
        provider: Some("simulation".to_owned()),
        model: Some(model.to_owned()),
        dimension: None,
        normalized: Some(false),
    }
}

/// A document that is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// As it was put.
    pub planned: Arc<Planned>,
    /// What it is found by now.
    pub vector: Option<Vector>,
    /// What it is found by among pictures.
    pub picture: Option<Arc<[f32]>>,
    /// The version before.
    pub supersedes: Option<u64>,
    /// The version after.
    pub superseded_by: Option<u64>,
}

/// Vectors that wait.
#[derive(Debug, Clone)]
pub struct Staged {
    /// Name of the model that made them.
    pub model: String,
    /// Numbers of a vector.
    pub dimension: usize,
    /// By document.
    pub vectors: BTreeMap<u64, Arc<[f32]>>,
}

/// A memory.
#[derive(Debug, Clone)]
pub struct Model {
    /// Whether there is one.
    pub exists: bool,
    /// Whether it has a full-text index.
    pub lex: bool,
    /// Documents that are not removed, by their ids.
    pub documents: BTreeMap<u64, Stored>,
    /// Ids of removed ones.
    pub removed: BTreeSet<u64>,
    /// Words that must not be found any more.
    pub gone: Vec<String>,
    /// Vectors that wait.
    pub staged: Option<Staged>,
    /// Numbers of a vector from now on.
    pub dimension: usize,
    /// Name of the model that makes them.
    pub model: String,
    /// What the last operations touched.
    pub recent: Vec<u64>,
}

impl Model {
    /// No memory.
    #[must_use]
    pub fn absent(dimension: usize) -> Self {
        Self {
            exists: false,
            lex: true,
            documents: BTreeMap::new(),
            removed: BTreeSet::new(),
            gone: Vec::new(),
            staged: None,
            dimension,
            model: "first".to_owned(),
            recent: Vec::new(),
        }
    }

    /// Documents in force.
    pub fn active(&self) -> impl Iterator<Item = (u64, &Stored)> {
        self.documents
            .iter()
            .filter(|(_, stored)| stored.superseded_by.is_none())
            .map(|(id, stored)| (*id, stored))
    }

    /// One of the documents in force; `None` when there are none.
    #[must_use]
    pub fn pick(&self, number: u64) -> Option<u64> {
        let count = self.active().count() as u64;
        let index = number.checked_rem(count)?;
        self.active()
            .nth(usize::try_from(index).unwrap_or(0))
            .map(|(id, _)| id)
    }

    /// A document was stored, perhaps in place of another.
    pub fn store(&mut self, id: u64, planned: Arc<Planned>, supersedes: Option<u64>) {
        let mut vector = planned.vector.clone();
        let mut picture = planned.picture.clone();
        if let Some(old) = supersedes.and_then(|old| self.documents.get_mut(&old)) {
            old.superseded_by = Some(id);
            let is_same = old.planned.content == planned.content;
            if vector.is_none() && is_same {
                vector.clone_from(&old.vector);
            }
            if picture.is_none() && is_same {
                picture.clone_from(&old.picture);
            }
            self.gone
                .extend(old.planned.word.clone().filter(|_| !is_same));
        }
        self.documents.insert(
            id,
            Stored {
                planned,
                vector,
                picture,
                supersedes,
                superseded_by: None,
            },
        );
        self.touch(id);
    }

    /// A document was removed.
    pub fn remove(&mut self, id: u64) {
        if let Some(stored) = self.documents.remove(&id) {
            self.removed.insert(id);
            self.gone.extend(stored.planned.word.clone());
            self.touch(id);
        }
    }

    /// The vectors that wait are in force.
    pub fn swap(&mut self) {
        let Some(staged) = self.staged.take() else {
            return;
        };
        let replaces_all = staged.dimension != self.dimension;
        for (id, stored) in &mut self.documents {
            match staged.vectors.get(id) {
                Some(numbers) => {
                    stored.vector = Some(Vector {
                        numbers: Arc::clone(numbers),
                        model: staged.model.clone(),
                    });
                }
                None if replaces_all => stored.vector = None,
                None => {}
            }
        }
        self.dimension = staged.dimension;
        self.model = staged.model;
    }

    /// Documents go with all their versions, and so do earlier versions of others if `versions` says so; of vectors that
    /// wait, those of what was removed go.
    pub fn purge(&mut self, ids: &[u64], versions: bool) {
        let newest = |mut id: u64| {
            while let Some(next) = self
                .documents
                .get(&id)
                .and_then(|stored| stored.superseded_by)
            {
                id = next;
            }
            id
        };
        let is_doomed = |(id, stored): (&u64, &Stored)| {
            let newest = newest(*id);
            let is_gone = !self.documents.contains_key(&newest) || ids.contains(&newest);
            (is_gone || versions && stored.superseded_by.is_some()).then_some(*id)
        };
        let doomed: Vec<u64> = self.documents.iter().filter_map(is_doomed).collect();
        for id in doomed {
            self.remove(id);
        }
        self.compact();
    }

    /// Of vectors that wait, those of what was removed go.
    pub fn compact(&mut self) {
        if let Some(staged) = &mut self.staged {
            staged
                .vectors
                .retain(|id, _| self.documents.contains_key(id));
            if staged.vectors.is_empty() {
                self.staged = None;
            }
        }
    }

    fn touch(&mut self, id: u64) {
        self.recent.push(id);
        if self.recent.len() > 6 {
            self.recent.remove(0);
        }
    }
}

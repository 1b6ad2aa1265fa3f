//! What a program does with a memory, drawn from a seed.

use std::sync::Arc;

use engine::{Dedupe, DoctorOptions};
use fastrand::Rng;
use serde_json::{Map, Value};

use crate::damage::Damage;
use crate::model::{Planned, Vector};

/// What becomes of a handle before another one is opened.
#[derive(Debug, Clone, Copy)]
pub enum Closing {
    /// The log is moved into the file.
    Sealed,
    /// The log stays.
    Unsealed,
    /// It is dropped.
    Forgotten,
}

/// One call. Documents that a call changes are picked by a number among those in force then, so that a workload stays
/// valid when calls before it are dropped.
#[derive(Debug, Clone)]
pub enum Operation {
    /// A new memory takes the place of what is there.
    Create {
        /// Whether it has a full-text index.
        lex: bool,
    },
    /// The handle is closed, if it is open, and opened again.
    Reopen {
        /// Whether it searches by words.
        lex: bool,
        /// How it is closed.
        closing: Closing,
    },
    /// Documents are put as a batch.
    Put {
        /// The documents.
        documents: Vec<Plan>,
        /// What is done with content that is there.
        dedupe: Dedupe,
        /// Whether vectors are to be quantised.
        quantises: bool,
        /// They come in slices of so many.
        slices: Option<usize>,
        /// The one with this number cannot be stored.
        fails_at: Option<usize>,
    },
    /// One document, by a caller that must not be kept waiting.
    PutAtOnce(Plan),
    /// A new version.
    Update {
        /// Of this document.
        pick: u64,
        /// What it is then.
        plan: Plan,
    },
    /// Documents go.
    Remove {
        /// Which.
        picks: Vec<u64>,
    },
    /// The log is moved into the file.
    Seal,
    /// A full-text index is kept from now on.
    EnableLex,
    /// Whether vectors are quantised.
    SetVectorCompression(bool),
    /// Vectors are made anew for every document, and wait.
    Stage {
        /// Numbers of a vector.
        dimension: usize,
        /// Name of the model.
        model: String,
        /// Only this one in so many; 1: all.
        one_in: u64,
    },
    /// Vectors that wait are put in force.
    Swap,
    /// Vectors that wait are thrown away.
    Discard,
    /// A new file is made of what is alive.
    Compact,
    /// What is removed is erased.
    Purge {
        /// These go, too.
        picks: Vec<u64>,
        /// And so do all earlier versions.
        versions: bool,
    },
    /// The file is repaired, or only looked at.
    Doctor {
        /// What is damaged just before.
        damage: Option<Damage>,
        /// What else is done.
        options: DoctorOptions,
        /// Whether through an open handle.
        by_handle: bool,
    },
    /// The file is written anew by another thread while these are put.
    RewriteBeside(Vec<Plan>),
    // New mutating calls go here, into `draw` below and into `crate::run`.
}

/// A document in the making: the vector is made when it is put, of the size that vectors have then.
#[derive(Debug, Clone)]
pub struct Plan {
    /// All but the vector.
    pub planned: Planned,
    /// What the vector is made of.
    pub vector: Option<u64>,
    /// It is given the content of an earlier document: this one.
    pub repeats: Option<u64>,
}

/// A workload.
#[derive(Debug, Clone)]
pub struct Workload {
    /// What it is drawn from.
    pub seed: u64,
    /// Which handle makes the call, and the call.
    pub operations: Vec<(usize, Operation)>,
    /// Numbers of a vector at first.
    pub dimension: usize,
    /// Files cannot be without a name.
    pub refuses_nameless: bool,
    /// Documents that are there before it begins.
    pub starts_with: Vec<Plan>,
    /// It starts with this file of the reference, see [`crate::reference::file`]; with an empty memory where there are none.
    pub starts_from: Option<u64>,
    /// Whether the file is large: what is looked at takes long.
    pub is_large: bool,
}

/// Handles on the file.
pub const HANDLES: usize = 3;

const WORDS: [&str; 24] = [
    "harbour", "lantern", "meadow", "copper", "thunder", "violet", "granite", "willow", "ember",
    "saddle", "orchard", "compass", "glacier", "pepper", "marble", "falcon", "cedar", "ribbon",
    "canyon", "anchor", "tundra", "velvet", "quarry", "beacon",
];

/// Numbers of a picture's vector.
const PICTURE_DIMENSION: usize = 16;

struct Draw {
    random: Rng,
    number: u64,
    tenths_with_vectors: u8,
    /// Not all files of the reference have the hash that content is recognised by.
    recognises: bool,
    /// Whether some documents are pictures.
    has_pictures: bool,
}

impl Draw {
    fn words(&mut self, count: usize) -> String {
        let words: Vec<&str> = (0..count)
            .map(|_| WORDS[self.random.usize(0..WORDS.len())])
            .collect();
        words.join(" ")
    }

    fn name(&mut self, ending: &str) -> Option<String> {
        let count = self.random.usize(1..4);
        (self.random.u8(0..3) == 0).then(|| format!("{}{ending}", self.words(count)))
    }

    /// A document of about so many words.
    fn plan(&mut self, words: usize) -> Plan {
        self.number += 1;
        let number = self.number;
        let word = format!("keyword{number}x");
        let before = self.random.usize(0..=words);
        let mut text = self.words(before);
        text.push_str(&format!(" {word} "));
        text.push_str(&self.words(words - before));
        let mut content = text.trim().as_bytes().to_vec();
        let is_binary = self.random.u8(0..25) == 0;
        if is_binary {
            content.extend([0xFF, 0xFE, 0]);
        }
        let uri = (self.random.u8(0..4) == 0).then(|| {
            let shared = self.random.u64(0..6);
            let name = if self.random.bool() {
                shared
            } else {
                1_000 + number
            };
            format!("mv2://simulated/{name}")
        });
        let list = |draw: &mut Self| -> Vec<String> {
            let count = draw.random.usize(0..4).saturating_sub(1);
            (0..count).map(|_| draw.words(1)).collect()
        };
        let mut metadata = Map::new();
        if self.random.u8(0..3) == 0 {
            metadata.insert("number".to_owned(), Value::from(number));
            metadata.insert("note".to_owned(), Value::from(self.words(2)));
        }
        let keywords = [list(self), list(self)];
        Plan {
            planned: Planned {
                word: (!is_binary).then_some(word),
                content,
                names: [self.name(""), uri, self.name(""), self.name("-track")],
                keywords,
                timestamp: 1_700_000_000 + self.random.i64(0..1_000),
                metadata,
                vector: None,
                // Of the number, not of the dice: a seed's workload stays what it was before there were pictures.
                picture: (self.has_pictures && number % 5 == 2)
                    .then(|| vector(PICTURE_DIMENSION, number, "pictures").numbers),
            },
            vector: (self.random.u8(0..10) < self.tenths_with_vectors).then_some(number),
            repeats: None,
        }
    }

    fn size(&mut self) -> usize {
        match self.random.u8(0..10) {
            0..=5 => self.random.usize(3..20),
            6..=8 => self.random.usize(20..300),
            _ => self.random.usize(350..1_400),
        }
    }

    fn any(&mut self) -> Plan {
        let size = self.size();
        self.plan(size)
    }

    fn batch(&mut self, is_large: bool) -> Vec<Plan> {
        if !is_large {
            let count = self.random.usize(1..12);
            return (0..count).map(|_| self.any()).collect();
        }
        // More than a log takes, of few documents or of many.
        if self.random.bool() {
            let count = self.random.usize(12..30);
            (0..count)
                .map(|_| {
                    let size = self.random.usize(900..2_500);
                    self.plan(size)
                })
                .collect()
        } else {
            let count = self.random.usize(250..420);
            (0..count)
                .map(|_| {
                    let size = self.random.usize(20..90);
                    self.plan(size)
                })
                .collect()
        }
    }

    fn dedupe(&mut self) -> Dedupe {
        match self.random.u8(0..6) {
            0 if self.recognises => Dedupe::Skip,
            1 if self.recognises => Dedupe::Replace,
            _ => Dedupe::Keep,
        }
    }

    fn put(&mut self, is_large: bool) -> Operation {
        let dedupe = self.dedupe();
        let mut documents = self.batch(is_large);
        if dedupe != Dedupe::Keep {
            for plan in &mut documents {
                if self.random.bool() {
                    plan.repeats = Some(self.random.u64(..));
                }
            }
        }
        let fails = self.random.u8(0..12) == 0;
        let fails_at = fails.then(|| self.random.usize(0..documents.len()));
        // What is there already is not stored, and then nothing is wrong with it.
        if let Some(bad) = fails_at.and_then(|index| documents.get_mut(index)) {
            bad.repeats = None;
        }
        let slices = (self.random.u8(0..3) == 0).then(|| self.random.usize(1..64));
        Operation::Put {
            quantises: self.tenths_with_vectors > 0 && self.random.u8(0..25) == 0,
            slices,
            fails_at,
            dedupe,
            documents,
        }
    }

    fn doctor(&mut self) -> Operation {
        let mut also = || self.random.u8(0..4) == 0;
        let options = DoctorOptions {
            rebuild_time_index: also(),
            rebuild_lex_index: also(),
            rebuild_vec_index: also(),
            vacuum: also(),
            dry_run: also(),
            ..DoctorOptions::default()
        };
        let damage = self.random.choice(Damage::ALL);
        Operation::Doctor {
            damage: damage.filter(|_| self.random.u8(0..4) > 0),
            options,
            by_handle: self.random.bool(),
        }
    }

    fn operation(&mut self) -> Operation {
        match self.random.u8(0..112) {
            0..=34 => {
                let documents = vec![self.any()];
                Operation::Put {
                    dedupe: Dedupe::Keep,
                    quantises: false,
                    slices: None,
                    fails_at: None,
                    documents,
                }
            }
            35..=39 => Operation::PutAtOnce(self.any()),
            40..=49 => self.put(false),
            50..=54 => self.put(true),
            55..=66 => Operation::Update {
                pick: self.random.u64(..),
                plan: self.any(),
            },
            67..=75 => {
                let count = if self.random.u8(0..4) == 0 {
                    self.random.usize(2..40)
                } else {
                    1
                };
                Operation::Remove {
                    picks: (0..count).map(|_| self.random.u64(..)).collect(),
                }
            }
            76..=82 => Operation::Seal,
            83..=89 => Operation::Reopen {
                lex: self.random.u8(0..8) > 0,
                closing: match self.random.u8(0..4) {
                    0 => Closing::Forgotten,
                    1 => Closing::Unsealed,
                    _ => Closing::Sealed,
                },
            },
            90..=91 => Operation::EnableLex,
            92..=93 => Operation::SetVectorCompression(self.random.bool()),
            94..=95 => Operation::Stage {
                dimension: [8, 24, 64, 384][self.random.usize(0..4)],
                model: ["second", "third"][self.random.usize(0..2)].to_owned(),
                one_in: if self.random.bool() { 1 } else { 2 },
            },
            96..=97 => Operation::Swap,
            98 => Operation::Discard,
            99 => Operation::Create {
                lex: self.random.bool(),
            },
            100..=101 => Operation::Compact,
            104.. => self.doctor(),
            _ => {
                let count = self.random.usize(0..4);
                Operation::Purge {
                    picks: (0..count).map(|_| self.random.u64(..)).collect(),
                    versions: self.random.bool(),
                }
            }
        }
    }
}

impl Workload {
    /// The workload of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let is_large = random.u8(0..50) == 0;
        let dimension = [8, 24, 64, 128, 384][random.usize(0..5)];
        let refuses_nameless = random.u8(0..6) == 0;
        let starts_from = (random.u8(0..8) == 0)
            .then(|| random.u64(..))
            .filter(|_| !is_large);
        // Files of the reference keep their own vectors.
        let tenths_with_vectors = match starts_from {
            Some(_) => 0,
            None => [0, 0, 2, 5, 9, 10][random.usize(0..6)],
        };
        let handles = [1, 1, 2, HANDLES][random.usize(0..4)];
        let count = random.usize(8..36);
        let mut draw = Draw {
            random,
            number: 0,
            tenths_with_vectors,
            recognises: starts_from.is_none(),
            has_pictures: !seed.is_multiple_of(3),
        };
        let starts_with = if !is_large && starts_from.is_none() && draw.random.bool() {
            let is_batch = draw.random.u8(0..3) == 0;
            draw.batch(is_batch)
        } else {
            Vec::new()
        };
        let mut operations = Vec::new();
        if is_large {
            operations.extend(draw.large());
        }
        if starts_with.is_empty() && starts_from.is_none() {
            let lex = draw.random.u8(0..6) > 0;
            operations.insert(0, (0, Operation::Create { lex }));
        }
        while operations.len() < count {
            let handle = draw.random.usize(0..handles);
            operations.push((handle, draw.operation()));
        }
        Self {
            seed,
            operations,
            dimension,
            refuses_nameless,
            starts_with,
            starts_from,
            is_large,
        }
    }
}

impl Draw {
    /// A file that is written anew beside puts: large, and some of it dead.
    fn large(&mut self) -> Vec<(usize, Operation)> {
        let one = |plan: Plan| Operation::Put {
            documents: vec![plan],
            dedupe: Dedupe::Keep,
            quantises: false,
            slices: None,
            fails_at: None,
        };
        let mut operations = Vec::new();
        for megabytes in [2, 7] {
            let mut plan = self.plan(10);
            plan.planned.word = None;
            plan.planned.content = (0..megabytes << 20).map(|_| self.random.u8(..)).collect();
            plan.planned.content.push(0xFF);
            operations.push((0, one(plan)));
        }
        operations.push((0, Operation::Seal));
        // The first one that is in force.
        operations.push((0, Operation::Remove { picks: vec![0] }));
        for _ in 0..90 {
            let words = self.random.usize(300..340);
            let mut plan = self.plan(words);
            // Hard to compress, so that the log fills up.
            let noise: String = (0..1_500).map(|_| self.random.alphanumeric()).collect();
            plan.planned.content.extend(b" ");
            plan.planned.content.extend(noise.as_bytes());
            operations.push((0, one(plan)));
        }
        let beside = (0..6).map(|_| self.plan(30)).collect();
        operations.push((0, Operation::RewriteBeside(beside)));
        operations
    }
}

/// A vector of numbers from -1 to 1 that look random.
#[must_use]
pub fn vector(dimension: usize, seed: u64, model: &str) -> Vector {
    let mut random = Rng::with_seed(seed ^ 0x5EED_0000);
    for byte in model.bytes() {
        random = Rng::with_seed(random.u64(..) ^ u64::from(byte));
    }
    let numbers: Arc<[f32]> = (0..dimension).map(|_| 2.0 * random.f32() - 1.0).collect();
    Vector {
        numbers,
        model: model.to_owned(),
    }
}

//! The memories track: facts about entities as cards, and which engines looked at which frames.
//!
//! | offset | size | field |
//! |-------:|-----:|-------|
//! |  0 | 4 | `MVMC` |
//! |  4 | 2 | version 1 |
//! |  6 | 8 | length of what follows |
//! | 14 |   | one JSON object, zstd |
//!
//! The object has `cards`, `next_id`, `slot_index` (look-ups by `entity:slot`, which other readers rely on and do not make
//! anew) and `enrichment_manifest`. What else stands in it is carried along.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::codec::Reader;
use crate::error::{Error, Result};
use crate::frame::CanonicalEncoding;
use crate::payload::{MAX_PAYLOAD, compress, decompress};

/// First four bytes of the track.
pub const MAGIC: [u8; 4] = *b"MVMC";
const VERSION: u16 = 1;
const HEAD: usize = 14;
/// Longest JSON of a track, bytes: no reader unpacks more, so nothing longer is written.
pub const MAX_TRACK: u64 = MAX_PAYLOAD;
/// zstd level of the reference.
const LEVEL: i32 = 3;
/// Key of a card that was made from no frame: the format has no such card, and other programs show frame 0.
const WITHOUT_SOURCE: &str = "memvid.no_source";

/// What sort of statement a card makes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum CardKind {
    /// Something that is so.
    #[default]
    Fact,
    /// What somebody likes or dislikes.
    Preference,
    /// What happened.
    Event,
    /// Who somebody is: name, age, addresses.
    Profile,
    /// How two are related.
    Relationship,
    /// What somebody wants to reach.
    Goal,
    /// Anything else, and kinds that this program does not know.
    #[serde(other)]
    Other,
}

/// Whether a card speaks for or against its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Polarity {
    /// For it.
    Positive,
    /// Against it.
    Negative,
    /// Neither.
    #[serde(other)]
    Neutral,
}

/// What a card does to earlier ones of its entity and slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// Replaces the value.
    Updates,
    /// Adds a value.
    Extends,
    /// Says that the value holds no more.
    Retracts,
    /// Gives the slot a value.
    #[default]
    #[serde(other)]
    Sets,
}

/// A statement about an entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Number within the file, never used twice.
    pub id: u64,
    /// What sort of statement it is.
    pub kind: CardKind,
    /// Whom or what it is about, as it was written.
    pub entity: String,
    /// Which property.
    pub slot: String,
    /// Its value.
    pub value: String,
    /// For or against the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polarity: Option<Polarity>,
    /// When it came to be so, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_date: Option<i64>,
    /// When it was said, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_date: Option<i64>,
    /// Which cards are versions of each other: `entity:slot`.
    #[serde(default)]
    pub version_key: String,
    /// What it does to earlier versions.
    #[serde(default)]
    pub version_relation: Relation,
    /// The frame it was made from; see [`Card::source`].
    pub source_frame_id: u64,
    /// Address of that frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_uri: Option<String>,
    /// What made it: `rules`, or the name of who added it.
    pub engine: String,
    /// Its version.
    pub engine_version: String,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// When it was made, seconds since 1970.
    pub created_at: i64,
    /// Keys of other programs.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Card {
    /// The frame it was made from, if it was made from one.
    #[must_use]
    pub fn source(&self) -> Option<u64> {
        let is_without = self.other.get(WITHOUT_SOURCE) == Some(&Value::Bool(true));
        (!is_without).then_some(self.source_frame_id)
    }

    /// Says which frame it was made from.
    pub fn set_source(&mut self, source: Option<u64>) {
        self.source_frame_id = source.unwrap_or(0);
        self.other.shift_remove(WITHOUT_SOURCE);
        if source.is_none() {
            self.other.insert(WITHOUT_SOURCE.to_owned(), true.into());
        }
    }

    /// When it counts from: when it came to be so, was said, or was made; seconds since 1970.
    #[must_use]
    pub fn effective(&self) -> i64 {
        self.event_date
            .or(self.document_date)
            .unwrap_or(self.created_at)
    }

    /// The look-up it belongs to.
    #[must_use]
    pub fn key(&self) -> String {
        format!(
            "{}:{}",
            self.entity.to_lowercase(),
            self.slot.to_lowercase()
        )
    }
}

/// That an engine looked at a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Name of the engine.
    pub engine_kind: String,
    /// Its version.
    pub engine_version: String,
    /// When, seconds since 1970.
    pub enriched_at: i64,
    /// What it made of it.
    pub card_ids: Vec<u64>,
}

/// The engines that looked at a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enriched {
    /// The frame.
    pub frame_id: u64,
    /// One for each engine.
    pub stamps: Vec<Stamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct SlotIndex {
    entries: BTreeMap<String, Vec<u64>>,
}

/// Which engines looked at which frames.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrichmentManifest {
    /// By frame.
    pub frames: BTreeMap<u64, Enriched>,
    /// How many times a frame was looked at.
    pub total_frames_enriched: u64,
    /// How many cards came of it.
    pub total_cards_created: u64,
    /// When the last time was, seconds since 1970.
    pub last_enrichment: Option<i64>,
}

/// The whole track.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// In the order they were added.
    pub cards: Vec<Card>,
    /// Number of the next card.
    pub next_id: u64,
    slot_index: SlotIndex,
    /// Which engines looked at which frames.
    pub enrichment_manifest: EnrichmentManifest,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Track {
    /// Reads a track. Cards whose number comes twice keep it; the next number is beyond all.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::named(bytes, "memories track");
        let magic: [u8; 4] = reader.array()?;
        let version: [u8; 2] = reader.array()?;
        let length = reader.u64()?;
        if magic != MAGIC || u16::from_le_bytes(version) != VERSION {
            return Err(reader.error(format!("{magic:?}, version {version:?} is not a track")));
        }
        let packed = bytes.get(HEAD..).unwrap_or_default();
        if packed.len() as u64 != length {
            return Err(reader.error(format!("{length} bytes expected, found {}", packed.len())));
        }
        let json = decompress(packed, CanonicalEncoding::Zstd, None)?;
        let mut track: Self = serde_json::from_slice(&json)
            .map_err(|error| reader.error(format!("cannot be read: {error}")))?;
        let beyond = track.cards.iter().map(|card| card.id.saturating_add(1));
        track.next_id = beyond.max().unwrap_or(0).max(track.next_id);
        Ok(track)
    }

    /// The bytes of the track, with look-ups made anew. Fails with [`Error::TooLarge`] when its JSON is longer than
    /// [`MAX_TRACK`]: nobody could read it again.
    pub fn encode(&mut self) -> Result<Vec<u8>> {
        self.encode_within(MAX_TRACK)
    }

    fn encode_within(&mut self, limit: u64) -> Result<Vec<u8>> {
        self.index();
        let mut json = Limited {
            bytes: Vec::new(),
            length: 0,
            limit,
        };
        serde_json::to_writer(&mut json, self).map_err(|error| {
            Reader::named(&[], "memories track").error(format!("cannot be written: {error}"))
        })?;
        if json.length > limit {
            return Err(Error::TooLarge {
                what: "the memory cards of a file",
                size: json.length,
                limit,
            });
        }
        let packed = compress(&json.bytes, LEVEL)?;
        let mut out = Vec::with_capacity(HEAD + packed.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(packed.len() as u64).to_le_bytes());
        out.extend_from_slice(&packed);
        Ok(out)
    }

    /// Adds a card under the next number, which it gives.
    pub fn add(&mut self, mut card: Card) -> u64 {
        card.id = self.next_id;
        card.version_key = format!("{}:{}", card.entity, card.slot);
        self.next_id = self.next_id.saturating_add(1);
        let id = card.id;
        self.cards.push(card);
        id
    }

    /// Notes that an engine looked at a frame.
    pub fn stamp(&mut self, frame: u64, stamp: Stamp) {
        let manifest = &mut self.enrichment_manifest;
        manifest.total_frames_enriched += 1;
        manifest.total_cards_created += stamp.card_ids.len() as u64;
        manifest.last_enrichment = manifest.last_enrichment.max(Some(stamp.enriched_at));
        let enriched = manifest.frames.entry(frame).or_insert_with(|| Enriched {
            frame_id: frame,
            stamps: Vec::new(),
        });
        let is_other = |other: &Stamp| other.engine_kind != stamp.engine_kind;
        enriched.stamps.retain(is_other);
        enriched.stamps.push(stamp);
    }

    /// Whether an engine looked at a frame.
    #[must_use]
    pub fn is_stamped(&self, frame: u64, engine: &str) -> bool {
        let enriched = self.enrichment_manifest.frames.get(&frame);
        enriched.is_some_and(|enriched| {
            let mut stamps = enriched.stamps.iter();
            stamps.any(|stamp| stamp.engine_kind == engine)
        })
    }

    /// Number of different entities.
    #[must_use]
    pub fn entity_count(&self) -> u64 {
        let entities = self.cards.iter().map(|card| card.entity.to_lowercase());
        entities.collect::<std::collections::HashSet<_>>().len() as u64
    }

    /// Newest first in each look-up, as other readers expect.
    fn index(&mut self) {
        let mut entries: BTreeMap<String, Vec<(i64, u64)>> = BTreeMap::new();
        for card in &self.cards {
            let ids = entries.entry(card.key()).or_default();
            ids.push((card.effective(), card.id));
        }
        let newest_first = |(key, mut ids): (String, Vec<(i64, u64)>)| {
            ids.sort_unstable_by(|a, b| b.cmp(a));
            (key, ids.into_iter().map(|(_, id)| id).collect())
        };
        self.slot_index.entries = entries.into_iter().map(newest_first).collect();
    }
}

/// Bytes up to a limit; what goes beyond is counted, and takes no memory.
struct Limited {
    bytes: Vec<u8>,
    length: u64,
    limit: u64,
}

impl std::io::Write for Limited {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        self.length = self.length.saturating_add(piece.len() as u64);
        if self.length <= self.limit {
            self.bytes.extend_from_slice(piece);
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn card(entity: &str, value: &str, date: i64) -> Card {
        let mut card: Card = serde_json::from_str(
            r#"{"id":0,"kind":"profile","entity":"Alice","slot":"Role","value":"","version_relation":"sets",
                "source_frame_id":4,"engine":"rules","engine_version":"1.0.0","created_at":7,"unknown":[1]}"#,
        )
        .unwrap();
        card.entity = entity.to_owned();
        card.value = value.to_owned();
        card.document_date = Some(date);
        card
    }

    #[test]
    fn a_track_comes_back_with_what_other_programs_wrote() {
        let mut track = Track::default();
        track.add(card("Alice", "Engineer", 5));
        track.add(card("alice", "Director", 9));
        let mut without = card("Bob", "Cook", 1);
        without.set_source(None);
        track.add(without);
        let stamp = Stamp {
            engine_kind: "rules".to_owned(),
            engine_version: "1.0.0".to_owned(),
            enriched_at: 9,
            card_ids: vec![0],
        };
        track.stamp(4, stamp);
        let bytes = track.encode().unwrap();
        let read = Track::decode(&bytes).unwrap();
        assert_eq!(read, track);
        assert_eq!(read.slot_index.entries["alice:role"], [1, 0]);
        assert_eq!(read.cards[0].other["unknown"], serde_json::json!([1]));
        assert_eq!(read.cards[0].version_key, "Alice:Role");
        assert_eq!(read.cards[0].source(), Some(4));
        assert_eq!(read.cards[2].source(), None);
        assert!(read.is_stamped(4, "rules") && !read.is_stamped(4, "other"));
        assert_eq!((read.entity_count(), read.next_id), (2, 3));
    }

    #[test]
    fn a_track_that_nobody_could_read_is_not_written() {
        let mut track = Track::default();
        track.add(card("Alice", "Engineer", 5));
        let length = serde_json::to_vec(&track).unwrap().len() as u64;
        track.encode_within(length + 100).unwrap();
        let refused = track.encode_within(length / 2).unwrap_err();
        let Error::TooLarge { size, limit, .. } = refused else {
            panic!("{refused}");
        };
        assert!(size >= length && limit == length / 2, "{size}, {limit}");
    }

    #[test]
    fn damage_is_an_error() {
        let mut track = Track::default();
        track.add(card("Alice", "Engineer", 5));
        let bytes = track.encode().unwrap();
        for length in 0..bytes.len() {
            assert!(Track::decode(&bytes[..length]).is_err(), "{length}");
        }
        for place in 0..6 {
            let mut changed = bytes.clone();
            changed[place] ^= 0x40;
            assert!(Track::decode(&changed).is_err(), "{place}");
        }
    }
}

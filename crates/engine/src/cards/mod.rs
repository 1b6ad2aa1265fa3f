//! Memory cards: what the documents say of somebody or something, as entity, slot and value.
//!
//! Cards of the rules engine are made of the documents when they are asked for, once for each document and handle, so that a
//! put costs nothing by them; `enrich` writes them into the file, where other programs and later handles find them. Cards
//! that are given are written at once. A card whose document is not active any more is not shown, wherever it comes from.

mod export;
mod quotes;
mod rules;
mod sentence;
mod view;
mod vocabulary;
mod words;

use std::sync::{Arc, OnceLock, Weak};

use mv2::cards::{Card, CardKind, MAX_TRACK, Polarity, Relation, Stamp, Track};
use mv2::frame::EnrichmentState;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use serde_json::json;

use crate::commit::MemoriesTrack;
use crate::committed::Committed;
use crate::error::{Code, Error, Result};
use crate::parallel::each_range;
use crate::snapshot::{AsOf, Snapshot};

pub use export::Format;
pub use rules::{ENGINE, VERSION};
pub use view::{CardQuestion, CardView, Enrichment, Memories, MemoriesStats, SlotState, State};

/// The years that dates are written with, 0000 to 9999, in seconds since 1970.
const DATES: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// Whose cards are no statements of documents but what the library keeps book of: found by this name alone.
const OF_LIBRARY: &str = "memvid.enrichment";

/// A card as a caller gives it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct NewCard {
    /// Whom or what it is about.
    pub entity: String,
    /// Which property.
    pub slot: String,
    /// Its value.
    pub value: String,
    /// What sort of statement it is.
    pub kind: Option<CardKind>,
    /// For or against the value.
    pub polarity: Option<Polarity>,
    /// What it does to earlier ones.
    pub version_relation: Relation,
    /// The frame it comes from.
    pub source_frame_id: Option<u64>,
    /// When it came to be so, seconds since 1970.
    pub event_date: Option<i64>,
    /// When it was said, seconds since 1970.
    pub document_date: Option<i64>,
    /// 0 to 1.
    pub confidence: Option<f32>,
    /// Who adds it.
    pub engine: Option<String>,
    /// Its version.
    pub engine_version: Option<String>,
}

/// What the rules made of the documents of one file, from the first on.
#[derive(Debug, Default)]
pub struct Derived {
    /// Frames that were looked at.
    frames: u64,
    /// Which file they are in.
    file: Option<mv2::storage::FileIdentity>,
    /// By frame, ascending.
    facts: Vec<(u64, rules::Fact)>,
    /// Frames whose text is damaged.
    damaged: u64,
    /// What was answered from the last time.
    last: Option<Answered>,
}

/// All cards of a state of the file. The state may go; where it is still there, nothing has changed.
#[derive(Debug)]
struct Answered {
    state: Weak<Snapshot>,
    cards: Arc<Cards>,
}

/// What the rules made of some frames.
#[derive(Default)]
struct Made {
    facts: Vec<(u64, rules::Fact)>,
    damaged: u64,
}

impl Derived {
    /// Looks at the frames that are new.
    fn extend(&mut self, snapshot: &Snapshot) -> Result<()> {
        let file = snapshot.committed.storage.identity();
        let count = snapshot.frame_count();
        if self.file != Some(file) || count < self.frames {
            *self = Self {
                file: Some(file),
                ..Self::default()
            };
        }
        let frames: Vec<u64> = (self.frames..count)
            .filter(|id| is_document(snapshot, *id))
            .collect();
        let made = facts_of(snapshot, &frames, true)?;
        // What was read of a file that another program writes over is not to be remembered.
        snapshot.committed.check()?;
        self.facts.extend(made.facts);
        self.damaged += made.damaged;
        self.frames = count;
        Ok(())
    }
}

/// Whether a frame is a document that is active.
fn is_document(snapshot: &Snapshot, id: u64) -> bool {
    let brief = snapshot.brief(id);
    brief.is_some_and(|brief| brief.flags.is_document()) && snapshot.is_visible(id, AsOf::default())
}

/// What the rules make of frames, in their order; only of those that are to be enriched without being asked, if `is_lazy`.
fn facts_of(snapshot: &Snapshot, frames: &[u64], is_lazy: bool) -> Result<Made> {
    let shares = each_range(frames.len(), |range| -> Result<Made> {
        let mut made = Made::default();
        for &id in frames.get(range).unwrap_or_default() {
            let view = snapshot.view(id)?;
            if is_lazy && view.enrichment_state != EnrichmentState::Enriched {
                continue;
            }
            let Ok(text) = snapshot.text(id, &view) else {
                made.damaged += 1;
                continue;
            };
            let mut seen: FxHashSet<rules::Fact> = FxHashSet::default();
            rules::extract(&text, &mut |fact| {
                if seen.insert(fact.clone()) {
                    made.facts.push((id, fact));
                }
            });
        }
        Ok(made)
    });
    let mut all = Made::default();
    for made in shares {
        let made = made?;
        all.facts.extend(made.facts);
        all.damaged += made.damaged;
    }
    Ok(all)
}

/// The track of a commit; `None` when it has none. MV012 when it is damaged.
pub fn stored(committed: &Committed) -> Result<Option<Track>> {
    let Some(manifest) = &committed.tail.memories_track else {
        return Ok(None);
    };
    let damaged =
        |message: String| Error::corrupt("memories track", manifest.bytes_offset, message);
    let bytes = committed.payload(manifest.bytes_offset, manifest.bytes_length)?;
    if *blake3::hash(bytes).as_bytes() != manifest.checksum {
        return Err(damaged("it does not match its checksum".to_owned()));
    }
    Track::decode(bytes)
        .map(Some)
        .map_err(|error| damaged(error.to_string()))
}

/// The track without what was made of frames that are gone; `None` when there is none. Nobody can tell which frames another
/// program's rules mean: what they made stays as a whole, or goes if it has to be `certain` that nothing is left.
pub fn kept(
    committed: &Committed,
    certain: bool,
    keeps: &dyn Fn(u64) -> bool,
) -> Result<Option<MemoriesTrack>> {
    let Some(mut track) = stored(committed)? else {
        return Ok(None);
    };
    let stays = |engine: &str, version: &str, source: Option<u64>| {
        if is_foreign(engine, version) {
            !certain
        } else {
            source.is_none_or(keeps)
        }
    };
    track
        .cards
        .retain(|card| stays(&card.engine, &card.engine_version, card.source()));
    let frames = &mut track.enrichment_manifest.frames;
    frames.retain(|id, enriched| {
        let stamps = &mut enriched.stamps;
        stamps.retain(|stamp| stays(&stamp.engine_kind, &stamp.engine_version, Some(*id)));
        !stamps.is_empty()
    });
    encoded(track).map(Some)
}

/// Says that rules looked at a frame.
fn stamp(card_ids: Vec<u64>, now: i64) -> Stamp {
    Stamp {
        engine_kind: ENGINE.to_owned(),
        engine_version: VERSION.to_owned(),
        enriched_at: now,
        card_ids,
    }
}

fn encoded(mut track: Track) -> Result<MemoriesTrack> {
    let bytes = track.encode().map_err(|error| match error {
        mv2::Error::TooLarge { size, .. } => too_large(size),
        error => error.into(),
    })?;
    Ok(MemoriesTrack {
        bytes,
        cards: track.cards.len() as u64,
        entities: track.entity_count(),
    })
}

/// MV001: with what was to be written, all cards would take `size` bytes, and nobody could read any of them again.
fn too_large(size: u64) -> Error {
    Error::new(
        Code::CapacityExceeded,
        format!(
            "all memory cards of the file would take {size} bytes, at most {MAX_TRACK} can be read again; nothing was \
             written"
        ),
        json!({ "reason": "cards", "limit": MAX_TRACK, "required": size }),
    )
}

/// All cards there are: those of the file, and those that the rules make of documents nobody looked at yet.
#[derive(Debug)]
pub struct Cards {
    track: Track,
    /// How many of `track.cards` are in the file.
    stored: usize,
    /// Documents that are looked at, with those of the file.
    enriched: u64,
    /// Documents that could not be looked at.
    damaged: u64,
    /// See [`Cards::places`].
    places: OnceLock<FxHashMap<String, Vec<usize>>>,
}

impl Cards {
    /// Those of a state: read and derived once, as long as nothing changes.
    pub fn of(snapshot: &Arc<Snapshot>, derived: &mut Derived, now: i64) -> Result<Arc<Self>> {
        let state = Arc::downgrade(snapshot);
        if let Some(last) = &derived.last
            && last.state.ptr_eq(&state)
        {
            return Ok(Arc::clone(&last.cards));
        }
        let cards = Arc::new(Self::new(snapshot, derived, now)?);
        derived.last = Some(Answered {
            state,
            cards: Arc::clone(&cards),
        });
        Ok(cards)
    }

    /// Reads and derives. `derived` is what this handle made so far.
    fn new(snapshot: &Snapshot, derived: &mut Derived, now: i64) -> Result<Self> {
        let mut track = stored(&snapshot.committed)?.unwrap_or_default();
        derived.extend(snapshot)?;
        let stored = track.cards.len();
        let enriched = track.enrichment_manifest.frames.len() as u64;
        let mut known = Known::of(&track);
        let mut looked_at = FxHashSet::default();
        for (id, fact) in &derived.facts {
            if track.is_stamped(*id, ENGINE) || !snapshot.is_visible(*id, AsOf::default()) {
                continue;
            }
            looked_at.insert(*id);
            if known.insert(*id, fact) {
                let card = card(snapshot, *id, fact, now)?;
                track.add(card);
            }
        }
        Ok(Self {
            track,
            stored,
            enriched: enriched + looked_at.len() as u64,
            damaged: derived.damaged,
            places: OnceLock::new(),
        })
    }

    /// The cards that count: whose documents are active. What the reference says several times is there once. Those of an
    /// `entity`, by its [`plain`] name; or all but what the library keeps book of.
    fn shown<'s>(
        &'s self,
        snapshot: &'s Snapshot,
        entity: Option<&str>,
    ) -> impl Iterator<Item = &'s Card> {
        let all = &self.track.cards;
        let cards: Box<dyn Iterator<Item = &Card>> = match entity {
            Some(name) => {
                let places = self.places().get(name).map_or(&[][..], Vec::as_slice);
                Box::new(places.iter().filter_map(|place| all.get(*place)))
            }
            None => Box::new(all.iter().filter(|card| card.entity != OF_LIBRARY)),
        };
        let mut said = FxHashSet::default();
        cards.filter(move |card| {
            let counts = card.source().is_none_or(|id| {
                id >= snapshot.frame_count() || snapshot.is_visible(id, AsOf::default())
            });
            counts
                && (!is_foreign(&card.engine, &card.engine_version)
                    || said.insert((subject(&card.entity, &card.slot), &card.value)))
        })
    }

    /// Where the cards of each entity are, by its plain name.
    fn places(&self) -> &FxHashMap<String, Vec<usize>> {
        self.places.get_or_init(|| {
            let mut places: FxHashMap<String, Vec<usize>> = FxHashMap::default();
            for (place, card) in self.track.cards.iter().enumerate() {
                places.entry(plain(&card.entity)).or_default().push(place);
            }
            places
        })
    }
}

/// What a card or a statement speaks of: names of an entity and of its slot. They are two, because either may hold any character.
type Subject = (String, String);

fn subject(entity: &str, slot: &str) -> Subject {
    (plain(entity), plain(slot))
}

/// What names are compared by: cards that are given are stored without blanks around theirs.
fn plain(name: &str) -> String {
    name.trim().to_lowercase()
}

/// What the rules made before: by frame, and by what it says for cards of the reference, whose frames are often wrong.
#[derive(Default)]
struct Known {
    by_frame: FxHashSet<(u64, Subject, String)>,
    foreign: FxHashSet<(Subject, String)>,
}

impl Known {
    fn of(track: &Track) -> Self {
        let mut known = Self::default();
        for card in track.cards.iter().filter(|card| card.engine == ENGINE) {
            let (subject, value) = (subject(&card.entity, &card.slot), card.value.clone());
            if is_foreign(&card.engine, &card.engine_version) {
                known.foreign.insert((subject, value));
            } else {
                known
                    .by_frame
                    .insert((card.source_frame_id, subject, value));
            }
        }
        known
    }

    /// Whether a statement of a frame is new.
    fn insert(&mut self, frame: u64, fact: &rules::Fact) -> bool {
        let statement = (subject(&fact.entity, &fact.slot), fact.value.clone());
        !self.foreign.contains(&statement)
            && self.by_frame.insert((frame, statement.0, statement.1))
    }
}

/// Whether the rules of another program made something: which frames it is of is often wrong (indexes.md §3.2).
fn is_foreign(engine: &str, version: &str) -> bool {
    engine == ENGINE && version != VERSION
}

fn card(snapshot: &Snapshot, id: u64, fact: &rules::Fact, now: i64) -> Result<Card> {
    let view = snapshot.view(id)?;
    Ok(Card {
        id: 0,
        kind: fact.kind,
        entity: fact.entity.clone(),
        slot: fact.slot.clone(),
        value: fact.value.clone(),
        polarity: fact.polarity,
        event_date: None,
        document_date: Some(view.timestamp),
        version_key: String::new(),
        version_relation: fact.relation,
        source_frame_id: id,
        source_uri: view.uri.map(str::to_owned),
        engine: ENGINE.to_owned(),
        engine_version: VERSION.to_owned(),
        confidence: None,
        created_at: now,
        other: serde_json::Map::new(),
    })
}

/// What [`enrich`] did, and the track it is to be written as.
pub struct Enriched {
    /// The track.
    pub track: MemoriesTrack,
    /// Numbers of it.
    pub report: Enrichment,
}

/// Looks at the documents that the rules did not look at yet, also at those that were stored with the wish not to be; at all
/// of them with `force`, after throwing away what the rules made before.
pub fn enrich(snapshot: &Snapshot, force: bool, now: i64) -> Result<Enriched> {
    let mut track = stored(&snapshot.committed)?.unwrap_or_default();
    if force {
        track.cards.retain(|card| card.engine != ENGINE);
        for enriched in track.enrichment_manifest.frames.values_mut() {
            enriched.stamps.retain(|stamp| stamp.engine_kind != ENGINE);
        }
        let frames = &mut track.enrichment_manifest.frames;
        frames.retain(|_, enriched| !enriched.stamps.is_empty());
    }
    let is_new = |id: &u64| is_document(snapshot, *id) && !track.is_stamped(*id, ENGINE);
    let frames: Vec<u64> = (0..snapshot.frame_count()).filter(is_new).collect();
    let Made { facts, damaged } = facts_of(snapshot, &frames, false)?;
    let mut known = Known::of(&track);
    let extracted = facts.len() as u64;
    let before = track.cards.len();
    let mut facts = facts.into_iter().peekable();
    for &id in &frames {
        let mut ids = Vec::new();
        while let Some((_, fact)) = facts.next_if(|(frame, _)| *frame == id) {
            if known.insert(id, &fact) {
                let card = card(snapshot, id, &fact, now)?;
                ids.push(track.add(card));
            }
        }
        track.stamp(id, stamp(ids, now));
    }
    let report = Enrichment {
        engine: ENGINE,
        version: VERSION,
        frames_processed: frames.len() as u64,
        cards_extracted: extracted,
        new_cards: (track.cards.len() - before) as u64,
        total_cards: track.cards.len() as u64,
        total_entities: track.entity_count(),
        damage: view::damage(damaged),
    };
    Ok(Enriched {
        track: encoded(track)?,
        report,
    })
}

/// The track with cards that are given, and everything the rules make; and the numbers of the given ones.
pub fn with_cards(
    snapshot: &Snapshot,
    derived: &mut Derived,
    given: &[NewCard],
    now: i64,
) -> Result<(MemoriesTrack, Vec<u64>)> {
    let texts = |new: &NewCard| (new.entity.len() + new.slot.len() + new.value.len()) as u64;
    let size: u64 = given.iter().map(texts).sum();
    if size > MAX_TRACK {
        // Before anything is copied.
        return Err(too_large(size));
    }
    let Cards {
        mut track, stored, ..
    } = Cards::new(snapshot, derived, now)?;
    // What was made of documents gets its numbers first, as it had them when it was shown.
    let made: Vec<(u64, u64)> = track
        .cards
        .iter()
        .skip(stored)
        .map(|card| (card.source_frame_id, card.id))
        .collect();
    for of_one in made.chunk_by(|(a, _), (b, _)| a == b) {
        if let Some((frame, _)) = of_one.first() {
            let ids = of_one.iter().map(|(_, id)| *id).collect();
            track.stamp(*frame, stamp(ids, now));
        }
    }
    let mut ids = Vec::with_capacity(given.len());
    for (index, new) in given.iter().enumerate() {
        let source = new.source_frame_id;
        let mut card = new.card(index, now)?;
        if let Some(id) = source {
            let view = snapshot.active_view(id)?;
            card.source_uri = view.uri.map(str::to_owned);
            card.document_date = card.document_date.or(Some(view.timestamp));
        }
        card.set_source(source);
        ids.push(track.add(card));
    }
    Ok((encoded(track)?, ids))
}

impl NewCard {
    fn card(&self, index: usize, now: i64) -> Result<Card> {
        for (name, value) in [
            ("entity", &self.entity),
            ("slot", &self.slot),
            ("value", &self.value),
        ] {
            if value.trim().is_empty() {
                return Err(Error::invalid(
                    &format!("cards[{index}].{name}"),
                    "nothing",
                    "a text that is not blank",
                ));
            }
        }
        if let Some(confidence) = self.confidence
            && !(0.0..=1.0).contains(&confidence)
        {
            return Err(Error::invalid(
                &format!("cards[{index}].confidence"),
                confidence,
                "a number from 0 to 1",
            ));
        }
        for (name, date) in [
            ("eventDate", self.event_date),
            ("documentDate", self.document_date),
        ] {
            if let Some(date) = date
                && !DATES.contains(&date)
            {
                return Err(Error::invalid(
                    &format!("cards[{index}].{name}"),
                    date,
                    "seconds since 1970, in the years 0000 to 9999",
                ));
            }
        }
        Ok(Card {
            id: 0,
            kind: self.kind.unwrap_or_default(),
            entity: self.entity.trim().to_owned(),
            slot: self.slot.trim().to_owned(),
            value: self.value.clone(),
            polarity: Some(self.polarity.unwrap_or(Polarity::Neutral)),
            event_date: self.event_date,
            document_date: self.document_date,
            version_key: String::new(),
            version_relation: self.version_relation,
            source_frame_id: 0,
            source_uri: None,
            engine: self.engine.clone().unwrap_or_else(|| "sdk".to_owned()),
            engine_version: self
                .engine_version
                .clone()
                .unwrap_or_else(|| "1.0.0".to_owned()),
            confidence: self.confidence,
            created_at: now,
            other: serde_json::Map::new(),
        })
    }
}

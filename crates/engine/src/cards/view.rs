//! Answers about cards.

use std::collections::BTreeMap;

use mv2::cards::{Card, CardKind, Polarity, Relation};
use serde::{Deserialize, Serialize};

use super::{Cards, plain, subject};
use crate::snapshot::Snapshot;

/// A question about cards.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "call", rename_all = "camelCase", deny_unknown_fields)]
pub enum CardQuestion {
    /// The cards of an entity, of one of its slots, or all.
    Memories {
        /// Whose, whatever the case; `None`: all.
        entity: Option<String>,
        /// Of which property.
        slot: Option<String>,
    },
    /// Numbers.
    Stats {},
    /// Names of all entities.
    Entities {},
    /// What is so now.
    State {
        /// Of whom or what.
        entity: String,
        /// Of which property alone.
        slot: Option<String>,
    },
    /// Facts for other programs.
    Export {
        /// `json`, `csv` or `ntriples`.
        format: String,
        /// Whose; `None`: all.
        entity: Option<String>,
        /// Whether to say where they come from.
        #[serde(default)]
        provenance: bool,
    },
}

/// A card as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardView {
    /// Number within the file.
    pub id: u64,
    /// What sort of statement it is.
    pub kind: CardKind,
    /// Whom or what it is about.
    pub entity: String,
    /// Which property.
    pub slot: String,
    /// Its value.
    pub value: String,
    /// For or against the value.
    pub polarity: Option<Polarity>,
    /// What it does to earlier ones.
    pub version_relation: Relation,
    /// 0 to 1.
    pub confidence: Option<f32>,
    /// The frame it comes from.
    pub source_frame_id: Option<u64>,
    /// Address of that frame.
    pub source_uri: Option<String>,
    /// When it was said, seconds since 1970.
    pub document_date: Option<i64>,
    /// When it came to be so, seconds since 1970.
    pub event_date: Option<i64>,
    /// What made it.
    pub engine: String,
    /// Its version.
    pub engine_version: String,
}

impl From<&Card> for CardView {
    fn from(card: &Card) -> Self {
        Self {
            id: card.id,
            kind: card.kind,
            entity: card.entity.clone(),
            slot: card.slot.clone(),
            value: card.value.clone(),
            polarity: card.polarity,
            version_relation: card.version_relation,
            confidence: card.confidence,
            source_frame_id: card.source(),
            source_uri: card.source_uri.clone(),
            document_date: card.document_date,
            event_date: card.event_date,
            engine: card.engine.clone(),
            engine_version: card.engine_version.clone(),
        }
    }
}

/// The answer of `memories()`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memories {
    /// Newest first.
    pub cards: Vec<CardView>,
    /// How many those are.
    pub count: usize,
    /// What could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// The answer of `memoriesStats()`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoriesStats {
    /// Different entities.
    pub entity_count: usize,
    /// Cards.
    pub card_count: usize,
    /// Different slots of entities.
    pub slot_count: usize,
    /// Cards of each kind.
    pub cards_by_kind: BTreeMap<CardKind, usize>,
    /// Documents that were looked at and said something, and those that `enrich` looked at.
    pub enriched_frames: u64,
    /// When `enrich` or `addMemoryCards` wrote the last time, seconds since 1970.
    pub last_enrichment: Option<i64>,
    /// What could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// What is so now of one property.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotState {
    /// The newest value.
    pub value: String,
    /// What sort of statement it is.
    pub kind: CardKind,
    /// For or against the value.
    pub polarity: Option<Polarity>,
    /// The frame it comes from.
    pub source_frame_id: Option<u64>,
    /// When it was said, seconds since 1970.
    pub document_date: Option<i64>,
    /// What made it.
    pub engine: String,
}

/// The answer of `state()`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    /// With small letters, without blanks around it.
    pub entity: String,
    /// Whether there is any card about it.
    pub found: bool,
    /// By slot, with small letters.
    pub slots: BTreeMap<String, SlotState>,
    /// What could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// What `enrich` did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Enrichment {
    /// Which engine.
    pub engine: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Documents that it looked at now.
    pub frames_processed: u64,
    /// Statements that it found in them.
    pub cards_extracted: u64,
    /// Of those, cards that were not there.
    pub new_cards: u64,
    /// Cards there are.
    pub total_cards: u64,
    /// Different entities of them.
    pub total_entities: u64,
    /// What could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// Says that documents could not be looked at.
pub fn damage(documents: u64) -> Option<String> {
    (documents > 0)
        .then(|| format!("the text of {documents} documents is damaged: it was not looked at"))
}

impl Cards {
    /// The cards of an entity, of one of its slots, or all; newest first.
    #[must_use]
    pub fn memories(
        &self,
        snapshot: &Snapshot,
        entity: Option<&str>,
        slot: Option<&str>,
    ) -> Memories {
        let cards = self.newest_first(snapshot, entity, slot);
        let cards: Vec<CardView> = cards.into_iter().map(CardView::from).collect();
        Memories {
            count: cards.len(),
            cards,
            damage: damage(self.damaged),
        }
    }

    pub(super) fn newest_first<'s>(
        &'s self,
        snapshot: &'s Snapshot,
        entity: Option<&str>,
        slot: Option<&str>,
    ) -> Vec<&'s Card> {
        let entity = entity.map(plain);
        let slot = slot.map(plain);
        let mut cards: Vec<&Card> = self
            .shown(snapshot, entity.as_deref())
            .filter(|card| {
                slot.as_ref()
                    .is_none_or(|wanted| *wanted == plain(&card.slot))
            })
            .collect();
        cards.sort_by_key(|card| std::cmp::Reverse((card.effective(), card.id)));
        cards
    }

    /// Numbers.
    #[must_use]
    pub fn stats(&self, snapshot: &Snapshot) -> MemoriesStats {
        let mut entities = std::collections::BTreeSet::new();
        let mut slots = std::collections::BTreeSet::new();
        let mut cards_by_kind = BTreeMap::new();
        let mut card_count = 0;
        for card in self.shown(snapshot, None) {
            card_count += 1;
            entities.insert(card.entity.to_lowercase());
            slots.insert(subject(&card.entity, &card.slot));
            *cards_by_kind.entry(card.kind).or_insert(0) += 1;
        }
        MemoriesStats {
            entity_count: entities.len(),
            card_count,
            slot_count: slots.len(),
            cards_by_kind,
            enriched_frames: self.enriched,
            last_enrichment: self.track.enrichment_manifest.last_enrichment,
            damage: damage(self.damaged),
        }
    }

    /// Names of all entities, with small letters, in order.
    #[must_use]
    pub fn entities(&self, snapshot: &Snapshot) -> Vec<String> {
        let names = self
            .shown(snapshot, None)
            .map(|card| card.entity.to_lowercase());
        let names: std::collections::BTreeSet<String> = names.collect();
        names.into_iter().collect()
    }

    /// What is so now: of each slot the newest value that no later card takes back.
    #[must_use]
    pub fn state(&self, snapshot: &Snapshot, entity: &str, slot: Option<&str>) -> State {
        let cards = self.newest_first(snapshot, Some(entity), slot);
        let found = !cards.is_empty();
        let mut slots: BTreeMap<String, SlotState> = BTreeMap::new();
        for card in standing(cards) {
            slots
                .entry(card.slot.to_lowercase())
                .or_insert_with(|| SlotState {
                    value: card.value.clone(),
                    kind: card.kind,
                    polarity: card.polarity,
                    source_frame_id: card.source(),
                    document_date: card.document_date,
                    engine: card.engine.clone(),
                });
        }
        State {
            entity: entity.trim().to_lowercase(),
            found,
            slots,
            damage: damage(self.damaged),
        }
    }
}

/// Of cards from new to old those that say what is so: no card that takes a value back, nor what it takes back.
pub(super) fn standing(newest_first: Vec<&Card>) -> impl Iterator<Item = &Card> {
    let mut taken_back = std::collections::HashSet::new();
    newest_first.into_iter().filter(move |card| {
        let takes_back = card.version_relation == Relation::Retracts;
        if !takes_back && taken_back.is_empty() {
            return true;
        }
        let subject = subject(&card.entity, &card.slot);
        let value = (subject, card.value.to_lowercase());
        if takes_back {
            taken_back.insert(value);
            return false;
        }
        !taken_back.contains(&value)
    })
}

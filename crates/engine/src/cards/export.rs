//! Cards as triples, for other programs.

use mv2::cards::Card;
use serde_json::json;

use super::Cards;
use super::view::standing;
use crate::snapshot::Snapshot;

/// The vocabulary of statements about statements (RDF 1.1 Schema §5.3).
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const INTEGER: &str = "http://www.w3.org/2001/XMLSchema#integer";

/// A form of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An array of objects.
    Json,
    /// RFC 4180, with a head.
    Csv,
    /// One statement a line, W3C N-Triples.
    NTriples,
}

impl Format {
    /// The form of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "ntriples" | "n-triples" | "nt" => Some(Self::NTriples),
            _ => None,
        }
    }
}

impl Cards {
    /// The facts of an entity, or all, that were not taken back, oldest first; with the frame, time and engine they come from
    /// if wanted.
    #[must_use]
    pub fn export(
        &self,
        snapshot: &Snapshot,
        format: Format,
        entity: Option<&str>,
        with_provenance: bool,
    ) -> String {
        let newest_first = self.newest_first(snapshot, entity, None);
        let mut cards: Vec<&Card> = standing(newest_first).collect();
        cards.reverse();
        match format {
            Format::Json => {
                let facts = cards.iter().map(|card| {
                    let mut fact = json!({
                        "subject": card.entity,
                        "predicate": card.slot,
                        "object": card.value,
                    });
                    if with_provenance {
                        fact["sourceFrameId"] = json!(card.source());
                        fact["timestamp"] = json!(card.effective());
                        fact["engine"] = json!(card.engine);
                    }
                    fact
                });
                serde_json::Value::Array(facts.collect()).to_string()
            }
            Format::Csv => {
                let mut out = "subject,predicate,object".to_owned();
                if with_provenance {
                    out.push_str(",sourceFrameId,timestamp,engine");
                }
                out.push('\n');
                for card in cards {
                    let mut fields = vec![
                        quoted(&card.entity),
                        quoted(&card.slot),
                        quoted(&card.value),
                    ];
                    if with_provenance {
                        fields.push(card.source().map_or_else(String::new, |id| id.to_string()));
                        fields.push(card.effective().to_string());
                        fields.push(quoted(&card.engine));
                    }
                    out.push_str(&fields.join(","));
                    out.push('\n');
                }
                out
            }
            Format::NTriples => {
                let mut out = String::new();
                for card in cards {
                    let subject = format!("mv2://entity/{}", encoded(&card.entity.to_lowercase()));
                    let predicate = format!("mv2://slot/{}", encoded(&card.slot.to_lowercase()));
                    out.push_str(&format!(
                        "<{subject}> <{predicate}> \"{}\" .\n",
                        escaped(&card.value)
                    ));
                    if with_provenance {
                        // A subject has many statements: what is said of one needs a name of its own.
                        let of_card = format!("{subject}#{}", card.id);
                        let mut say = |predicate: &str, object: &str| {
                            out.push_str(&format!("<{of_card}> <{predicate}> {object} .\n"));
                        };
                        say(&format!("{RDF}type"), &format!("<{RDF}Statement>"));
                        say(&format!("{RDF}subject"), &format!("<{subject}>"));
                        say(&format!("{RDF}predicate"), &format!("<{predicate}>"));
                        let value = format!("\"{}\"", escaped(&card.value));
                        say(&format!("{RDF}object"), &value);
                        if let Some(id) = card.source() {
                            say("mv2://source", &format!("<mv2://frames/{id}>"));
                        }
                        let time = format!("\"{}\"^^<{INTEGER}>", card.effective());
                        say("mv2://timestamp", &time);
                        let engine = format!("\"{}\"", escaped(&card.engine));
                        say("mv2://engine", &engine);
                    }
                }
                out
            }
        }
    }
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// For the inside of an address.
fn encoded(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// For the inside of a literal.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ => out.push(character),
        }
    }
    out
}

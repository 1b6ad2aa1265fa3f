//! Hits on their way to JavaScript.
//!
//! Texts are nearly all of an answer. In JSON they would be searched for quotes on both sides and copied out piece by
//! piece; here they cross the border as one string, and JavaScript slices it, which copies nothing.

use engine::{FindHit, FindResult, Result};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::task::json;

/// An answer to a search.
#[napi(object, object_from_js = false)]
pub struct NativeHits {
    /// [`Head`] as JSON.
    pub head: String,
    /// All texts of ASCII, one behind the other. V8 keeps them in a byte a character.
    pub ascii: Latin1String,
    /// All other texts, one behind the other.
    pub wide: String,
}

/// Everything but texts.
#[derive(Serialize)]
struct Head<'a> {
    /// What was looked for by.
    engine: &'a str,
    /// How many hits there are.
    count: usize,
    /// What each hit has, see [`Packer::hit`], one hit behind the other.
    numbers: Vec<Number>,
    /// The metadata of each hit, when one of them has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Vec<&'a Map<String, Value>>>,
    /// The parts of each score, when they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Vec<&'a Option<Value>>>,
    total_hits: u64,
    total_is_exact: bool,
    next_cursor: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    took_ms: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Whole(i64),
    // Written with the digits of a 32-bit number.
    Score(f32),
}

impl NativeHits {
    /// `result` without its query, which the caller knows.
    pub fn of(result: &FindResult) -> Result<Self> {
        let hits = &result.hits;
        let texts = hits.iter().map(|hit| hit.text.len() + 128);
        let mut packer = Packer {
            numbers: Vec::with_capacity(hits.len() * 18),
            ascii: String::with_capacity(texts.sum()),
            wide: String::new(),
        };
        for hit in hits {
            packer.hit(hit);
        }
        let has_metadata = hits.iter().any(|hit| !hit.metadata.is_empty());
        let has_explain = hits.iter().any(|hit| hit.explain.is_some());
        let head = json(&Head {
            engine: result.engine,
            count: hits.len(),
            numbers: packer.numbers,
            metadata: has_metadata.then(|| hits.iter().map(|hit| &hit.metadata).collect()),
            explain: has_explain.then(|| hits.iter().map(|hit| &hit.explain).collect()),
            total_hits: result.total_hits,
            total_is_exact: result.total_is_exact,
            next_cursor: result.next_cursor.as_deref(),
            warnings: &result.warnings,
            took_ms: result.took_ms,
        })?;
        Ok(Self {
            head,
            ascii: Latin1String::from(packer.ascii),
            wide: packer.wide,
        })
    }
}

/// Puts texts behind each other and notes where they are.
struct Packer {
    numbers: Vec<Number>,
    ascii: String,
    wide: String,
}

impl Packer {
    /// The fields in the order in which JavaScript reads them.
    fn hit(&mut self, hit: &FindHit) {
        self.whole(hit.rank as u64);
        self.whole(hit.frame_id);
        self.optional(hit.parent_id, Self::whole);
        self.numbers.push(Number::Score(hit.score));
        self.whole(u64::from(hit.matches));
        self.numbers.push(Number::Whole(hit.timestamp));
        self.text(&hit.uri);
        self.text(&hit.title);
        self.text(&hit.text);
        let snippet = &hit.snippet;
        self.whole(length_of(hit.text.get(..snippet.start).unwrap_or_default()));
        self.whole(length_of(hit.text.get(snippet.clone()).unwrap_or_default()));
        self.optional(hit.kind.as_deref(), Self::text);
        self.optional(hit.track.as_deref(), Self::text);
        self.text(&hit.created_at);
        for list in [&hit.tags, &hit.labels, &hit.content_dates] {
            self.whole(list.len() as u64);
            for text in list {
                self.text(text);
            }
        }
    }

    fn whole(&mut self, number: u64) {
        self.numbers
            .push(Number::Whole(i64::try_from(number).unwrap_or(i64::MAX)));
    }

    /// −1 for `None`.
    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.numbers.push(Number::Whole(-1)),
        }
    }

    /// Twice the length, and one more when the text is among the wide ones.
    fn text(&mut self, text: &str) {
        let is_ascii = text.is_ascii();
        let pool = if is_ascii {
            &mut self.ascii
        } else {
            &mut self.wide
        };
        pool.push_str(text);
        let length = if is_ascii {
            text.len() as u64
        } else {
            length_of(text)
        };
        self.whole(length * 2 + u64::from(!is_ascii));
    }
}

/// The length of a text as JavaScript counts it.
fn length_of(text: &str) -> u64 {
    let length = if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    };
    length as u64
}

//! What callers hand in, and what it becomes before anything is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use mv2::frame::{
    DocMetadata, EnrichmentState, Frame, FrameRole, TextChunkManifest, TextChunkRange,
};
use mv2::sketch::SketchHasher;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::chunk::{self, Piece};
use crate::embedding::{
    DIMENSION_KEY, Embedding, Identity, MODEL_KEY, NORMALIZED_KEY, PROVIDER_KEY,
};
use crate::error::{Error, Result};
use crate::pictures::{self, Picture};
use crate::text::is_text_mime;

/// Metadata keys the engine and the reference keep for themselves; they are not the caller's metadata.
pub const RESERVED_KEYS: [&str; 11] = [
    "extractous_metadata",
    PROVIDER_KEY,
    MODEL_KEY,
    DIMENSION_KEY,
    NORMALIZED_KEY,
    CORRECTION_KEY,
    BOOST_KEY,
    pictures::MODEL_KEY,
    pictures::DIMENSION_KEY,
    pictures::CHECKSUM_KEY,
    pictures::VECTOR_KEY,
];
/// Marks a correction (`true`), as the reference writes it.
pub const CORRECTION_KEY: &str = "memvid.correction";
/// The score factor of a correction.
pub const BOOST_KEY: &str = "memvid.correction.boost";

/// The most tags, labels or dates of one document (the file format's bound).
const MOST_LIST_ITEMS: usize = 1024;
/// The most metadata keys of one document (the file format's bound).
const MOST_METADATA_KEYS: usize = 4096;
/// The largest stored payload a reader of the format accepts, in bytes.
const LARGEST_PAYLOAD: usize = 256 << 20;

/// The content of a document.
#[derive(Debug, Clone)]
pub enum Content {
    /// Text: kept byte for byte and searchable.
    Text(String),
    /// Bytes that are not UTF-8 text: kept, not indexed.
    Bytes(Vec<u8>),
}

impl Content {
    /// The content as it is stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// One document to store. Absent fields take the defaults of the file format.
#[derive(Debug, Clone)]
pub struct Document {
    /// What to keep.
    pub content: Content,
    /// Text to index instead of the content.
    pub search_text: Option<String>,
    /// Searchable title.
    pub title: Option<String>,
    /// `None`: `mv2://frames/<id>`.
    pub uri: Option<String>,
    /// Caller's category.
    pub kind: Option<String>,
    /// Caller's stream.
    pub track: Option<String>,
    /// Exact keywords.
    pub tags: Vec<String>,
    /// Exact keywords of the second list.
    pub labels: Vec<String>,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// JSON text of an object.
    pub metadata: Option<String>,
    /// Type of the content; `None`: `text/plain` or `application/octet-stream`.
    pub mime: Option<String>,
    /// Name of the file it came from, without folders.
    pub filename: Option<String>,
    /// Dates found in the text, as text.
    pub content_dates: Vec<String>,
    /// Score factor of a correction; `None` for ordinary documents.
    pub boost: Option<f32>,
    /// What it is found by when a search is by meaning. Of a document that is split it stays whole.
    pub embedding: Option<Embedding>,
    /// What its picture is found by, when it is or has one.
    pub picture: Option<Picture>,
}

impl Document {
    /// A text with nothing else, dated `timestamp`.
    #[must_use]
    pub fn text(text: impl Into<String>, timestamp: i64) -> Self {
        Self {
            content: Content::Text(text.into()),
            search_text: None,
            title: None,
            uri: None,
            kind: None,
            track: None,
            tags: Vec::new(),
            labels: Vec::new(),
            timestamp,
            metadata: None,
            mime: None,
            filename: None,
            content_dates: Vec::new(),
            boost: None,
            embedding: None,
            picture: None,
        }
    }

    /// Bytes that it takes in memory, about.
    #[must_use]
    pub fn size(&self) -> usize {
        let texts = [&self.search_text, &self.title, &self.uri, &self.metadata];
        let lists = [&self.tags, &self.labels, &self.content_dates];
        size_of::<Self>()
            + self.content.as_bytes().len()
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
            + lists.into_iter().flatten().map(String::len).sum::<usize>()
            + self
                .embedding
                .as_ref()
                .map_or(0, |embedding| size_of_val(&*embedding.vector))
            + self
                .picture
                .as_ref()
                .map_or(0, |picture| size_of_val(&*picture.vector))
    }

    /// The pieces of a text that is split into chunks; `None` when the document stays whole.
    #[must_use]
    pub fn pieces(&self) -> Option<Vec<Piece>> {
        match (&self.content, &self.search_text) {
            // With a search text of its own the document is found as a whole; its chunks would only repeat it.
            (Content::Text(text), None) => chunk::split(text),
            _ => None,
        }
    }

    /// Refuses what the file format cannot hold. `index` names the document in the error.
    pub fn validate(&self, index: usize) -> Result<()> {
        let argument = |field: &str| format!("documents[{index}].{field}");
        let content = self.content.as_bytes().len();
        if content > LARGEST_PAYLOAD {
            return Err(Error::invalid(
                &argument("text"),
                format!("{content} bytes"),
                "at most 268435456 bytes",
            ));
        }
        for (field, list) in [
            ("tags", &self.tags),
            ("labels", &self.labels),
            ("contentDates", &self.content_dates),
        ] {
            if list.len() > MOST_LIST_ITEMS {
                return Err(Error::invalid(
                    &argument(field),
                    format!("{} items", list.len()),
                    "at most 1024 items",
                ));
            }
        }
        if self
            .boost
            .is_some_and(|boost| !boost.is_finite() || boost <= 0.0)
        {
            return Err(Error::invalid(
                &argument("boost"),
                self.boost.unwrap_or_default(),
                "a number above 0",
            ));
        }
        if let Some(embedding) = &self.embedding {
            embedding.check(&argument("vector"), Some(index))?;
        }
        match &self.picture {
            Some(picture) => picture.check(&argument("picture")),
            None => Ok(()),
        }
    }
}

/// A frame on its way into the file: everything but its id, uri default and place.
#[derive(Debug, Clone)]
pub struct PreparedFrame {
    /// The frame; `id`, `parent_id`, `payload_offset` and an absent `uri` are filled in when ids are known.
    pub frame: Frame,
    /// Stored payload bytes.
    pub payload: Vec<u8>,
    /// Text for the lexical index; `None`: not indexed.
    pub body: Option<String>,
    /// Entry of the sketch track; `None`: whoever commits the frame finds it out from `body`.
    pub sketch: Option<[u8; 32]>,
    /// Its vector.
    pub vector: Option<Arc<[f32]>>,
}

impl PreparedFrame {
    /// Gives it a vector.
    pub fn embed(&mut self, embedding: Embedding) {
        let dimension = embedding.vector.len();
        embedding
            .identity
            .write(dimension, &mut self.frame.extra_metadata);
        self.vector = Some(embedding.vector);
    }

    /// The picture that its fields carry.
    #[must_use]
    pub fn picture(&self) -> Option<Picture> {
        Picture::of_frame(&self.frame)
    }

    /// Its vector, with what made it.
    #[must_use]
    pub fn embedding(&self) -> Option<Embedding> {
        let extra = &self.frame.extra_metadata;
        Some(Embedding {
            vector: Arc::clone(self.vector.as_ref()?),
            identity: Arc::new(Identity::of_map(extra)),
        })
    }
}

/// A document and its chunks, in id order; the first frame is the document itself.
#[derive(Debug, Clone)]
pub struct PreparedDocument {
    /// The document's frame, then its chunks'.
    pub frames: Vec<PreparedFrame>,
    /// The document this one replaces.
    pub supersedes: Option<u64>,
}

/// Turns documents into frames; keeps the memo tables that make it cheap.
pub struct Preparer {
    level: i32,
    sketches: SketchHasher,
    for_log: bool,
    enrichment_state: EnrichmentState,
}

impl Preparer {
    /// `level` is the zstd level, 0 (stored plain) to 11.
    #[must_use]
    pub fn new(level: i32) -> Self {
        Self {
            level,
            sketches: SketchHasher::new(),
            for_log: false,
            enrichment_state: EnrichmentState::Enriched,
        }
    }

    /// Whether cards are made of the documents without being asked for: the frame says so, see [`crate::cards`].
    #[must_use]
    pub fn enriching(mut self, is_on: bool) -> Self {
        self.enrichment_state = if is_on {
            EnrichmentState::Enriched
        } else {
            EnrichmentState::Searchable
        };
        self
    }

    /// Leaves out what a commit needs and the log does not, where that is easily found out later.
    #[must_use]
    pub fn for_log(mut self) -> Self {
        self.for_log = true;
        self
    }

    /// Compresses, hashes, splits and sketches one document. `index` names it in errors.
    pub fn prepare(&mut self, document: Document, index: usize) -> Result<PreparedDocument> {
        let pieces = document.pieces();
        self.prepare_pieces(document, pieces, index)
    }

    /// [`Preparer::prepare`] of a document that was split already, see [`Document::pieces`].
    pub fn prepare_pieces(
        &mut self,
        mut document: Document,
        pieces: Option<Vec<Piece>>,
        index: usize,
    ) -> Result<PreparedDocument> {
        document.validate(index)?;
        let mut extra = parse_metadata(document.metadata.as_deref(), index)?;
        if matches!(document.kind.as_deref(), Some("table_meta" | "table_row")) {
            plain_texts(&mut extra);
        }
        if let Some(boost) = document.boost {
            extra.insert(CORRECTION_KEY.to_owned(), "true".to_owned());
            extra.insert(BOOST_KEY.to_owned(), boost.to_string());
        }
        let (length, is_text, default_mime) = match &document.content {
            Content::Text(text) => (text.len(), true, "text/plain"),
            Content::Bytes(bytes) => (bytes.len(), false, "application/octet-stream"),
        };
        let mime = document
            .mime
            .take()
            .unwrap_or_else(|| default_mime.to_owned());
        let template = Frame {
            timestamp: document.timestamp,
            anchor_ts: Some(document.timestamp),
            anchor_source: Some(mv2::frame::AnchorSource::FrameTimestamp),
            kind: document.kind.take(),
            track: document.track.take(),
            uri: document.uri.take(),
            title: document.title.take(),
            metadata: Some(DocMetadata {
                mime: Some(mime),
                bytes: Some(length as u64),
                ..DocMetadata::default()
            }),
            tags: std::mem::take(&mut document.tags),
            labels: std::mem::take(&mut document.labels),
            extra_metadata: extra,
            content_dates: std::mem::take(&mut document.content_dates),
            source_path: document.filename.take(),
            enrichment_state: self.enrichment_state,
            ..Frame::default()
        };
        let embedding = document.embedding.take();
        let picture = document.picture.take();
        let mut frames = match (document.content, pieces) {
            (Content::Text(text), Some(pieces)) => self.split_frames(&text, &pieces, template)?,
            (content, _) => {
                vec![self.whole_frame(content, document.search_text, is_text, template)?]
            }
        };
        if let (Some(embedding), Some(first)) = (embedding, frames.first_mut()) {
            first.embed(embedding);
        }
        if let (Some(picture), Some(first)) = (picture, frames.first_mut()) {
            picture.write(&mut first.frame.extra_metadata);
        }
        Ok(PreparedDocument {
            frames,
            supersedes: None,
        })
    }

    fn whole_frame(
        &mut self,
        content: Content,
        search_text: Option<String>,
        is_text: bool,
        template: Frame,
    ) -> Result<PreparedFrame> {
        let bytes = content.as_bytes();
        let frame = Frame {
            search_text: search_text.clone(),
            source_sha256: Some(*blake3::hash(bytes).as_bytes()),
            role: FrameRole::Document,
            ..template
        };
        let text = std::str::from_utf8(bytes).ok().filter(|_| is_text);
        let body = search_text.as_deref().or(text);
        let sketch =
            (!self.for_log).then(|| body.map_or([0; 32], |body| self.sketches.entry(body)));
        let (frame, payload) = self.stored(frame, bytes, is_text, body)?;
        let body = search_text.or(match content {
            Content::Text(text) => Some(text),
            Content::Bytes(_) => None,
        });
        Ok(PreparedFrame {
            frame,
            payload,
            body,
            sketch,
            vector: None,
        })
    }

    /// The frame of a document whose text lives in its chunks, and theirs.
    fn split_frames(
        &mut self,
        text: &str,
        pieces: &[Piece],
        template: Frame,
    ) -> Result<Vec<PreparedFrame>> {
        let count = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
        let mut frames = Vec::with_capacity(pieces.len() + 1);
        let parent = Frame {
            chunk_manifest: Some(TextChunkManifest {
                chunk_chars: chunk::TARGET_CHARACTERS as u64,
                chunks: pieces
                    .iter()
                    .map(|piece| TextChunkRange {
                        start: piece.characters.start as u64,
                        end: piece.characters.end as u64,
                    })
                    .collect(),
            }),
            chunk_count: Some(count),
            canonical_length: Some(0),
            checksum: *blake3::hash(b"").as_bytes(),
            source_sha256: Some(*blake3::hash(text.as_bytes()).as_bytes()),
            role: FrameRole::Document,
            ..template.clone()
        };
        let first = pieces
            .first()
            .map_or("", |piece| &text[piece.bytes.clone()]);
        frames.push(PreparedFrame {
            frame: parent,
            payload: Vec::new(),
            body: None,
            sketch: Some(self.sketches.entry(first)),
            vector: None,
        });
        for (number, piece) in pieces.iter().enumerate() {
            let part = &text[piece.bytes.clone()];
            let frame = Frame {
                uri: template
                    .uri
                    .as_ref()
                    .map(|uri| format!("{uri}#page-{}", number + 1)),
                title: template
                    .title
                    .as_ref()
                    .map(|title| format!("{title} (page {}/{count})", number + 1)),
                role: FrameRole::DocumentChunk,
                chunk_index: u32::try_from(number).ok(),
                chunk_count: Some(count),
                source_path: None,
                ..template.clone()
            };
            let sketch = Some(self.sketches.entry(part));
            let (frame, payload) = self.stored(frame, part.as_bytes(), true, Some(part))?;
            frames.push(PreparedFrame {
                frame,
                payload,
                body: Some(part.to_owned()),
                sketch,
                vector: None,
            });
        }
        Ok(frames)
    }

    /// The frame with everything that its payload decides, and the payload.
    fn stored(
        &self,
        mut frame: Frame,
        bytes: &[u8],
        is_text: bool,
        body: Option<&str>,
    ) -> Result<(Frame, Vec<u8>)> {
        let has_text_type = frame
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.mime.as_deref())
            .is_some_and(is_text_mime);
        if is_text && self.level <= 0 && !has_text_type && frame.search_text.is_none() {
            // Neither the type nor the encoding would tell a reader that the payload is text.
            frame.search_text = body.map(str::to_owned);
        }
        // As the reference: text is compressed whatever its size, other bytes are stored as they are.
        let compress = is_text && self.level > 0 && !bytes.is_empty();
        let payload = if compress {
            mv2::payload::compress(bytes, self.level)?
        } else {
            bytes.to_vec()
        };
        frame.canonical_encoding = if compress {
            mv2::frame::CanonicalEncoding::Zstd
        } else {
            mv2::frame::CanonicalEncoding::Plain
        };
        frame.canonical_length = Some(bytes.len() as u64);
        frame.payload_length = payload.len() as u64;
        frame.checksum = *blake3::hash(&payload).as_bytes();
        Ok((frame, payload))
    }
}

/// Splits a JSON object into the format's map of key to JSON text.
pub fn parse_metadata(text: Option<&str>, index: usize) -> Result<BTreeMap<String, String>> {
    let Some(text) = text else {
        return Ok(BTreeMap::new());
    };
    let argument = format!("documents[{index}].metadata");
    let map: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).map_err(|_| {
        Error::invalid(
            &argument,
            "something that is not a JSON object",
            "an object",
        )
    })?;
    if map.len() > MOST_METADATA_KEYS {
        return Err(Error::invalid(
            &argument,
            format!("{} keys", map.len()),
            "at most 4096 keys",
        ));
    }
    if let Some((key, _)) = map
        .iter()
        .find(|(_, value)| serde_json::from_str::<Value>(value.get()).is_err())
    {
        return Err(Error::invalid(
            &format!("{argument}.{key}"),
            "a value that cannot be read back",
            "JSON of at most 120 levels and well-formed text",
        ));
    }
    if let Some(key) = map.keys().find(|key| RESERVED_KEYS.contains(&key.as_str())) {
        return Err(Error::invalid(
            &format!("{argument}.{key}"),
            key,
            "a key that the file format does not reserve",
        ));
    }
    Ok(map
        .into_iter()
        .map(|(key, value)| (key, value.get().to_owned()))
        .collect())
}

/// Texts as the reference has them in frames of tables, which it finds by them: without the quotes of JSON, where they are
/// read back the same.
fn plain_texts(extra: &mut BTreeMap<String, String>) {
    for stored in extra.values_mut() {
        if let Ok(text) = serde_json::from_str::<String>(stored)
            && metadata_value(&text) == Value::String(text.clone())
        {
            *stored = text;
        }
    }
}

/// The JSON value of a stored metadata entry; the reference's tools also store bare text.
#[must_use]
pub fn metadata_value(stored: &str) -> Value {
    serde_json::from_str(stored).unwrap_or_else(|_| Value::String(stored.to_owned()))
}

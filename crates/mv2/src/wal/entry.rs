//! What a log record says: insert or delete a frame.

use std::collections::BTreeMap;

use crate::codec::{Reader, Writer, coded_enum};
use crate::error::Result;
use crate::frame::{
    CanonicalEncoding, DocMetadata, EnrichmentState, FrameRole, MAX_EXTRA, MAX_LIST,
    TextChunkManifest,
};
use crate::toc::LexSegment;

coded_enum! {
    /// What a frame entry does.
    EntryOperation {
        /// Adds a frame.
        #[default]
        Insert = 0 => "insert",
        /// Deletes the frame `target_frame_id`.
        Tombstone = 1 => "tombstone",
    }
}

/// Payload of a log record.
#[derive(Debug, Clone, PartialEq)]
pub enum WalEntry {
    /// A change of one frame.
    Frame(Box<FrameEntry>),
    /// New files of the reference's text index; always followed by a commit that contains them.
    Lex(LexBatch),
}

/// A frame to insert or delete.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FrameEntry {
    /// Seconds since 1970-01-01 UTC.
    pub timestamp: i64,
    /// Kind given by the caller.
    pub kind: Option<String>,
    /// Track given by the caller.
    pub track: Option<String>,
    /// Bytes as they will be stored.
    pub payload: Vec<u8>,
    /// Vector of the frame.
    pub embedding: Option<Vec<f32>>,
    /// Address; `None`: `mv2://frames/<id>`.
    pub uri: Option<String>,
    /// Title; `None`: taken from the address.
    pub title: Option<String>,
    /// How `payload` is stored.
    pub canonical_encoding: CanonicalEncoding,
    /// Length of the decoded payload in bytes.
    pub canonical_length: Option<u64>,
    /// Description of the source.
    pub metadata: Option<DocMetadata>,
    /// Text to search. The reference destroys a file whose pending insert with a payload has `None` here: give at least
    /// an empty text.
    pub search_text: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Labels.
    pub labels: Vec<String>,
    /// Free entries.
    pub extra_metadata: BTreeMap<String, String>,
    /// Dates found in the content.
    pub content_dates: Vec<String>,
    /// Set when the text lives in chunk frames.
    pub chunk_manifest: Option<TextChunkManifest>,
    /// What the frame is.
    pub role: FrameRole,
    /// Log sequence, not frame id, of the parent.
    pub parent_sequence: Option<u64>,
    /// Number of the chunk, from 0.
    pub chunk_index: Option<u32>,
    /// Number of chunks of the document.
    pub chunk_count: Option<u32>,
    /// What to do.
    pub op: EntryOperation,
    /// Frame to delete.
    pub target_frame_id: Option<u64>,
    /// Frame replaced by the inserted one.
    pub supersedes_frame_id: Option<u64>,
    /// Frame whose payload the inserted one shares; `payload` is empty then.
    pub reuse_payload_from: Option<u64>,
    /// BLAKE3 of the source, despite its name.
    pub source_sha256: Option<[u8; 32]>,
    /// Path of the source as it was given.
    pub source_path: Option<String>,
    /// How far background work has come.
    pub enrichment_state: EnrichmentState,
}

/// New files of the reference's text index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LexBatch {
    /// Generation of the index.
    pub generation: u64,
    /// Documents in the index.
    pub doc_count: u64,
    /// Checksum over the files.
    pub checksum: [u8; 32],
    /// The files.
    pub segments: Vec<LexSegment>,
}

const TAG_FRAME: u32 = 0;
const TAG_LEX: u32 = 1;

impl WalEntry {
    /// Reads a payload. Bytes behind the entry are ignored; a payload without the leading tag, as old writers made it, is
    /// read too.
    pub fn decode(payload: &[u8]) -> Result<Self> {
        let mut reader = Reader::named(payload, "wal");
        let tagged = match reader.u32()? {
            TAG_FRAME => FrameEntry::decode(&mut reader).map(|entry| Self::Frame(Box::new(entry))),
            TAG_LEX => LexBatch::decode(&mut reader).map(Self::Lex),
            other => Err(reader.error(format!("unknown kind of entry {other}"))),
        };
        tagged.or_else(|error| {
            FrameEntry::decode(&mut Reader::named(payload, "wal"))
                .map(|entry| Self::Frame(Box::new(entry)))
                .map_err(|_| error)
        })
    }

    /// The payload of a record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            Self::Frame(entry) => {
                writer.u32(TAG_FRAME);
                entry.encode(&mut writer);
            }
            Self::Lex(batch) => {
                writer.u32(TAG_LEX);
                batch.encode(&mut writer);
            }
        }
        writer.into_bytes()
    }
}

/// Length of the frame entry that `bytes` begin with.
pub fn encoded_length(bytes: &[u8]) -> Option<usize> {
    let mut reader = Reader::named(bytes, "wal");
    if reader.u32().ok()? != TAG_FRAME {
        return None;
    }
    FrameEntry::decode(&mut reader).ok()?;
    Some(reader.position())
}

impl FrameEntry {
    /// Reads the fields in file order.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            timestamp: reader.i64()?,
            kind: reader.option(Reader::string)?,
            track: reader.option(Reader::string)?,
            payload: reader.blob()?.to_vec(),
            embedding: reader.option(|reader| reader.list("numbers", u64::MAX, 4, Reader::f32))?,
            uri: reader.option(Reader::string)?,
            title: reader.option(Reader::string)?,
            canonical_encoding: CanonicalEncoding::decode_lenient(reader)?,
            canonical_length: reader.option(Reader::u64)?,
            metadata: reader.option(DocMetadata::decode)?,
            search_text: reader.option(Reader::string)?,
            tags: reader.strings("tags", MAX_LIST)?,
            labels: reader.strings("labels", MAX_LIST)?,
            extra_metadata: reader.string_map("metadata entries", MAX_EXTRA)?,
            content_dates: reader.strings("content dates", MAX_LIST)?,
            chunk_manifest: reader.option(TextChunkManifest::decode)?,
            role: FrameRole::decode(reader)?,
            parent_sequence: reader.option(Reader::u64)?,
            chunk_index: reader.option(Reader::u32)?,
            chunk_count: reader.option(Reader::u32)?,
            op: EntryOperation::decode(reader)?,
            target_frame_id: reader.option(Reader::u64)?,
            supersedes_frame_id: reader.option(Reader::u64)?,
            reuse_payload_from: reader.option(Reader::u64)?,
            source_sha256: reader.option(Reader::array)?,
            source_path: reader.option(Reader::string)?,
            enrichment_state: EnrichmentState::decode(reader)?,
        })
    }

    /// Writes the fields in file order.
    pub fn encode(&self, writer: &mut Writer) {
        writer.i64(self.timestamp);
        writer.option_string(self.kind.as_deref());
        writer.option_string(self.track.as_deref());
        writer.blob(&self.payload);
        writer.option(self.embedding.as_deref(), |writer, numbers| {
            writer.list(numbers, |writer, number| writer.f32(*number));
        });
        writer.option_string(self.uri.as_deref());
        writer.option_string(self.title.as_deref());
        self.canonical_encoding.encode(writer);
        writer.option_u64(self.canonical_length);
        writer.option(self.metadata.as_ref(), |writer, value| value.encode(writer));
        writer.option_string(self.search_text.as_deref());
        writer.strings(&self.tags);
        writer.strings(&self.labels);
        writer.string_map(&self.extra_metadata);
        writer.strings(&self.content_dates);
        writer.option(self.chunk_manifest.as_ref(), |writer, value| {
            value.encode(writer)
        });
        self.role.encode(writer);
        writer.option_u64(self.parent_sequence);
        writer.option_u32(self.chunk_index);
        writer.option_u32(self.chunk_count);
        self.op.encode(writer);
        writer.option_u64(self.target_frame_id);
        writer.option_u64(self.supersedes_frame_id);
        writer.option_u64(self.reuse_payload_from);
        writer.option(self.source_sha256.as_ref(), |writer, value| {
            writer.raw(value)
        });
        writer.option_string(self.source_path.as_deref());
        self.enrichment_state.encode(writer);
    }
}

impl LexBatch {
    fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            generation: reader.u64()?,
            doc_count: reader.u64()?,
            checksum: reader.array()?,
            segments: reader.list(
                "segments",
                1_000_000,
                LexSegment::ENCODED_SIZE,
                LexSegment::decode,
            )?,
        })
    }

    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.generation);
        writer.u64(self.doc_count);
        writer.raw(&self.checksum);
        writer.list(&self.segments, |writer, segment| segment.encode(writer));
    }
}

//! A frame: one document, chunk or picture, with everything the table of contents says about it.

use std::collections::BTreeMap;

use crate::codec::{Reader, Writer, coded_enum};
use crate::error::{Error, Result};
pub use crate::metadata::{Audio, AudioSegment, DocMetadata, Exif, Gps, Media};

/// Most tags, labels and content dates a frame may have, each.
pub const MAX_LIST: u64 = 1024;
/// Most entries of `extra_metadata`.
pub const MAX_EXTRA: u64 = 4096;

coded_enum! {
    /// What a frame is.
    FrameRole {
        /// A document of its own.
        #[default]
        Document = 0 => "document",
        /// A part of the document `parent_id`.
        DocumentChunk = 1 => "document_chunk",
        /// A picture taken out of a document.
        ExtractedImage = 2 => "extracted_image",
    }
}

coded_enum! {
    /// Whether a frame counts. Frames are never removed from the list.
    FrameStatus {
        /// Part of the memory.
        #[default]
        Active = 0 => "active",
        /// Replaced by the frame `superseded_by`.
        Superseded = 1 => "superseded",
        /// Deleted.
        Deleted = 2 => "deleted",
    }
}

coded_enum! {
    /// Where `anchor_ts` comes from.
    AnchorSource {
        /// Given by the caller.
        Explicit = 0 => "explicit",
        /// Copied from the timestamp of the frame.
        #[default]
        FrameTimestamp = 1 => "frame_timestamp",
        /// Read from metadata of the source.
        Metadata = 2 => "metadata",
        /// The clock when the frame was written.
        IngestionClock = 3 => "ingestion_clock",
    }
}

coded_enum! {
    /// How far background work on a frame has come.
    EnrichmentState {
        /// Can be found.
        Searchable = 0 => "searchable",
        /// Nothing more to do.
        #[default]
        Enriched = 1 => "enriched",
    }
}

coded_enum! {
    /// How the payload is stored.
    CanonicalEncoding {
        /// As it is.
        #[default]
        Plain = 0 => "plain",
        /// A zstd frame.
        Zstd = 1 => "zstd",
    }
}

impl CanonicalEncoding {
    /// Reads the index; unlike other enumerations, an unknown one means plain.
    pub(crate) fn decode_lenient(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self::from_code(reader.u32()?).unwrap_or_default())
    }
}

/// A range of characters (code points), end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextChunkRange {
    /// First character.
    pub start: u64,
    /// Character behind the last.
    pub end: u64,
}

/// How the text of a document is cut into chunk frames.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextChunkManifest {
    /// Characters a chunk aims at.
    pub chunk_chars: u64,
    /// One range for each chunk, in order.
    pub chunks: Vec<TextChunkRange>,
}

impl TextChunkManifest {
    /// Reads the fields in file order.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            chunk_chars: reader.u64()?,
            chunks: reader.list("chunks", u64::MAX, 16, |reader| {
                Ok(TextChunkRange {
                    start: reader.u64()?,
                    end: reader.u64()?,
                })
            })?,
        })
    }

    /// Writes the fields in file order.
    pub fn encode(&self, writer: &mut Writer) {
        writer.u64(self.chunk_chars);
        writer.list(&self.chunks, |writer, chunk| {
            writer.u64(chunk.start);
            writer.u64(chunk.end);
        });
    }
}

/// One entry of the frame list. Its `id` is its position in that list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    /// Position in the frame list.
    pub id: u64,
    /// Seconds since 1970-01-01 UTC.
    pub timestamp: i64,
    /// Time the content speaks about, in seconds since 1970-01-01 UTC.
    pub anchor_ts: Option<i64>,
    /// Where `anchor_ts` comes from.
    pub anchor_source: Option<AnchorSource>,
    /// Kind given by the caller.
    pub kind: Option<String>,
    /// Track given by the caller.
    pub track: Option<String>,
    /// Offset of the payload in the file.
    pub payload_offset: u64,
    /// Stored length of the payload in bytes; 0: no payload.
    pub payload_length: u64,
    /// BLAKE3 of the stored bytes.
    pub checksum: [u8; 32],
    /// Address; need not be unique.
    pub uri: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// How the payload is stored.
    pub canonical_encoding: CanonicalEncoding,
    /// Length of the decoded payload in bytes.
    pub canonical_length: Option<u64>,
    /// Description of the source.
    pub metadata: Option<DocMetadata>,
    /// Text to search; the only place of the text when there is no payload.
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
    /// Document a chunk or picture belongs to.
    pub parent_id: Option<u64>,
    /// Number of the chunk, from 0.
    pub chunk_index: Option<u32>,
    /// Number of chunks of the document.
    pub chunk_count: Option<u32>,
    /// Whether the frame counts.
    pub status: FrameStatus,
    /// Frame replaced by this one.
    pub supersedes: Option<u64>,
    /// Frame that replaced this one.
    pub superseded_by: Option<u64>,
    /// BLAKE3 of the source, despite its name.
    pub source_sha256: Option<[u8; 32]>,
    /// Path of the source as it was given.
    pub source_path: Option<String>,
    /// How far background work has come.
    pub enrichment_state: EnrichmentState,
}

impl Frame {
    /// Reads one frame in file order.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            id: reader.u64()?,
            timestamp: reader.i64()?,
            anchor_ts: reader.option(Reader::i64)?,
            anchor_source: reader.option(AnchorSource::decode)?,
            kind: reader.option(Reader::string)?,
            track: reader.option(Reader::string)?,
            payload_offset: reader.u64()?,
            payload_length: reader.u64()?,
            checksum: reader.array()?,
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
            parent_id: reader.option(Reader::u64)?,
            chunk_index: reader.option(Reader::u32)?,
            chunk_count: reader.option(Reader::u32)?,
            status: FrameStatus::decode(reader)?,
            supersedes: reader.option(Reader::u64)?,
            superseded_by: reader.option(Reader::u64)?,
            source_sha256: reader.option(Reader::array)?,
            source_path: reader.option(Reader::string)?,
            enrichment_state: EnrichmentState::decode(reader)?,
        })
    }

    /// Writes the frame in file order.
    pub fn encode(&self, writer: &mut Writer) {
        writer.u64(self.id);
        writer.i64(self.timestamp);
        writer.option(self.anchor_ts.as_ref(), |writer, value| writer.i64(*value));
        writer.option(self.anchor_source.as_ref(), |writer, value| {
            value.encode(writer)
        });
        writer.option_string(self.kind.as_deref());
        writer.option_string(self.track.as_deref());
        writer.u64(self.payload_offset);
        writer.u64(self.payload_length);
        writer.raw(&self.checksum);
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
        writer.option_u64(self.parent_id);
        writer.option_u32(self.chunk_index);
        writer.option_u32(self.chunk_count);
        self.status.encode(writer);
        writer.option_u64(self.supersedes);
        writer.option_u64(self.superseded_by);
        writer.option(self.source_sha256.as_ref(), |writer, value| {
            writer.raw(value)
        });
        writer.option_string(self.source_path.as_deref());
        self.enrichment_state.encode(writer);
    }

    /// The encoded frame on its own.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = self.search_text.as_ref().map_or(0, String::len);
        let mut writer = Writer::with_capacity(256 + text);
        self.encode(&mut writer);
        writer.into_bytes()
    }

    /// Fails when a list is longer than readers accept; a writer asks before it encodes.
    pub fn check_limits(&self) -> Result<()> {
        let lists = [
            ("the list of tags", self.tags.len(), MAX_LIST),
            ("the list of labels", self.labels.len(), MAX_LIST),
            (
                "the list of content dates",
                self.content_dates.len(),
                MAX_LIST,
            ),
            (
                "the map of extra metadata",
                self.extra_metadata.len(),
                MAX_EXTRA,
            ),
        ];
        for (what, length, limit) in lists {
            if length as u64 > limit {
                return Err(Error::TooManyEntries {
                    what,
                    count: length as u64,
                    limit,
                });
            }
        }
        Ok(())
    }
}

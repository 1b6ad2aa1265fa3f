//! The table of contents: head (version, private segments), the list of frames, tail (indexes, tracks, catalog, …).
//!
//! There is no version field that tells the forms apart. Older writers left fields of the tail out, so a tail is tried in
//! the three known forms; the one that uses all bytes counts. Writing always gives the current form.

mod catalog;
mod manifests;
mod wire;

pub use catalog::{
    CatalogEntry, IndexSegment, LexCatalogSegment, SegmentCatalog, SegmentKind, SegmentSpan,
    SegmentStats, TantivySegment, TemporalSegment, TimeSegment, VecSegment,
};
pub use manifests::{
    ClipIndexManifest, EnrichmentQueue, EnrichmentTask, IndexManifests, LexIndexManifest,
    LexSegment, LogicMeshManifest, MemoriesTrackManifest, MemoryBinding, MemoryId, ReplayManifest,
    SegmentCompression, SegmentMeta, SketchTrackManifest, TemporalTrackManifest, TicketRef,
    TimeIndexManifest, VecIndexManifest, VectorCompression,
};

use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::view::FrameView;

/// Most private segments.
pub const MAX_SEGMENTS: u64 = 1_000_000;
/// Most frames.
pub const MAX_FRAMES: u64 = 10_000_000;
/// Highest `toc_version` that is read.
pub const MAX_TOC_VERSION: u64 = 32;
/// Longest table of contents, in bytes, that the reference implementation opens. This crate has no such limit.
pub const REFERENCE_MAX_TOC: u64 = 512 << 20;
/// Longest index, in bytes, that the reference implementation reads.
pub const REFERENCE_MAX_INDEX: u64 = 512 << 20;
/// Most frames that the reference implementation opens for writing.
pub const REFERENCE_MAX_FRAMES: u64 = 1_000_000;

/// What precedes the frames.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TocHead {
    /// 0 in all known files.
    pub toc_version: u64,
    /// Private sections. The id of the first must be 0: the reference takes those bytes for the frame count.
    pub segments: Vec<SegmentMeta>,
}

/// What follows the frames, without the checksum at the very end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TocTail {
    /// Text, vector and picture indexes.
    pub indexes: IndexManifests,
    /// Active documents by time.
    pub time_index: Option<TimeIndexManifest>,
    /// Mentions of time.
    pub temporal_track: Option<TemporalTrackManifest>,
    /// Memory cards.
    pub memories_track: Option<MemoriesTrackManifest>,
    /// Entities and relations.
    pub logic_mesh: Option<LogicMeshManifest>,
    /// Small fingerprints of texts.
    pub sketch_track: Option<SketchTrackManifest>,
    /// Catalog of index segments.
    pub segment_catalog: SegmentCatalog,
    /// Capacity.
    pub ticket_ref: TicketRef,
    /// Binding to a named memory.
    pub memory_binding: Option<MemoryBinding>,
    /// Recorded sessions.
    pub replay_manifest: Option<ReplayManifest>,
    /// Background work.
    pub enrichment_queue: EnrichmentQueue,
    /// Always zero.
    pub merkle_root: [u8; 32],
}

/// Which form the tail has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TocVariant {
    /// All fields.
    #[default]
    Current,
    /// Without sketch track, replay manifest and enrichment queue.
    V2,
    /// Like V2, also without memories track and logic mesh.
    V1,
}

/// A whole table of contents.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedToc {
    /// What precedes the frames.
    pub head: TocHead,
    /// The frames; `frames[i].id` is `i`.
    pub frames: Vec<Frame>,
    /// Offset of each frame inside the table of contents.
    pub frame_offsets: Vec<u64>,
    /// Offset behind the last frame.
    pub frames_end: u64,
    /// What follows the frames.
    pub tail: TocTail,
    /// Form it was stored in.
    pub variant: TocVariant,
    /// Its last 32 bytes.
    pub toc_checksum: [u8; 32],
}

impl DecodedToc {
    /// The first byte of the file that is known to hold content: payloads, sections and indexes. Without the tracks of which
    /// the reference leaves the places as they were when it moves everything, until its next commit.
    #[must_use]
    pub fn first_byte(&self) -> Option<u64> {
        let frames = self.frames.iter();
        let payloads = frames.map(|frame| (frame.payload_offset, frame.payload_length));
        let segments = self.head.segments.iter();
        let sections = segments.map(|segment| (segment.bytes_offset, segment.bytes_length));
        let indexes = &self.tail.indexes;
        let parts = indexes.lex_segments.iter();
        let others = [
            indexes
                .lex
                .as_ref()
                .map(|index| (index.bytes_offset, index.bytes_length)),
            indexes
                .vec
                .as_ref()
                .map(|index| (index.bytes_offset, index.bytes_length)),
            self.tail
                .time_index
                .as_ref()
                .map(|index| (index.bytes_offset, index.bytes_length)),
        ];
        payloads
            .chain(sections)
            .chain(parts.map(|part| (part.bytes_offset, part.bytes_length)))
            .chain(others.into_iter().flatten())
            .filter(|(_, length)| *length > 0)
            .map(|(offset, _)| offset)
            .min()
    }
}

/// BLAKE3 of the stored bytes with the last 32 taken as zero.
///
/// Fails when there are fewer than 32 bytes.
pub fn checksum(bytes: &[u8]) -> Result<[u8; 32]> {
    let (content, _) = split_checksum(bytes)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(content);
    hasher.update(&[0; 32]);
    Ok(*hasher.finalize().as_bytes())
}

fn split_checksum(bytes: &[u8]) -> Result<(&[u8], [u8; 32])> {
    bytes
        .split_last_chunk::<32>()
        .map(|(content, checksum)| (content, *checksum))
        .ok_or_else(|| {
            Error::corrupt(
                "toc",
                0u64,
                format!("{} bytes are no table of contents", bytes.len()),
            )
        })
}

/// The checksum stored in the last 32 bytes.
pub fn stored_checksum(bytes: &[u8]) -> Result<[u8; 32]> {
    Ok(split_checksum(bytes)?.1)
}

/// Fails when the checksum at the end is not that of the bytes before it.
pub fn verify_checksum(bytes: &[u8]) -> Result<[u8; 32]> {
    let (content, stored) = split_checksum(bytes)?;
    if checksum(bytes)? == stored {
        Ok(stored)
    } else {
        Err(Error::corrupt(
            "toc",
            content.len(),
            "the checksum does not match the bytes before it",
        ))
    }
}

/// Decodes a table of contents in any form and verifies its checksum.
///
/// Offsets in errors count from the start of `bytes`.
pub fn decode(bytes: &[u8]) -> Result<DecodedToc> {
    // First, so that damage is called damage and not an unlikely count somewhere behind it.
    let toc_checksum = verify_checksum(bytes)?;
    decode_unverified(bytes, toc_checksum)
}

/// Like [`decode`] for bytes that were compared with the hash in their footer, as [`crate::recover::locate`] does: the
/// checksum at the end is inside that hash and need not be computed again.
pub fn decode_hashed(bytes: &[u8]) -> Result<DecodedToc> {
    decode_unverified(bytes, stored_checksum(bytes)?)
}

fn decode_unverified(bytes: &[u8], toc_checksum: [u8; 32]) -> Result<DecodedToc> {
    let (head, frame_count, frames_start) = decode_head(bytes)?;
    let mut reader = Reader::new(bytes);
    reader.take(usize::try_from(frames_start).unwrap_or(usize::MAX))?;
    let count = usize::try_from(frame_count).unwrap_or(usize::MAX);
    // At least 64 encoded bytes stand behind each frame: `decode_head` made sure.
    let mut frames = Vec::with_capacity(count.min(1 << 16));
    let mut frame_offsets = Vec::with_capacity(count.min(1 << 20));
    for position in 0..frame_count {
        let at = reader.position();
        let frame = Frame::decode(&mut reader)?;
        if frame.id != position {
            return Err(Error::corrupt(
                "toc",
                at,
                format!("frame {position} calls itself {}", frame.id),
            ));
        }
        frame_offsets.push(at as u64);
        frames.push(frame);
    }
    let frames_end = reader.position();
    let rest = bytes.get(frames_end..).unwrap_or_default();
    let (tail, variant) = decode_tail_variant(rest).map_err(|error| error.at(frames_end as u64))?;
    Ok(DecodedToc {
        head,
        frames,
        frame_offsets,
        frames_end: frames_end as u64,
        tail,
        variant,
        toc_checksum,
    })
}

/// Why bytes do not decode, whatever their checksum; `None` when they do.
pub(crate) fn decode_unverified_error(bytes: &[u8]) -> Option<Error> {
    decode_unverified(bytes, [0; 32]).err()
}

/// Decodes what precedes the frames. Also gives the number of frames and the offset of the first.
///
/// Nothing is verified beyond bounds: enough for a reader that knows the frame offsets from elsewhere.
pub fn decode_head(bytes: &[u8]) -> Result<(TocHead, u64, u64)> {
    read_head(&mut Reader::new(bytes))
}

fn read_head(reader: &mut Reader<'_>) -> Result<(TocHead, u64, u64)> {
    let length = reader.remaining();
    let head = TocHead::decode(reader)?;
    let at = reader.position();
    let frame_count = reader.count("frames", MAX_FRAMES, 64)? as u64;
    let needed = 32 * head.segments.len() as u64 + 64 * frame_count;
    if needed > length as u64 {
        return Err(Error::corrupt(
            "toc",
            at,
            format!(
                "{} segments and {frame_count} frames in {length} bytes",
                head.segments.len(),
            ),
        ));
    }
    Ok((head, frame_count, reader.position() as u64))
}

/// Decodes what follows the frames, including the checksum at the end, in any form. The checksum is not verified.
pub fn decode_tail(bytes: &[u8]) -> Result<TocTail> {
    decode_tail_variant(bytes).map(|(tail, _)| tail)
}

/// Like [`decode_tail`], also tells the form.
pub fn decode_tail_variant(bytes: &[u8]) -> Result<(TocTail, TocVariant)> {
    let current = match TocTail::decode(&mut Reader::new(bytes), TocVariant::Current, true) {
        Ok(tail) => return Ok((tail, TocVariant::Current)),
        Err(error) => error,
    };
    for variant in [TocVariant::V2, TocVariant::V1] {
        if let Ok(tail) = TocTail::decode(&mut Reader::new(bytes), variant, true) {
            return Ok((tail, variant));
        }
    }
    Err(current)
}

/// Whether `bytes` are what follows the frames, in any form, and how many were read to tell: what looks for one in bytes of
/// any kind can say when it has looked for long enough.
#[must_use]
pub fn is_tail(bytes: &[u8]) -> (bool, usize) {
    let mut read = 0;
    let is_it = [TocVariant::Current, TocVariant::V2, TocVariant::V1]
        .into_iter()
        .any(|variant| {
            let mut reader = Reader::new(bytes);
            let is_it = TocTail::decode(&mut reader, variant, true).is_ok();
            read += reader.position();
            is_it
        });
    (is_it, read)
}

/// Measures the current-form table of contents at the start of `bytes`, whatever follows it. Nothing is verified.
pub fn measure(bytes: &[u8]) -> Result<u64> {
    measure_counting(bytes).0
}

/// [`measure`], and how many bytes were read to tell.
pub(crate) fn measure_counting(bytes: &[u8]) -> (Result<u64>, usize) {
    let mut reader = Reader::new(bytes);
    let mut measured = || {
        let (_, frame_count, _) = read_head(&mut reader)?;
        for _ in 0..frame_count {
            FrameView::read(&mut reader)?;
        }
        TocTail::decode(&mut reader, TocVariant::Current, false)?;
        Ok(reader.position() as u64)
    };
    let measured = measured();
    (measured, reader.position())
}

/// Goes over the frames of a table of contents without allocating.
///
/// `frame_count` and `frames_start` are those of [`decode_head`]. Each item is the offset of the frame inside the table of
/// contents and the frame; after an error nothing follows.
pub fn frame_views(
    bytes: &[u8],
    frame_count: u64,
    frames_start: u64,
) -> impl Iterator<Item = Result<(u64, FrameView<'_>)>> {
    let mut reader = Reader::new(bytes);
    let mut start = Some(
        reader
            .take(usize::try_from(frames_start).unwrap_or(usize::MAX))
            .map(|_| ()),
    );
    let mut left = frame_count;
    std::iter::from_fn(move || {
        if let Some(Err(error)) = start.take() {
            left = 0;
            return Some(Err(error));
        }
        left = left.checked_sub(1)?;
        let at = reader.position() as u64;
        let item = FrameView::read(&mut reader).map(|view| (at, view));
        if item.is_err() {
            left = 0;
        }
        Some(item)
    })
}

/// Encodes a table of contents in the current form and computes its checksum.
///
/// The pieces of `frames_bytes` are the encoded frames back to back, for example a range copied from an older table and
/// the frames added since; together they must hold `frame_count` frames.
#[must_use]
pub fn encode(head: &TocHead, frame_count: u64, frames_bytes: &[&[u8]], tail: &TocTail) -> Vec<u8> {
    let length: usize = frames_bytes.iter().map(|piece| piece.len()).sum();
    let mut out = Vec::with_capacity(length + 1024 + 64 * head.segments.len());
    let written: std::result::Result<Written, std::convert::Infallible> = write(
        head,
        frame_count,
        |sink| frames_bytes.iter().try_for_each(|piece| sink(piece)),
        tail,
        |bytes| {
            out.extend_from_slice(bytes);
            Ok(())
        },
    );
    match written {
        Ok(_) => out,
        Err(never) => match never {},
    }
}

/// Takes bytes that follow each other.
pub type PieceSink<'a, E> = dyn FnMut(&[u8]) -> std::result::Result<(), E> + 'a;

/// What the footer and the header tell of a table of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its length in bytes.
    pub length: u64,
    /// BLAKE3 of all of it.
    pub hash: [u8; 32],
    /// Its last 32 bytes: BLAKE3 of all of it with zeros in their place.
    pub checksum: [u8; 32],
}

impl Written {
    /// What is told of a table of contents in memory.
    #[must_use]
    pub fn of(toc: &[u8]) -> Self {
        Self {
            length: toc.len() as u64,
            hash: crate::hash(toc),
            checksum: toc.last_chunk::<32>().copied().unwrap_or_default(),
        }
    }
}

/// Length of what [`write`] gives, in bytes; `frames_length` is that of the encoded frames.
#[must_use]
pub fn length(head: &TocHead, frames_length: u64, tail: &TocTail) -> u64 {
    let mut writer = Writer::new();
    tail.encode(&mut writer);
    let head_length = 24 + SegmentMeta::ENCODED_SIZE * head.segments.len();
    (head_length + writer.len() + 32) as u64 + frames_length
}

/// What stands around the frames, one behind the other: the head, with zeros for the checksum of its first section, which is
/// where a copy of this is kept, and the tail with zeros for the checksum at its end.
#[must_use]
pub fn surroundings(head: &TocHead, tail: &TocTail) -> Vec<u8> {
    let mut writer = Writer::with_capacity(1024 + SegmentMeta::ENCODED_SIZE * head.segments.len());
    writer.u64(head.toc_version);
    let mut is_first = true;
    writer.list(&head.segments, |writer, segment| {
        let blank = SegmentMeta {
            primary_checksum: [0; 32],
            ..segment.clone()
        };
        let segment = if is_first { &blank } else { segment };
        segment.encode(writer);
        is_first = false;
    });
    tail.encode(&mut writer);
    writer.raw(&[0; 32]);
    writer.into_bytes()
}

/// Bytes of [`surroundings`].
#[must_use]
pub fn surroundings_length(head: &TocHead, tail: &TocTail) -> u64 {
    // All but the number of frames.
    length(head, 0, tail) - 8
}

/// Head and tail of [`surroundings`].
pub fn decode_surroundings(bytes: &[u8]) -> Result<(TocHead, TocTail)> {
    let mut reader = Reader::new(bytes);
    let head = TocHead::decode(&mut reader)?;
    let tail = TocTail::decode(&mut reader, TocVariant::Current, true)?;
    Ok((head, tail))
}

/// [`encode`] piece by piece, for tables too large to be held: `sink` gets the bytes in order. `frames` hands the encoded
/// frames to what it is called with, in pieces of any size.
pub fn write<E>(
    head: &TocHead,
    frame_count: u64,
    frames: impl FnOnce(&mut PieceSink<'_, E>) -> std::result::Result<(), E>,
    tail: &TocTail,
    mut sink: impl FnMut(&[u8]) -> std::result::Result<(), E>,
) -> std::result::Result<Written, E> {
    let mut hasher = blake3::Hasher::new();
    let mut length = 0;
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
        length += bytes.len() as u64;
        sink(bytes)
    };
    let mut writer = Writer::with_capacity(1024 + 64 * head.segments.len());
    writer.u64(head.toc_version);
    writer.list(&head.segments, |writer, segment| segment.encode(writer));
    writer.u64(frame_count);
    put(writer.as_slice())?;
    frames(&mut put)?;
    let mut writer = Writer::with_capacity(1024);
    tail.encode(&mut writer);
    put(writer.as_slice())?;
    let mut with_zeros = hasher.clone();
    let checksum = *with_zeros.update(&[0; 32]).finalize().as_bytes();
    hasher.update(&checksum);
    sink(&checksum)?;
    Ok(Written {
        length: length + 32,
        hash: *hasher.finalize().as_bytes(),
        checksum,
    })
}

impl TocHead {
    fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let toc_version = reader.u64()?;
        if toc_version > MAX_TOC_VERSION {
            return Err(Error::corrupt(
                "toc",
                0u64,
                format!("version {toc_version}, at most {MAX_TOC_VERSION} is known"),
            ));
        }
        let segments = reader.list(
            "segments",
            MAX_SEGMENTS,
            SegmentMeta::ENCODED_SIZE,
            SegmentMeta::decode,
        )?;
        Ok(Self {
            toc_version,
            segments,
        })
    }
}

impl TocTail {
    fn decode(reader: &mut Reader<'_>, variant: TocVariant, to_the_end: bool) -> Result<Self> {
        let current = variant == TocVariant::Current;
        let tracks = variant != TocVariant::V1;
        let mut tail = Self {
            indexes: IndexManifests::decode(reader)?,
            time_index: reader.option(TimeIndexManifest::decode)?,
            temporal_track: reader.option(TemporalTrackManifest::decode)?,
            ..Self::default()
        };
        if tracks {
            tail.memories_track = reader.option(MemoriesTrackManifest::decode)?;
            tail.logic_mesh = reader.option(LogicMeshManifest::decode)?;
        }
        if current {
            tail.sketch_track = reader.option(SketchTrackManifest::decode)?;
        }
        tail.segment_catalog = SegmentCatalog::decode(reader)?;
        tail.ticket_ref = TicketRef::decode(reader)?;
        tail.memory_binding = reader.option(MemoryBinding::decode)?;
        if current {
            tail.replay_manifest = reader.option(ReplayManifest::decode)?;
            tail.enrichment_queue = EnrichmentQueue::decode(reader)?;
        }
        tail.merkle_root = reader.array()?;
        reader.take(32)?; // the checksum
        if to_the_end {
            reader.finish()?;
        }
        Ok(tail)
    }

    fn encode(&self, writer: &mut Writer) {
        self.indexes.encode(writer);
        writer.option(self.time_index.as_ref(), |writer, value| {
            value.encode(writer)
        });
        writer.option(self.temporal_track.as_ref(), |writer, value| {
            value.encode(writer)
        });
        writer.option(self.memories_track.as_ref(), |writer, value| {
            value.encode(writer)
        });
        writer.option(self.logic_mesh.as_ref(), |writer, value| {
            value.encode(writer)
        });
        writer.option(self.sketch_track.as_ref(), |writer, value| {
            value.encode(writer)
        });
        self.segment_catalog.encode(writer);
        self.ticket_ref.encode(writer);
        writer.option(self.memory_binding.as_ref(), |writer, value| {
            value.encode(writer)
        });
        writer.option(self.replay_manifest.as_ref(), |writer, value| {
            value.encode(writer)
        });
        self.enrichment_queue.encode(writer);
        writer.raw(&self.merkle_root);
    }
}

//! Frames as they lie in the file, for scans that must not allocate.

use crate::codec::Reader;
use crate::error::{Error, Result};
use crate::frame::{
    AnchorSource, CanonicalEncoding, DocMetadata, EnrichmentState, Frame, FrameRole, FrameStatus,
    MAX_EXTRA, MAX_LIST,
};

/// A list of texts, checked when it was parsed and read when it is iterated.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextList<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> TextList<'a> {
    fn read(reader: &mut Reader<'a>, what: &'static str, limit: u64) -> Result<Self> {
        let count = reader.count(what, limit, 8)?;
        let start = reader.position();
        for _ in 0..count {
            reader.str()?;
        }
        Ok(Self {
            bytes: reader.between(start, reader.position()),
            count,
        })
    }

    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// True without any text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The texts in order, copied.
    #[must_use]
    pub fn to_strings(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }

    /// The texts in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        (0..self.count).map_while(move |_| reader.str().ok())
    }
}

/// A map of texts, checked when it was parsed and read when it is iterated.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextMap<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> TextMap<'a> {
    fn read(reader: &mut Reader<'a>, what: &'static str, limit: u64) -> Result<Self> {
        let count = reader.count(what, limit, 16)?;
        let start = reader.position();
        for _ in 0..count {
            reader.str()?;
            reader.str()?;
        }
        Ok(Self {
            bytes: reader.between(start, reader.position()),
            count,
        })
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// True without any entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Keys and values in file order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        (0..self.count).map_while(move |_| Some((reader.str().ok()?, reader.str().ok()?)))
    }

    /// Value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.iter()
            .find(|(found, _)| *found == key)
            .map(|(_, value)| value)
    }
}

/// A frame that borrows from the table of contents. Fields are those of [`Frame`].
///
/// Parsing checks exactly what [`Frame::decode`] checks, but allocates nothing.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // documented at `Frame`
pub struct FrameView<'a> {
    pub id: u64,
    pub timestamp: i64,
    pub anchor_ts: Option<i64>,
    pub anchor_source: Option<AnchorSource>,
    pub kind: Option<&'a str>,
    pub track: Option<&'a str>,
    pub payload_offset: u64,
    pub payload_length: u64,
    pub checksum: [u8; 32],
    pub uri: Option<&'a str>,
    pub title: Option<&'a str>,
    pub canonical_encoding: CanonicalEncoding,
    pub canonical_length: Option<u64>,
    /// The encoded [`DocMetadata`], without the option tag.
    pub metadata_bytes: Option<&'a [u8]>,
    /// Mime type out of the metadata.
    pub mime: Option<&'a str>,
    pub search_text: Option<&'a str>,
    pub tags: TextList<'a>,
    pub labels: TextList<'a>,
    pub extra_metadata: TextMap<'a>,
    pub content_dates: TextList<'a>,
    pub has_chunk_manifest: bool,
    pub role: FrameRole,
    pub parent_id: Option<u64>,
    pub chunk_index: Option<u32>,
    pub chunk_count: Option<u32>,
    pub status: FrameStatus,
    pub supersedes: Option<u64>,
    pub superseded_by: Option<u64>,
    pub source_sha256: Option<[u8; 32]>,
    pub source_path: Option<&'a str>,
    pub enrichment_state: EnrichmentState,
    /// The encoded frame, exactly.
    pub encoded: &'a [u8],
}

impl<'a> FrameView<'a> {
    /// Parses the frame at the start of `bytes`; what follows it is ignored.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        Self::read(&mut Reader::named(bytes, "frame"))
    }

    /// Parses the frame at the position of the reader and moves behind it.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let start = reader.position();
        let id = reader.u64()?;
        let timestamp = reader.i64()?;
        let anchor_ts = reader.option(Reader::i64)?;
        let anchor_source = reader.option(AnchorSource::decode)?;
        let kind = reader.option(Reader::str)?;
        let track = reader.option(Reader::str)?;
        let payload_offset = reader.u64()?;
        let payload_length = reader.u64()?;
        let checksum = reader.array()?;
        let uri = reader.option(Reader::str)?;
        let title = reader.option(Reader::str)?;
        let canonical_encoding = CanonicalEncoding::decode_lenient(reader)?;
        let canonical_length = reader.option(Reader::u64)?;
        let metadata = reader.option(read_metadata)?;
        let search_text = reader.option(Reader::str)?;
        let tags = TextList::read(reader, "tags", MAX_LIST)?;
        let labels = TextList::read(reader, "labels", MAX_LIST)?;
        let extra_metadata = TextMap::read(reader, "metadata entries", MAX_EXTRA)?;
        let content_dates = TextList::read(reader, "content dates", MAX_LIST)?;
        let chunk_manifest = reader.option(|reader| {
            reader.u64()?;
            let count = reader.count("chunks", u64::MAX, 16)?;
            reader.take(count * 16)
        })?;
        Ok(Self {
            id,
            timestamp,
            anchor_ts,
            anchor_source,
            kind,
            track,
            payload_offset,
            payload_length,
            checksum,
            uri,
            title,
            canonical_encoding,
            canonical_length,
            metadata_bytes: metadata.map(|(bytes, _)| bytes),
            mime: metadata.and_then(|(_, mime)| mime),
            search_text,
            tags,
            labels,
            extra_metadata,
            content_dates,
            has_chunk_manifest: chunk_manifest.is_some(),
            role: FrameRole::decode(reader)?,
            parent_id: reader.option(Reader::u64)?,
            chunk_index: reader.option(Reader::u32)?,
            chunk_count: reader.option(Reader::u32)?,
            status: FrameStatus::decode(reader)?,
            supersedes: reader.option(Reader::u64)?,
            superseded_by: reader.option(Reader::u64)?,
            source_sha256: reader.option(Reader::array)?,
            source_path: reader.option(Reader::str)?,
            enrichment_state: EnrichmentState::decode(reader)?,
            encoded: reader.between(start, reader.position()),
        })
    }

    /// The whole frame as an owned value.
    pub fn to_frame(&self) -> Result<Frame> {
        Frame::decode(&mut Reader::named(self.encoded, "frame"))
    }

    /// The metadata as an owned value.
    pub fn metadata(&self) -> Result<Option<DocMetadata>> {
        self.metadata_bytes
            .map(|bytes| DocMetadata::decode(&mut Reader::named(bytes, "frame")))
            .transpose()
    }

    /// The stored bytes of the payload inside the whole file.
    pub fn payload<'file>(&self, file: &'file [u8]) -> Result<&'file [u8]> {
        payload_range(file, self.id, self.payload_offset, self.payload_length)
    }
}

/// Where the payload of a frame stands, read without the rest of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadPlace {
    /// Offset in the file.
    pub offset: u64,
    /// Stored bytes.
    pub length: u64,
    /// Where `offset` stands in the encoded frame.
    at: usize,
}

impl PayloadPlace {
    /// Reads it from an encoded frame.
    pub fn of(encoded: &[u8]) -> Result<Self> {
        let mut reader = Reader::named(encoded, "frame");
        reader.take(16)?; // id and timestamp
        reader.option(Reader::i64)?;
        reader.option(AnchorSource::decode)?;
        reader.option(Reader::str)?;
        reader.option(Reader::str)?;
        let at = reader.position();
        Ok(Self {
            offset: reader.u64()?,
            length: reader.u64()?,
            at,
        })
    }

    /// Writes another offset into the encoded frame that this was read from; the frame keeps its length.
    pub fn set_offset(self, encoded: &mut [u8], offset: u64) {
        if let Some(slot) = encoded.get_mut(self.at..self.at + 8) {
            slot.copy_from_slice(&offset.to_le_bytes());
        }
    }
}

pub(crate) fn payload_range(file: &[u8], id: u64, offset: u64, length: u64) -> Result<&[u8]> {
    let start = usize::try_from(offset).ok();
    let end = offset
        .checked_add(length)
        .and_then(|end| usize::try_from(end).ok());
    if length == 0 {
        return Ok(&[]);
    }
    start
        .zip(end)
        .and_then(|(start, end)| file.get(start..end))
        .ok_or_else(|| {
            Error::corrupt(
                "payload",
                offset,
                format!(
                    "frame {id} has {length} bytes there, the file ends at {}",
                    file.len()
                ),
            )
        })
}

/// Skips an encoded [`DocMetadata`]; gives its bytes and the mime type.
fn read_metadata<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], Option<&'a str>)> {
    let start = reader.position();
    let mime = reader.option(Reader::str)?;
    reader.option(Reader::u64)?;
    reader.option(Reader::str)?;
    reader.option(Reader::u32)?;
    reader.option(Reader::u32)?;
    reader.option(|reader| TextList::read(reader, "colors", u64::MAX))?;
    reader.option(Reader::str)?;
    // Cameras, sound and films are rare: the owned decoders check them.
    let rare = reader.clone();
    if reader.remaining() >= 3 && reader.array()? == [0, 0, 0] {
        return Ok((reader.between(start, reader.position()), mime));
    }
    *reader = rare;
    crate::metadata::skip_rare(reader)?;
    Ok((reader.between(start, reader.position()), mime))
}

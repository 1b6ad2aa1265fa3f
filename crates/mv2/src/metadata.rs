//! What a document says about itself: mime type, size, picture, sound.
//!
//! The order of the fields is the order in the file and in the JSON line that the reference appends to texts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::codec::{Reader, Writer};
use crate::error::Result;

/// Description of the source of a frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[allow(missing_docs)] // the names say it
pub struct DocMetadata {
    pub mime: Option<String>,
    /// Size of the source in bytes.
    pub bytes: Option<u64>,
    /// Lower-case hexadecimal BLAKE3 of the source.
    pub hash: Option<String>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    pub colors: Option<Vec<String>>,
    pub caption: Option<String>,
    pub exif: Option<Exif>,
    pub audio: Option<Audio>,
    pub media: Option<Media>,
}

/// What a camera recorded.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[allow(missing_docs)]
pub struct Exif {
    pub make: Option<String>,
    pub model: Option<String>,
    pub lens: Option<String>,
    pub datetime: Option<String>,
    pub gps: Option<Gps>,
}

/// A place in degrees.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[allow(missing_docs)]
pub struct Gps {
    pub latitude: f64,
    pub longitude: f64,
}

/// A sound recording.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[allow(missing_docs)]
pub struct Audio {
    pub duration_secs: Option<f32>,
    pub sample_rate_hz: Option<u32>,
    pub channels: Option<u8>,
    pub bitrate_kbps: Option<u32>,
    pub codec: Option<String>,
    pub segments: Vec<AudioSegment>,
    pub tags: BTreeMap<String, String>,
}

/// A part of a recording.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[allow(missing_docs)]
pub struct AudioSegment {
    pub start_seconds: f32,
    pub end_seconds: f32,
    pub label: Option<String>,
}

/// A picture, sound or film file.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[allow(missing_docs)]
pub struct Media {
    pub kind: String,
    pub mime: String,
    /// Size in bytes.
    pub bytes: u64,
    pub filename: Option<String>,
    pub duration_ms: Option<u64>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub codec: Option<String>,
}

impl DocMetadata {
    /// Reads the fields in file order.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            mime: reader.option(Reader::string)?,
            bytes: reader.option(Reader::u64)?,
            hash: reader.option(Reader::string)?,
            width: reader.option(Reader::u32)?,
            height: reader.option(Reader::u32)?,
            colors: reader.option(|reader| reader.strings("colors", u64::MAX))?,
            caption: reader.option(Reader::string)?,
            exif: reader.option(Exif::decode)?,
            audio: reader.option(Audio::decode)?,
            media: reader.option(Media::decode)?,
        })
    }

    /// Writes the fields in file order.
    pub fn encode(&self, writer: &mut Writer) {
        writer.option_string(self.mime.as_deref());
        writer.option_u64(self.bytes);
        writer.option_string(self.hash.as_deref());
        writer.option_u32(self.width);
        writer.option_u32(self.height);
        writer.option(self.colors.as_deref(), Writer::strings);
        writer.option_string(self.caption.as_deref());
        writer.option(self.exif.as_ref(), |writer, exif| exif.encode(writer));
        writer.option(self.audio.as_ref(), |writer, audio| audio.encode(writer));
        writer.option(self.media.as_ref(), |writer, media| media.encode(writer));
    }
}

impl Exif {
    fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            make: reader.option(Reader::string)?,
            model: reader.option(Reader::string)?,
            lens: reader.option(Reader::string)?,
            datetime: reader.option(Reader::string)?,
            gps: reader.option(|reader| {
                Ok(Gps {
                    latitude: reader.f64()?,
                    longitude: reader.f64()?,
                })
            })?,
        })
    }

    fn encode(&self, writer: &mut Writer) {
        writer.option_string(self.make.as_deref());
        writer.option_string(self.model.as_deref());
        writer.option_string(self.lens.as_deref());
        writer.option_string(self.datetime.as_deref());
        writer.option(self.gps.as_ref(), |writer, gps| {
            writer.f64(gps.latitude);
            writer.f64(gps.longitude);
        });
    }
}

impl Audio {
    fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            duration_secs: reader.option(Reader::f32)?,
            sample_rate_hz: reader.option(Reader::u32)?,
            channels: reader.option(Reader::u8)?,
            bitrate_kbps: reader.option(Reader::u32)?,
            codec: reader.option(Reader::string)?,
            segments: reader.list("audio segments", u64::MAX, 9, |reader| {
                Ok(AudioSegment {
                    start_seconds: reader.f32()?,
                    end_seconds: reader.f32()?,
                    label: reader.option(Reader::string)?,
                })
            })?,
            tags: reader.string_map("audio tags", u64::MAX)?,
        })
    }

    fn encode(&self, writer: &mut Writer) {
        writer.option(self.duration_secs.as_ref(), |writer, value| {
            writer.f32(*value)
        });
        writer.option_u32(self.sample_rate_hz);
        writer.option(self.channels.as_ref(), |writer, value| writer.u8(*value));
        writer.option_u32(self.bitrate_kbps);
        writer.option_string(self.codec.as_deref());
        writer.list(&self.segments, |writer, segment| {
            writer.f32(segment.start_seconds);
            writer.f32(segment.end_seconds);
            writer.option_string(segment.label.as_deref());
        });
        writer.string_map(&self.tags);
    }
}

impl Media {
    fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            kind: reader.string()?,
            mime: reader.string()?,
            bytes: reader.u64()?,
            filename: reader.option(Reader::string)?,
            duration_ms: reader.option(Reader::u64)?,
            width: reader.option(Reader::u32)?,
            height: reader.option(Reader::u32)?,
            codec: reader.option(Reader::string)?,
        })
    }

    fn encode(&self, writer: &mut Writer) {
        writer.string(&self.kind);
        writer.string(&self.mime);
        writer.u64(self.bytes);
        writer.option_string(self.filename.as_deref());
        writer.option_u64(self.duration_ms);
        writer.option_u32(self.width);
        writer.option_u32(self.height);
        writer.option_string(self.codec.as_deref());
    }
}

/// Reads past the last three fields.
pub(crate) fn skip_rare(reader: &mut Reader<'_>) -> Result<()> {
    reader.option(Exif::decode)?;
    reader.option(Audio::decode)?;
    reader.option(Media::decode)?;
    Ok(())
}

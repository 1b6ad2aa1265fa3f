//! The primitives of the format: fixed-width little-endian values, as bincode 2 writes them.
//!
//! | value | bytes |
//! |---|---|
//! | integer, float | fixed width, little-endian |
//! | boolean | 1 byte, 0 or 1 |
//! | option | 1 byte 0 or 1, then the value |
//! | enumeration | u32 index |
//! | string, bytes, list | u64 count, then the content |
//! | map | u64 count, then key and value pairs, keys ascending |
//! | hash, structure | fields back to back |

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Reads values from a slice; never past its end, never more memory than the slice accounts for.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    section: &'static str,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte. Errors name the section `toc`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::named(bytes, "toc")
    }

    /// Starts at the first byte. Errors name the given section.
    #[must_use]
    pub fn named(bytes: &'a [u8], section: &'static str) -> Self {
        Self {
            bytes,
            position: 0,
            section,
        }
    }

    /// Number of bytes read so far.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Number of bytes left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The bytes between two positions already read; empty when the order is wrong.
    #[must_use]
    pub fn between(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// An error at the current position.
    #[must_use]
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::corrupt(self.section, self.position, message)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        match rest.get(..count) {
            Some(taken) => {
                self.position += count;
                Ok(taken)
            }
            None => Err(self.error(format!("{count} bytes expected, {} left", rest.len()))),
        }
    }

    /// A fixed number of bytes, such as a hash.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Eight bytes, signed.
    pub fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// Four bytes, floating point.
    pub fn f32(&mut self) -> Result<f32> {
        Ok(f32::from_le_bytes(self.array()?))
    }

    /// Eight bytes, floating point.
    pub fn f64(&mut self) -> Result<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A byte that is 0 or 1.
    pub fn boolean(&mut self) -> Result<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => {
                self.position -= 1;
                Err(self.error(format!("0 or 1 expected, found {other}")))
            }
        }
    }

    /// An optional value.
    pub fn option<T>(&mut self, value: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        if self.boolean()? {
            Ok(Some(value(self)?))
        } else {
            Ok(None)
        }
    }

    /// A count of elements of at least `smallest` bytes each, checked against `limit` and against the bytes left.
    pub fn count(&mut self, what: &'static str, limit: u64, smallest: usize) -> Result<usize> {
        let at = self.position;
        let count = self.u64()?;
        let possible = self.remaining() / smallest.max(1);
        if count > limit {
            return Err(Error::corrupt(
                self.section,
                at,
                format!("{count} {what}, at most {limit} are allowed"),
            ));
        }
        match usize::try_from(count) {
            Ok(count) if count <= possible => Ok(count),
            _ => Err(Error::corrupt(
                self.section,
                at,
                format!("{count} {what} in {} bytes", self.remaining()),
            )),
        }
    }

    /// A list.
    pub fn list<T>(
        &mut self,
        what: &'static str,
        limit: u64,
        smallest: usize,
        mut element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.count(what, limit, smallest)?;
        // An element in memory may be larger than its smallest encoding, so a huge count reserves little at first.
        let mut out = Vec::with_capacity(count.min(4096));
        for _ in 0..count {
            out.push(element(self)?);
        }
        Ok(out)
    }

    /// Length-prefixed bytes.
    pub fn blob(&mut self) -> Result<&'a [u8]> {
        let count = self.count("bytes", u64::MAX, 1)?;
        self.take(count)
    }

    /// Length-prefixed UTF-8, borrowed.
    pub fn str(&mut self) -> Result<&'a str> {
        let at = self.position;
        let bytes = self.blob()?;
        std::str::from_utf8(bytes).map_err(|error| {
            Error::corrupt(self.section, at, format!("text is not UTF-8: {error}"))
        })
    }

    /// Length-prefixed UTF-8, owned.
    pub fn string(&mut self) -> Result<String> {
        Ok(self.str()?.to_owned())
    }

    /// A list of texts.
    pub fn strings(&mut self, what: &'static str, limit: u64) -> Result<Vec<String>> {
        self.list(what, limit, 8, Self::string)
    }

    /// A map of texts. Keys out of order are accepted; the last of equal keys stays.
    pub fn string_map(
        &mut self,
        what: &'static str,
        limit: u64,
    ) -> Result<BTreeMap<String, String>> {
        let count = self.count(what, limit, 16)?;
        let mut out = BTreeMap::new();
        for _ in 0..count {
            let key = self.string()?;
            out.insert(key, self.string()?);
        }
        Ok(out)
    }

    /// Fails when bytes are left.
    pub fn finish(&self) -> Result<()> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.error(format!("{left} bytes are left over"))),
        }
    }
}

/// Appends values to a buffer.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
        }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What was written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of bytes written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets what was written and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) {
        self.raw(&value.to_le_bytes());
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    /// Eight bytes, signed.
    pub fn i64(&mut self, value: i64) {
        self.raw(&value.to_le_bytes());
    }

    /// Four bytes, floating point.
    pub fn f32(&mut self, value: f32) {
        self.raw(&value.to_le_bytes());
    }

    /// Eight bytes, floating point.
    pub fn f64(&mut self, value: f64) {
        self.raw(&value.to_le_bytes());
    }

    /// 0 or 1.
    pub fn boolean(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// An optional value.
    pub fn option<T: ?Sized>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.boolean(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// A list.
    pub fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.u64(values.len() as u64);
        for value in values {
            write(self, value);
        }
    }

    /// Length-prefixed bytes.
    pub fn blob(&mut self, value: &[u8]) {
        self.u64(value.len() as u64);
        self.raw(value);
    }

    /// Length-prefixed UTF-8.
    pub fn string(&mut self, value: &str) {
        self.blob(value.as_bytes());
    }

    /// An optional text.
    pub fn option_string(&mut self, value: Option<&str>) {
        self.option(value, Self::string);
    }

    /// An optional u64.
    pub fn option_u64(&mut self, value: Option<u64>) {
        self.option(value.as_ref(), |writer, value| writer.u64(*value));
    }

    /// An optional u32.
    pub fn option_u32(&mut self, value: Option<u32>) {
        self.option(value.as_ref(), |writer, value| writer.u32(*value));
    }

    /// A list of texts.
    pub fn strings(&mut self, values: &[String]) {
        self.list(values, |writer, value| writer.string(value));
    }

    /// A map of texts, keys ascending.
    pub fn string_map(&mut self, values: &BTreeMap<String, String>) {
        self.u64(values.len() as u64);
        for (key, value) in values {
            self.string(key);
            self.string(value);
        }
    }
}

/// An enumeration that is stored as a u32 index in order of declaration.
macro_rules! coded_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$item_meta:meta])* $item:ident = $code:literal => $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[repr(u32)]
        pub enum $name { $($(#[$item_meta])* $item = $code),+ }

        impl $name {
            /// The stored index.
            #[must_use]
            pub const fn code(self) -> u32 {
                self as u32
            }

            /// The value of a stored index.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$item),)+
                    _ => None,
                }
            }

            /// Name in lower case with underscores.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$item => $text),+
                }
            }

            /// Reads the index; an unknown one is an error.
            pub fn decode(reader: &mut $crate::codec::Reader<'_>) -> $crate::error::Result<Self> {
                let code = reader.u32()?;
                Self::from_code(code).ok_or_else(|| {
                    reader.error(format!(concat!("unknown ", stringify!($name), " {}"), code))
                })
            }

            /// Writes the index.
            pub fn encode(self, writer: &mut $crate::codec::Writer) {
                writer.u32(self.code());
            }
        }
    };
}
pub(crate) use coded_enum;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_hostile_count_is_refused_before_memory_is_reserved() {
        let mut writer = Writer::new();
        writer.u64(u64::MAX);
        let bytes = writer.into_bytes();
        assert!(Reader::new(&bytes).blob().is_err());
        assert!(Reader::new(&bytes).strings("tags", u64::MAX).is_err());
        assert!(Reader::new(&bytes).string_map("entries", 10).is_err());
    }

    #[test]
    fn an_option_tag_other_than_zero_and_one_is_refused_with_its_offset() {
        let mut reader = Reader::named(&[0, 2], "frame");
        assert_eq!(reader.option(Reader::u8).unwrap(), None);
        let error = reader.option(Reader::u8).unwrap_err();
        assert_eq!(
            error.to_string(),
            "frame is damaged at byte 1: 0 or 1 expected, found 2"
        );
    }

    #[test]
    fn values_come_back_as_they_were_written() {
        let mut writer = Writer::new();
        writer.u8(1);
        writer.u16(2);
        writer.u32(3);
        writer.u64(4);
        writer.i64(-5);
        writer.f32(1.5);
        writer.f64(-2.5);
        writer.boolean(true);
        writer.option_string(Some("ä"));
        writer.option_u64(None);
        writer.strings(&["x".into(), String::new()]);
        let map = BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".into(), "1".into())]);
        writer.string_map(&map);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.u8().unwrap(), 1);
        assert_eq!(reader.u16().unwrap(), 2);
        assert_eq!(reader.u32().unwrap(), 3);
        assert_eq!(reader.u64().unwrap(), 4);
        assert_eq!(reader.i64().unwrap(), -5);
        assert_eq!(reader.f32().unwrap(), 1.5);
        assert_eq!(reader.f64().unwrap(), -2.5);
        assert!(reader.boolean().unwrap());
        assert_eq!(reader.option(Reader::string).unwrap().unwrap(), "ä");
        assert_eq!(reader.option(Reader::u64).unwrap(), None);
        assert_eq!(reader.strings("texts", 9).unwrap(), ["x", ""]);
        assert_eq!(reader.string_map("entries", 9).unwrap(), map);
        reader.finish().unwrap();
    }
}

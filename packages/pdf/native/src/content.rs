//! What a page draws, and what of it is lost. The library gives what it can unpack of a broken stream without a word; here
//! it is told.

use std::borrow::Cow;

use flate2::{Decompress, FlushDecompress, Status};
use hayro_syntax::object::dict::keys::{CONTENTS, F, FILTER};
use hayro_syntax::object::{Array, MaybeRef, Name, Null, Object, Stream};
use hayro_syntax::page::Page;

/// What is wrong with the content of a page, its forms included.
#[derive(Default)]
pub struct Faults {
    /// Streams that the page consists of, and how many of them are nowhere.
    parts: usize,
    missing: usize,
    /// Streams that cannot be unpacked at all.
    broken: usize,
    /// Whether one ended in the middle, of its bytes or of an instruction.
    pub cut: bool,
    /// Whether one does not have the sum that it was written with.
    changed: bool,
    /// Whether something that is to be drawn is nowhere.
    pub drawing: bool,
    /// Whether there is text whose font is nowhere.
    pub font: bool,
    pub instructions: usize,
    /// Instructions that nobody knows.
    pub unknown: usize,
}

impl Faults {
    /// All that is wrong in words; `None` when nothing is.
    pub fn words(&self) -> Option<String> {
        let mut words = Vec::new();
        if self.missing > 0 && self.missing == self.parts {
            words.push("its content is missing".to_owned());
        } else if self.missing > 0 {
            let (missing, parts) = (self.missing, self.parts);
            words.push(format!(
                "{missing} of the {parts} parts of its content are missing"
            ));
        }
        if self.broken > 0 {
            words.push("content of it cannot be unpacked".to_owned());
        }
        if self.cut {
            words.push("its content breaks off".to_owned());
        }
        if self.changed {
            words.push("its content does not have its checksum, and may be wrong".to_owned());
        }
        if self.drawing {
            words.push("something drawn on it is missing".to_owned());
        }
        if self.font {
            words.push("text without its font is left out".to_owned());
        }
        // One that nobody knows is a mistake of a program; many are noise.
        if self.unknown * 10 > self.instructions {
            let (unknown, all) = (self.unknown, self.instructions);
            words.push(format!(
                "{unknown} of its {all} instructions have no meaning"
            ));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}

/// The instructions of a page; empty where there are none.
pub fn page_content(page: &Page<'_>, faults: &mut Faults) -> Vec<u8> {
    let dict = page.raw();
    if let Some(stream) = dict.get::<Stream<'_>>(CONTENTS) {
        faults.parts = 1;
        return unpacked(&stream, faults).unwrap_or_default().into_owned();
    }
    let Some(parts) = dict.get::<Array<'_>>(CONTENTS) else {
        // A page may do without, and may say so.
        let is_blank = !dict.contains_key(CONTENTS)
            || matches!(dict.get_raw::<Null>(CONTENTS), Some(MaybeRef::NotRef(_)));
        faults.parts = 1;
        faults.missing = usize::from(!is_blank);
        return Vec::new();
    };
    let mut content = Vec::new();
    for part in parts.raw_iter() {
        faults.parts += 1;
        let stream = match part {
            MaybeRef::Ref(id) => page.xref().get::<Stream<'_>>(id.into()),
            MaybeRef::NotRef(object) => object.into_stream(),
        };
        match stream {
            Some(stream) => {
                content.extend_from_slice(&unpacked(&stream, faults).unwrap_or_default());
                // Parts end between two words, and a comment ends with its part.
                content.push(b'\n');
            }
            None => faults.missing += 1,
        }
    }
    content
}

/// The bytes of a stream of instructions; `None` where nothing can be unpacked.
pub fn unpacked<'a>(stream: &Stream<'a>, faults: &mut Faults) -> Option<Cow<'a, [u8]>> {
    let content = if has_unknown_filter(stream) {
        None
    } else {
        stream.decoded_data().ok()
    };
    match (&content, deflated(stream)) {
        (None, _) => faults.broken += 1,
        (Some(_), Some(packed)) => match state_of(&packed) {
            Packed::Whole => {}
            Packed::Cut => faults.cut = true,
            Packed::Changed => faults.changed = true,
        },
        (Some(_), None) => {}
    }
    content
}

/// The library passes over filters that it does not know, and gives bytes that are still packed.
fn has_unknown_filter(stream: &Stream<'_>) -> bool {
    stream.filters().len() < filters(stream).len()
}

fn filters<'a>(stream: &Stream<'a>) -> Vec<Name<'a>> {
    let filters = |key| match stream.dict().get(key) {
        Some(Object::Name(name)) => vec![name],
        Some(Object::Array(names)) => names.iter().collect(),
        _ => Vec::new(),
    };
    let short = filters(F);
    if short.is_empty() {
        filters(FILTER)
    } else {
        short
    }
}

/// The bytes that deflate made of the content, where that is how it is packed, alone or with ASCII around it.
fn deflated<'a>(stream: &Stream<'a>) -> Option<Cow<'a, [u8]>> {
    let names = filters(stream);
    let names: Vec<&[u8]> = names.iter().map(|name| &**name).collect();
    match names.as_slice() {
        [b"FlateDecode" | b"Fl"] => Some(stream.raw_data()),
        [b"ASCII85Decode" | b"A85", b"FlateDecode" | b"Fl"] => {
            Some(Cow::Owned(from_ascii85(&stream.raw_data())))
        }
        _ => None,
    }
}

enum Packed {
    Whole,
    Cut,
    Changed,
}

/// Whether deflated bytes go to their end, and have the sum that stands there. A sum that is left out is none that is wrong.
fn state_of(packed: &[u8]) -> Packed {
    const WINDOW: usize = 1 << 16;
    let body = match packed {
        [] => return Packed::Whole,
        [method, flags, body @ ..]
            if method & 0x0F == 8
                && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
                && flags & 0x20 == 0 =>
        {
            body
        }
        _ => packed,
    };
    let mut inflater = Decompress::new(false);
    let mut sum = adler2::Adler32::new();
    let mut window = vec![0; WINDOW];
    loop {
        let (read, made) = (inflater.total_in(), inflater.total_out());
        let rest = body.get(read as usize..).unwrap_or_default();
        let status = inflater.decompress(rest, &mut window, FlushDecompress::None);
        let new = (inflater.total_out() - made) as usize;
        sum.write_slice(&window[..new]);
        match status {
            Ok(Status::StreamEnd) => break,
            Ok(_) if new > 0 || inflater.total_in() > read => {}
            Ok(_) | Err(_) => return Packed::Cut,
        }
    }
    let trailer = body.get(inflater.total_in() as usize..).unwrap_or_default();
    match trailer.first_chunk::<4>() {
        Some(written)
            if body.len() < packed.len() && u32::from_be_bytes(*written) != sum.checksum() =>
        {
            Packed::Changed
        }
        _ => Packed::Whole,
    }
}

/// As the library reads it, which has checked it.
fn from_ascii85(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 5 * 4);
    let mut group = [84_u32; 5];
    let mut filled = 0;
    for byte in text {
        match byte {
            b'!'..=b'u' => {
                group[filled] = u32::from(byte - b'!');
                filled += 1;
            }
            b'z' if filled == 0 => bytes.extend_from_slice(&[0; 4]),
            b'~' => break,
            _ => {}
        }
        if filled == 5 {
            bytes.extend_from_slice(&whole(group));
            (group, filled) = ([84; 5], 0);
        }
    }
    if filled > 1 {
        bytes.extend_from_slice(&whole(group)[..filled - 1]);
    }
    bytes
}

fn whole(group: [u32; 5]) -> [u8; 4] {
    group
        .iter()
        .fold(0_u32, |value, digit| {
            value.wrapping_mul(85).wrapping_add(*digit)
        })
        .to_be_bytes()
}

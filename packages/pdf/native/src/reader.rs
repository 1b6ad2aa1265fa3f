//! A document from bytes to pages.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro_syntax::metadata::Metadata;
use hayro_syntax::object::DateTime;
use hayro_syntax::page::{Page, Rotation};
use hayro_syntax::{LoadPdfError, Pdf};
use serde::Serialize;

use crate::content::Faults;
use crate::geometry::{Area, Matrix};
use crate::interpreter::{Fonts, Interpreter};
use crate::text::text;
use crate::tree::{Numbering, numbering};
use crate::words::{Word, main_direction, words};

/// Why a document cannot be read; the word that callers get as `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NotPdf,
    Encrypted,
    Damaged,
}

impl Refused {
    /// The word for it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotPdf => "not_a_pdf",
            Self::Encrypted => "encrypted",
            Self::Damaged => "damaged",
        }
    }
}

/// What the file says about itself, and how much of it there is.
#[derive(Debug, Serialize)]
pub struct Summary {
    #[serde(rename = "pageCount")]
    pub page_count: usize,
    pub info: Info,
    pub warnings: Vec<String>,
}

/// The document information, decoded.
#[derive(Debug, Default, Serialize)]
pub struct Info {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keywords: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    producer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
}

/// A page as JavaScript gets it.
#[derive(Debug, Serialize)]
pub struct PageReport {
    pub number: usize,
    pub width: f64,
    pub height: f64,
    pub rotation: u32,
    pub text: String,
    pub images: usize,
    pub words: Vec<Word>,
    pub rulings: Vec<Ruling>,
    pub fills: Vec<Box4>,
}

/// A line along a side of the page.
#[derive(Debug, Serialize)]
pub struct Ruling {
    x0: f64,
    y0: f64,
    x1: f64,
    y1: f64,
    thickness: f64,
}

/// A filled box.
#[derive(Debug, Serialize)]
pub struct Box4 {
    x0: f64,
    y0: f64,
    x1: f64,
    y1: f64,
}

/// Reads `data` and hands over one page after the other, at most `max_pages`. Without `layout`, pages have text alone.
/// What `on_page` fails with ends the reading.
pub fn read<E>(
    data: Vec<u8>,
    layout: bool,
    max_pages: usize,
    mut on_page: impl FnMut(PageReport) -> Result<(), E>,
) -> Result<Result<Summary, Refused>, E> {
    let start = &data[..data.len().min(2000)];
    if !start.windows(5).any(|bytes| bytes == b"%PDF-") {
        return Ok(Err(Refused::NotPdf));
    }
    let is_cut = has_no_end(&data);
    let loaded = caught(|| Pdf::new(data));
    let pdf = match loaded {
        Ok(Ok(pdf)) => pdf,
        Ok(Err(LoadPdfError::Decryption(_))) => return Ok(Err(Refused::Encrypted)),
        Ok(Err(LoadPdfError::Invalid)) | Err(_) => return Ok(Err(Refused::Damaged)),
    };
    let Ok(Numbering {
        numbers,
        count,
        missing,
        fault,
    }) = caught(|| numbering(&pdf))
    else {
        return Ok(Err(Refused::Damaged));
    };
    let fonts = Fonts::new();
    let mut warnings = Vec::new();
    if is_cut {
        warnings.push("the file has no end, and may be cut off".to_owned());
    }
    warnings.extend(fault);
    let missing: Vec<_> = missing
        .iter()
        .filter(|number| **number <= max_pages)
        .map(usize::to_string)
        .collect();
    match missing.as_slice() {
        [] => {}
        [page] => warnings.push(format!("page {page} is missing")),
        pages => warnings.push(format!("pages {} are missing", pages.join(", "))),
    }
    let mut is_damaged = !warnings.is_empty();
    let mut readable = 0;
    let mut is_empty = true;
    for (page, number) in pdf.pages().iter().zip(numbers) {
        if number > max_pages {
            break;
        }
        match caught(|| report(page, &fonts, number, layout)) {
            Ok((page, unknown, faults)) => {
                readable += 1;
                is_empty &= page.text.is_empty() && page.images == 0;
                if let Some(faults) = faults.words() {
                    is_damaged = true;
                    warnings.push(format!("page {number} is damaged: {faults}"));
                }
                if unknown > 0 {
                    warnings.push(format!(
                        "page {number}: {unknown} characters have no known meaning and stand as \u{FFFD}"
                    ));
                }
                on_page(page)?;
            }
            Err(cause) => {
                is_damaged = true;
                warnings.push(format!("page {number} could not be read: {cause}"));
            }
        }
    }
    // What is lost may not look like what was never there.
    if readable == 0 || (is_damaged && is_empty) {
        return Ok(Err(Refused::Damaged));
    }
    Ok(Ok(Summary {
        page_count: count,
        info: info(pdf.metadata()),
        warnings,
    }))
}

/// Whether neither the end nor what stands in front of it is where files end. Some are padded.
fn has_no_end(data: &[u8]) -> bool {
    const TAIL: usize = 2048;
    let end = data
        .iter()
        .rposition(|byte| !matches!(byte, b'\0' | b'\t' | b'\n' | 0x0C | b'\r' | b' '))
        .map_or(0, |last| last + 1);
    let tail = &data[end.saturating_sub(TAIL)..end];
    let has = |word: &[u8]| tail.windows(word.len()).any(|bytes| bytes == word);
    !has(b"%%EOF") && !has(b"startxref")
}

/// A panic, which only a mistake in a library or here can cause, becomes text.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "unknown cause".to_owned())
    })
}

fn report<'a>(
    page: &'a Page<'a>,
    fonts: &Fonts<'a>,
    number: usize,
    layout: bool,
) -> (PageReport, usize, Faults) {
    let (width, height) = page.render_dimensions();
    let (mut width, mut height) = (f64::from(width), f64::from(height));
    let whole = Area {
        x0: 0.0,
        y0: 0.0,
        x1: width,
        y1: height,
    };
    let start = Matrix(page.initial_transform(true).as_coeffs());
    let mut interpreter = Interpreter::new(fonts, start, whole);
    interpreter.page(page);
    let mut marks = interpreter.marks;

    // A table set sideways is read as if the page were turned.
    let turns = main_direction(&marks.glyphs);
    let turned = match turns {
        1 => Matrix([0.0, -1.0, 1.0, 0.0, 0.0, width]),
        2 => Matrix([-1.0, 0.0, 0.0, -1.0, width, height]),
        3 => Matrix([0.0, 1.0, -1.0, 0.0, height, 0.0]),
        _ => Matrix::IDENTITY,
    };
    if turns != 0 {
        for glyph in &mut marks.glyphs {
            (glyph.x, glyph.y) = turned.point(glyph.x, glyph.y);
            glyph.direction = turned.vector(glyph.direction.0, glyph.direction.1);
        }
        marks.shapes.turn(turned);
        if turns % 2 == 1 {
            std::mem::swap(&mut width, &mut height);
        }
    }
    let rotation = match page.rotation() {
        Rotation::None => 0,
        Rotation::Horizontal => 90,
        Rotation::Flipped => 180,
        Rotation::FlippedHorizontal => 270,
    };

    // What stands beside the paper is not seen.
    let visible = Area {
        x0: 0.0,
        y0: 0.0,
        x1: width,
        y1: height,
    };
    marks.glyphs.retain(|glyph| {
        let place = Area::around((glyph.x, glyph.y), (glyph.x, glyph.y));
        !place.intersection(visible).is_empty()
    });
    let found = words(&marks.glyphs);
    let text = text(&found.upright, &found.slanted);
    let mut report = PageReport {
        number,
        width: rounded(width),
        height: rounded(height),
        rotation: (rotation + 360 - 90 * u32::from(turns)) % 360,
        text,
        images: marks.images,
        words: Vec::new(),
        rulings: Vec::new(),
        fills: Vec::new(),
    };
    if layout {
        report.words = found.upright.into_iter().map(rounded_word).collect();
        report.rulings = marks
            .shapes
            .rulings()
            .iter()
            .map(|ruling| Ruling {
                x0: rounded(ruling.area.x0),
                y0: rounded(ruling.area.y0),
                x1: rounded(ruling.area.x1),
                y1: rounded(ruling.area.y1),
                thickness: rounded(ruling.thickness),
            })
            .collect();
        report.fills = marks
            .shapes
            .fills()
            .iter()
            .map(|area| Box4 {
                x0: rounded(area.x0),
                y0: rounded(area.y0),
                x1: rounded(area.x1),
                y1: rounded(area.y1),
            })
            .collect();
    }
    (report, marks.unknown, marks.faults)
}

fn rounded_word(mut word: Word) -> Word {
    for value in [
        &mut word.x0,
        &mut word.y0,
        &mut word.x1,
        &mut word.y1,
        &mut word.baseline,
        &mut word.size,
    ] {
        *value = rounded(*value);
    }
    word
}

/// Hundredths of a point are finer than any printer.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn info(metadata: &Metadata) -> Info {
    let text = |bytes: &Option<Box<[u8]>>| {
        let text = decoded(bytes.as_deref()?);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    };
    Info {
        title: text(&metadata.title),
        author: text(&metadata.author),
        subject: text(&metadata.subject),
        keywords: text(&metadata.keywords),
        creator: text(&metadata.creator),
        producer: text(&metadata.producer),
        created: metadata.creation_date.as_ref().map(date),
        modified: metadata.modification_date.as_ref().map(date),
    }
}

/// A text string (PDF 2.0, 7.9.2.2): UTF-16 or UTF-8 with a mark at its start, else PDFDocEncoding.
fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        // Many writers put UTF-8 there without saying so.
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| pdf_doc_character(*byte)).collect(),
        },
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| unit([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}

fn pdf_doc_character(byte: u8) -> char {
    const FROM_18: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
    const FROM_80: [char; 33] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚',
        '™', 'ﬁ', 'ﬂ', 'Ł', 'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž', '\u{FFFD}', '€',
    ];
    match byte {
        0x18..=0x1F => FROM_18[usize::from(byte - 0x18)],
        0x80..=0xA0 => FROM_80[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

fn date(date: &DateTime) -> String {
    let DateTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
        utc_offset_hour,
        utc_offset_minute,
    } = date;
    let zone = if *utc_offset_hour == 0 && *utc_offset_minute == 0 {
        "Z".to_owned()
    } else {
        let sign = if *utc_offset_hour < 0 { '-' } else { '+' };
        let hours = utc_offset_hour.unsigned_abs();
        format!("{sign}{hours:02}:{utc_offset_minute:02}")
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}")
}

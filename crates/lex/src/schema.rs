//! The private schema of a segment.

use crate::analyzer::shorten;
use crate::document::Document;
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use unicode_normalization::UnicodeNormalization;

/// Names of the tokenizers; only their names are ever used, because segments are written by our own builder.
pub(crate) const LEX_TOKENIZER: &str = "lex";
pub(crate) const KEYWORD_TOKENIZER: &str = "raw";

/// Names of the fast columns.
pub(crate) const FRAME_COLUMN: &str = "frame";
pub(crate) const TIMESTAMP_COLUMN: &str = "timestamp";
pub(crate) const BOOST_COLUMN: &str = "boost";

/// Indexed fields of the schema, in its order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub title: Field,
    pub body: Field,
    /// All keyword fields in one: each value carries the letter of its field.
    pub keyword: Field,
}

/// The schema and its fields. Nothing is stored: a hit is a frame id.
pub(crate) fn schema() -> (Schema, Fields) {
    let text = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            .set_tokenizer(LEX_TOKENIZER)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions)
            .set_fieldnorms(true),
    );
    let keyword = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            .set_tokenizer(KEYWORD_TOKENIZER)
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false),
    );
    let mut builder = Schema::builder();
    let fields = Fields {
        title: builder.add_text_field("title", text.clone()),
        body: builder.add_text_field("body", text),
        keyword: builder.add_text_field("keyword", keyword),
    };
    builder.add_u64_field(FRAME_COLUMN, FAST);
    builder.add_i64_field(TIMESTAMP_COLUMN, FAST);
    // Only for documents whose boost is not 1.
    builder.add_f64_field(BOOST_COLUMN, FAST);
    (builder.build(), fields)
}

/// A field of [`Document`] whose values are matched whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keyword {
    /// [`Document::uri`].
    Uri,
    /// [`Document::kind`].
    Kind,
    /// [`Document::track`].
    Track,
    /// One of [`Document::tags`].
    Tag,
    /// One of [`Document::labels`].
    Label,
}

impl Keyword {
    fn letter(self) -> char {
        match self {
            Self::Uri => 'u',
            Self::Kind => 'k',
            Self::Track => 't',
            Self::Tag => 'g',
            Self::Label => 'l',
        }
    }

    /// The indexed form of `value`: trimmed, NFKC, lower case, of bounded length.
    pub(crate) fn term(self, value: &str) -> String {
        let mut term = String::with_capacity(value.len() + 1);
        self.write_term(value, &mut term);
        term
    }

    /// Writes [`Keyword::term`] into `term`.
    pub(crate) fn write_term(self, value: &str, term: &mut String) {
        self.write_prefix(value, term);
        if term.len() > MAX_KEYWORD_BYTES {
            let short = shorten(term);
            let mut end = MAX_KEYWORD_BYTES - short.len();
            while !term.is_char_boundary(end) {
                end -= 1;
            }
            term.truncate(end);
            term.push_str(&short);
        }
    }

    /// [`Keyword::term`] of a value of which only the beginning is known.
    pub(crate) fn prefix(self, value: &str) -> String {
        let mut term = String::with_capacity(value.len() + 1);
        self.write_prefix(value, &mut term);
        term
    }

    fn write_prefix(self, value: &str, term: &mut String) {
        term.clear();
        term.push(self.letter());
        let value = value.trim();
        if value.is_ascii() {
            term.push_str(value);
            term.make_ascii_lowercase();
        } else {
            term.extend(value.nfkc().flat_map(char::to_lowercase));
        }
    }
}

/// Longer keywords keep their beginning and a hash.
const MAX_KEYWORD_BYTES: usize = 2048;

/// All keywords of `document`, as they were given.
pub(crate) fn keywords<'a>(
    document: &Document<'a>,
) -> impl Iterator<Item = (Keyword, &'a str)> + use<'a> {
    let tags = document
        .tags
        .iter()
        .map(|value| (Keyword::Tag, value.as_str()));
    let labels = document
        .labels
        .iter()
        .map(|value| (Keyword::Label, value.as_str()));
    [
        (Keyword::Uri, Some(document.uri)),
        (Keyword::Kind, document.kind),
        (Keyword::Track, document.track),
    ]
    .into_iter()
    .filter_map(|(field, value)| value.map(|value| (field, value)))
    .chain(tags)
    .chain(labels)
    .filter(|(_, value)| !value.trim().is_empty())
}

/// All keyword terms of `document`.
pub(crate) fn keyword_terms(document: &Document<'_>) -> impl Iterator<Item = String> {
    keywords(document).map(|(field, value)| field.term(value))
}

/// The factor that counts: 1.0 for anything that is no positive number.
pub(crate) fn effective_boost(boost: f32) -> f32 {
    if boost.is_finite() && boost > 0.0 {
        boost
    } else {
        1.0
    }
}

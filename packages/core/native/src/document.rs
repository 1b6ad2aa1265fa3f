//! Documents as JavaScript objects.

use std::sync::Arc;

use engine::{Content, Document, Embedding, Error, Identity, Picture, Result};
use napi::bindgen_prelude::{Array, Float32Array, FromNapiValue, Uint8Array};
use napi_derive::napi;

use crate::failure::to_napi;

/// What made a vector.
#[napi(object)]
#[derive(Clone)]
pub struct NativeIdentity {
    pub provider: Option<String>,
    pub model: Option<String>,
    pub dimension: Option<f64>,
    pub normalized: Option<bool>,
}

impl NativeIdentity {
    /// MV019 for a dimension that is not one.
    pub fn convert(self) -> Result<Identity> {
        let dimension = self.dimension.map(|dimension| {
            if dimension.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&dimension) {
                return Ok(dimension as u64);
            }
            Err(Error::invalid(
                "identity.dimension",
                dimension,
                "an integer of at least 1",
            ))
        });
        Ok(Identity {
            provider: self.provider,
            model: self.model,
            dimension: dimension.transpose()?,
            normalized: self.normalized,
        })
    }
}

#[napi(object)]
pub struct NativeDocument {
    pub text: Option<String>,
    pub bytes: Option<Uint8Array>,
    pub search_text: Option<String>,
    pub title: Option<String>,
    pub uri: Option<String>,
    pub kind: Option<String>,
    pub track: Option<String>,
    pub tags: Option<Vec<String>>,
    pub labels: Option<Vec<String>>,
    pub timestamp: Option<f64>,
    pub metadata: Option<String>,
    pub mime: Option<String>,
    pub filename: Option<String>,
    pub content_dates: Option<Vec<String>>,
    pub boost: Option<f64>,
    pub vector: Option<Float32Array>,
    pub vector_identity: Option<NativeIdentity>,
    pub picture: Option<Float32Array>,
    pub picture_model: Option<String>,
}

impl NativeDocument {
    /// From its fields in the order of the declaration: reading one by its name takes V8 three times as long, and a single
    /// put waits for that.
    pub fn from_fields(fields: &Array<'_>) -> napi::Result<Self> {
        let given = fields.len() as usize;
        let mut fields = Fields { fields, next: 0 };
        let document = Self {
            text: fields.next()?,
            bytes: fields.next()?,
            search_text: fields.next()?,
            title: fields.next()?,
            uri: fields.next()?,
            kind: fields.next()?,
            track: fields.next()?,
            tags: fields.next()?,
            labels: fields.next()?,
            timestamp: fields.next()?,
            metadata: fields.next()?,
            mime: fields.next()?,
            filename: fields.next()?,
            content_dates: fields.next()?,
            boost: fields.next()?,
            vector: fields.next()?,
            vector_identity: fields.next()?,
            picture: fields.next()?,
            picture_model: fields.next()?,
        };
        // Who hands over fewer, or more, would lose what this build does not know of.
        refuse_length("fields", given, fields.next as usize).map_err(to_napi)?;
        Ok(document)
    }
}

/// An array that is read from its first element on.
struct Fields<'a> {
    fields: &'a Array<'a>,
    next: u32,
}

impl Fields<'_> {
    fn next<T: FromNapiValue>(&mut self) -> napi::Result<Option<T>> {
        let field = self.fields.get::<Option<T>>(self.next)?;
        self.next += 1;
        Ok(field.flatten())
    }
}

/// The same without anything that belongs to the JavaScript heap, so that other threads may have it.
pub struct Input {
    content: Option<Content>,
    vector: Option<Arc<[f32]>>,
    identity: Option<NativeIdentity>,
    picture: Option<Picture>,
    rest: Patch,
}

/// The fields of a document that are given.
pub struct Patch {
    search_text: Option<String>,
    title: Option<String>,
    uri: Option<String>,
    kind: Option<String>,
    track: Option<String>,
    tags: Option<Vec<String>>,
    labels: Option<Vec<String>>,
    timestamp: Option<f64>,
    metadata: Option<String>,
    mime: Option<String>,
    filename: Option<String>,
    content_dates: Option<Vec<String>>,
    boost: Option<f64>,
}

impl From<NativeDocument> for Input {
    fn from(document: NativeDocument) -> Self {
        let content = match (document.text, document.bytes) {
            (Some(text), _) => Some(Content::Text(text)),
            (None, Some(bytes)) => Some(Content::Bytes(bytes.to_vec())),
            (None, None) => None,
        };
        Self {
            content,
            vector: document.vector.map(|vector| Arc::from(&*vector)),
            identity: document.vector_identity,
            picture: document.picture.map(|vector| Picture {
                vector: Arc::from(&*vector),
                model: document.picture_model.unwrap_or_default().into(),
            }),
            rest: Patch {
                search_text: document.search_text,
                title: document.title,
                uri: document.uri,
                kind: document.kind,
                track: document.track,
                tags: document.tags,
                labels: document.labels,
                timestamp: document.timestamp,
                metadata: document.metadata,
                mime: document.mime,
                filename: document.filename,
                content_dates: document.content_dates,
                boost: document.boost,
            },
        }
    }
}

impl Input {
    /// A new document; `index` names it in errors.
    pub fn into_document(self, index: usize) -> Result<Document> {
        let argument = format!("documents[{index}]");
        let content = self
            .content
            .ok_or_else(|| Error::invalid(&argument, "neither text nor bytes", "text or bytes"))?;
        let timestamp = self.rest.timestamp.unwrap_or(f64::NAN);
        let timestamp = integer_seconds(timestamp, || format!("{argument}.timestamp"))?;
        let mut document = Document::text(String::new(), timestamp);
        document.content = content;
        document.embedding = embedding(self.vector, self.identity)?;
        document.picture = self.picture;
        self.rest.apply(&mut document, index)?;
        Ok(document)
    }

    /// Changes what is given in a document that takes everything else from its earlier version.
    pub fn patch(self, document: &mut Document) -> Result<()> {
        // A vector says what another text meant.
        let is_other = |text: &String| document.search_text.as_ref() != Some(text);
        if self.rest.search_text.as_ref().is_some_and(is_other) {
            document.embedding = None;
        }
        if let Some(content) = self.content {
            let had_search_text = document.search_text.is_some();
            let is_same = content.as_bytes() == document.content.as_bytes();
            if !is_same || had_search_text {
                document.embedding = None;
            }
            if !is_same {
                document.picture = None;
            }
            document.content = content;
            document.search_text = None;
            document.content_dates.clear();
            document.mime = None;
        }
        if let Some(given) = embedding(self.vector, self.identity)? {
            document.embedding = Some(given);
        }
        if self.picture.is_some() {
            document.picture = self.picture;
        }
        self.rest.apply(document, 0)
    }
}

fn embedding(
    vector: Option<Arc<[f32]>>,
    identity: Option<NativeIdentity>,
) -> Result<Option<Embedding>> {
    let identity = identity.map(NativeIdentity::convert).transpose()?;
    Ok(vector.map(|vector| Embedding {
        vector,
        identity: Arc::new(identity.unwrap_or_default()),
    }))
}

impl Patch {
    fn apply(self, document: &mut Document, index: usize) -> Result<()> {
        let argument = |field: &str| format!("documents[{index}].{field}");
        if let Some(timestamp) = self.timestamp {
            document.timestamp = integer_seconds(timestamp, || argument("timestamp"))?;
        }
        let set = |field: &mut Option<String>, value: Option<String>| {
            if value.is_some() {
                *field = value;
            }
        };
        set(&mut document.search_text, self.search_text);
        set(&mut document.title, self.title);
        set(&mut document.uri, self.uri);
        set(&mut document.kind, self.kind);
        set(&mut document.track, self.track);
        set(&mut document.metadata, self.metadata);
        set(&mut document.mime, self.mime);
        set(&mut document.filename, self.filename);
        if let Some(tags) = self.tags {
            document.tags = tags;
        }
        if let Some(labels) = self.labels {
            document.labels = labels;
        }
        if let Some(dates) = self.content_dates {
            document.content_dates = dates;
        }
        if let Some(boost) = self.boost {
            document.boost = Some(boost as f32);
        }
        Ok(())
    }
}

/// Whole seconds since 1970.
pub fn integer_seconds(value: f64, argument: impl FnOnce() -> String) -> Result<i64> {
    // Far inside what both i64 and JavaScript hold exactly; calendars end long before.
    if value.is_finite() && value.abs() < 1e15 {
        return Ok(value.floor() as i64);
    }
    Err(Error::invalid(&argument(), value, "epoch seconds"))
}

/// MV019 when a column has not one element a document.
pub fn refuse_length(argument: &str, length: usize, expected: usize) -> Result<()> {
    if length == expected {
        return Ok(());
    }
    Err(Error::invalid(
        argument,
        format!("{length} elements"),
        &format!("{expected} elements"),
    ))
}

//! Which frames a call is about: visibility, scope, dates, conditions and access, as one test.

use mv2::view::FrameView;
use serde::Deserialize;
use serde_json::Value;

use crate::acl::AclContext;
use crate::error::{Error, Result};
use crate::fields;
use crate::filter::Filter;
use crate::snapshot::{AsOf, Snapshot};

/// The selecting part of a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SelectionRequest {
    /// Uri prefix.
    pub scope: Option<String>,
    /// Only what the memory held when this frame was the newest.
    pub as_of_frame: Option<u64>,
    /// Only what the memory held at this second.
    pub as_of_ts: Option<f64>,
    /// Earliest timestamp, inclusive.
    pub since: Option<f64>,
    /// Latest timestamp, inclusive.
    pub until: Option<f64>,
    /// Condition on fields and metadata.
    pub r#where: Option<Value>,
    /// Enforced access context.
    pub acl: Option<AclContext>,
}

/// A parsed [`SelectionRequest`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    as_of: AsOf,
    scope: Option<String>,
    since: Option<i64>,
    until: Option<i64>,
    filter: Option<Filter>,
    acl: Option<AclContext>,
}

impl Selection {
    /// Parses the condition and the context.
    pub fn new(request: &SelectionRequest) -> Result<Self> {
        Ok(Self {
            as_of: AsOf {
                frame: request.as_of_frame,
                timestamp: request.as_of_ts.map(whole_seconds),
            },
            scope: request.scope.clone().filter(|scope| !scope.is_empty()),
            since: request.since.map(|since| -whole_seconds(-since)),
            until: request.until.map(whole_seconds),
            filter: request
                .r#where
                .as_ref()
                .filter(|value| !value.is_null())
                .map(Filter::parse)
                .transpose()?,
            acl: request
                .acl
                .as_ref()
                .map(AclContext::normalised)
                .transpose()?,
        })
    }

    /// Whether every active frame is selected.
    #[must_use]
    pub fn is_unrestricted(&self) -> bool {
        !self.is_past()
            && self.scope.is_none()
            && self.since.is_none()
            && self.until.is_none()
            && self.filter.is_none()
            && self.acl.is_none()
    }

    /// Whether the past is asked for.
    #[must_use]
    pub fn is_past(&self) -> bool {
        self.as_of.frame.is_some() || self.as_of.timestamp.is_some()
    }

    /// Earliest and latest timestamp.
    #[must_use]
    pub fn window(&self) -> (Option<i64>, Option<i64>) {
        (self.since, self.until)
    }

    /// Whether the frame is visible and selected.
    #[must_use]
    pub fn accepts(&self, snapshot: &Snapshot, id: u64) -> bool {
        self.judges(snapshot, id, false)
    }

    /// [`Selection::accepts`] for one of a few frames from anywhere in the file.
    #[must_use]
    pub fn accepts_scattered(&self, snapshot: &Snapshot, id: u64) -> bool {
        self.judges(snapshot, id, true)
    }

    fn judges(&self, snapshot: &Snapshot, id: u64, is_scattered: bool) -> bool {
        let Some(brief) = snapshot.brief(id) else {
            return false;
        };
        self.is_in_window(brief.timestamp)
            && snapshot.brief_is_visible(id, &brief, self.as_of)
            && self.fits(snapshot, id, brief.parent, is_scattered)
    }

    /// Whether the frame is, or was, one of a document that is selected, whatever has become of it.
    #[must_use]
    pub fn covers(&self, snapshot: &Snapshot, id: u64) -> bool {
        snapshot
            .brief(id)
            .is_some_and(|brief| self.fits(snapshot, id, brief.parent, false))
    }

    /// Whether scope, condition and access let the frame through.
    fn fits(&self, snapshot: &Snapshot, id: u64, parent: Option<u64>, is_scattered: bool) -> bool {
        if self.scope.is_none() && self.filter.is_none() && self.acl.is_none() {
            return true;
        }
        let (mut own_buffer, mut parent_buffer) = (Vec::new(), Vec::new());
        let view_of = |id, buffer| {
            if is_scattered {
                snapshot.scattered_view(id, buffer)
            } else {
                snapshot.view(id)
            }
        };
        // An unreadable frame cannot be shown to pass: it is left out, and `verify` names it.
        let Ok(view) = view_of(id, &mut own_buffer) else {
            return false;
        };
        // Conditions are about documents: a chunk is selected when its document is.
        let parent = parent.map(|parent| view_of(parent, &mut parent_buffer));
        let Ok(parent) = parent.transpose() else {
            return false;
        };
        let view = parent.unwrap_or(view);
        self.has_in_scope(&view)
            && self.has_access_to(&view)
            && self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.matches(&|field| fields::lookup(&view, field)))
    }
}

/// The parts of a selection, for [`crate::selected`].
impl Selection {
    /// The same, of all times.
    pub(crate) fn of_all_times(&self) -> Self {
        Self {
            as_of: AsOf::default(),
            ..self.clone()
        }
    }

    /// Whether both are the same but for the point in the past.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.scope == other.scope
            && (self.since, self.until) == (other.since, other.until)
            && self.acl == other.acl
            && self.filter == other.filter
    }

    /// Whether a frame of this time can be selected.
    pub(crate) fn is_in_window(&self, timestamp: i64) -> bool {
        self.since.is_none_or(|since| timestamp >= since)
            && self.until.is_none_or(|until| timestamp <= until)
    }

    pub(crate) fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    pub(crate) fn acl(&self) -> Option<&AclContext> {
        self.acl.as_ref()
    }

    pub(crate) fn has_scope(&self) -> bool {
        self.scope.is_some()
    }

    /// Whether a document is in the scope.
    pub(crate) fn has_in_scope(&self, view: &FrameView<'_>) -> bool {
        let scope = self.scope.as_deref();
        scope.is_none_or(|scope| view.uri.is_some_and(|uri| uri.starts_with(scope)))
    }

    /// Whether a document may be read.
    pub(crate) fn has_access_to(&self, view: &FrameView<'_>) -> bool {
        self.acl.as_ref().is_none_or(|acl| acl.allows(view))
    }

    /// Whether a frame is visible at the point in the past, or now when there is none.
    pub(crate) fn sees(&self, snapshot: &Snapshot, id: u64) -> bool {
        snapshot.is_visible(id, self.as_of)
    }
}

impl Selection {
    /// What every selected frame fulfils, as far as the index of words knows. Others may fulfil it as well: whoever uses
    /// this asks [`Selection::accepts`] too.
    pub(crate) fn conditions(&self, snapshot: &Snapshot) -> Vec<lex::Condition> {
        let mut conditions = Vec::new();
        let until = self.until.into_iter().chain(self.as_of.timestamp).min();
        if self.since.is_some() || until.is_some() {
            let range = self.since.unwrap_or(i64::MIN)..=until.unwrap_or(i64::MAX);
            conditions.push(lex::Condition::Dates(range));
        }
        // Conditions are about documents, but chunks have uris of their own.
        let has_chunks = !snapshot.pending.chunks.is_empty()
            || snapshot.committed.directory.chunks().next().is_some();
        if let Some(filter) = &self.filter {
            filter.append_conditions(!has_chunks, &mut conditions);
        }
        let prefix = self.scope.as_deref().filter(|_| !has_chunks);
        conditions.extend(prefix.and_then(uri_prefix));
        conditions
    }
}

/// Longer keywords are shortened by the index.
const MAX_PREFIX_BYTES: usize = 1_024;

/// What the indexed forms of uris that begin with `scope` begin with.
fn uri_prefix(scope: &str) -> Option<lex::Condition> {
    let mut prefix = scope.to_owned();
    // What follows in the uri may join with the last character into another one.
    prefix.pop();
    let is_known =
        scope.is_ascii() && prefix.len() <= MAX_PREFIX_BYTES && !prefix.trim().is_empty();
    is_known.then_some(lex::Condition::UriPrefix { prefix })
}

/// The last whole second up to a time; frames are dated in whole seconds.
fn whole_seconds(time: f64) -> i64 {
    time.floor() as i64
}

/// Parses a request; a malformed one is a bug of the caller's wrapper, reported as MV019.
pub fn parse_request<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::invalid("request", error, "a well-formed request"))
}

//! What is indexed.

/// One document (or chunk of one) as it is indexed. Nothing of it is stored: hits name `frame_id`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Document<'a> {
    /// Identifies the document in hits; unique over all segments and pending documents.
    pub frame_id: u64,
    /// Short text that weighs more than the body.
    pub title: &'a str,
    /// The text.
    pub body: &'a str,
    /// Address; `uri:` matches it whole, `scope:` by prefix, both regardless of case.
    pub uri: &'a str,
    /// Exact keyword for `kind:`.
    pub kind: Option<&'a str>,
    /// Exact keyword for `track:`.
    pub track: Option<&'a str>,
    /// Exact keywords for `tag:`.
    pub tags: &'a [String],
    /// Exact keywords for `label:`.
    pub labels: &'a [String],
    /// Seconds since 1970, for `date:`.
    pub timestamp: i64,
    /// Factor on the score; 1.0 is ordinary. Not finite or not positive counts as 1.0.
    pub boost: f32,
}

//! Conditions that a program adds to a query.

use super::{Node, Query};
use crate::schema::Keyword;
use std::ops::RangeInclusive;

/// What documents must fulfil besides the query, as far as the index can tell: [`Query::require`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The field holds one of the values, regardless of case, width and spaces around them. Nothing holds a value of
    /// spaces alone.
    Keyword {
        /// The field.
        field: Keyword,
        /// The values.
        values: Vec<String>,
    },
    /// The uri begins so, regardless of case and width; `prefix` must not end within a character that is written as
    /// several. Where very many uris begin so it is left undecided, and other documents are found as well.
    UriPrefix {
        /// The beginning.
        prefix: String,
    },
    /// The timestamp lies in this range.
    Dates(RangeInclusive<i64>),
}

impl Query {
    /// The same query for documents that fulfil all `conditions`, which do not change scores. Rare ones make the search
    /// shorter; all of them are cheaper than [`crate::SearchRequest::accept`].
    #[must_use]
    pub fn require(mut self, conditions: impl IntoIterator<Item = Condition>) -> Self {
        self.must.extend(conditions.into_iter().map(Node::from));
        self
    }
}

impl From<Condition> for Node {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Keyword { field, values } => {
                let value = |value| Self::Keyword { field, value };
                let mut values: Vec<Self> = values.into_iter().map(value).collect();
                if values.len() == 1 {
                    values.swap_remove(0)
                } else {
                    Self::Any(values)
                }
            }
            Condition::UriPrefix { prefix } => Self::UriPrefix(prefix),
            Condition::Dates(range) => Self::Date(range),
        }
    }
}

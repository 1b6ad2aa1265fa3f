//! `where` filters: what a condition means, independent of who evaluates it.
//!
//! `{ field: value }`, `{ field: { $gt, $gte, $lt, $lte, $ne, $in, $nin, $exists, $not } }`, `$and`, `$or`, `$not`.
//! Built-in fields are `uri`, `title`, `kind`, `track`, `tags`, `labels`, `timestamp`, `dates` and `frame_id`;
//! everything else (or `metadata.name`) is a metadata key, with dots reaching into nested objects.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// A parsed condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them hold (an empty list always holds).
    And(Vec<Filter>),
    /// At least one holds (an empty list never holds).
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A test on one field.
    Test {
        /// The field as written.
        field: String,
        /// What is asked of it.
        test: Test,
    },
}

/// A test on the value of one field.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Equal, or an array that holds an equal element; `null` also matches a missing field.
    Equals(Value),
    /// Equal to one of the values.
    In(Vec<Value>),
    /// Present (`true`) or absent (`false`).
    Exists(bool),
    /// Ordered comparison between two numbers or two strings; other pairs never match.
    Compare(Comparison, Value),
}

/// An ordering operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

const OPERATORS: &str = "one of $gt, $gte, $lt, $lte, $ne, $in, $nin, $exists, $not";
const DEEPEST: usize = 32;

impl Filter {
    /// Parses a JSON condition. Unknown operators, empty operator objects and wrong operand types are MV019.
    pub fn parse(value: &Value) -> Result<Self> {
        parse_group(value, 0)
    }

    /// Whether the condition holds for a frame whose fields `lookup` gives (`None` = missing).
    pub fn matches(&self, lookup: &dyn Fn(&str) -> Option<Value>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(lookup)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(lookup)),
            Self::Not(part) => !part.matches(lookup),
            Self::Test { field, test } => test.matches(lookup(field).as_ref()),
        }
    }
}

impl Filter {
    /// Conditions that all have to hold.
    pub(crate) fn parts(&self) -> &[Self] {
        match self {
            Self::And(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }

    /// Adds the fields that are asked for.
    pub(crate) fn collect_fields<'a>(&'a self, fields: &mut HashSet<&'a str>) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.collect_fields(fields);
                }
            }
            Self::Not(part) => part.collect_fields(fields),
            Self::Test { field, .. } => {
                fields.insert(field);
            }
        }
    }
}

/// Values of one field that the index of words can look up; for more, looking at the frames is no slower.
const MAX_LOOKED_UP: usize = 64;

impl Filter {
    /// Appends conditions that every frame fulfils for which the filter holds, as far as the index of words knows about
    /// its fields. Others may fulfil them as well: keywords are compared regardless of case there.
    pub(crate) fn append_conditions(&self, uris_are_known: bool, out: &mut Vec<lex::Condition>) {
        match self {
            Self::And(parts) => {
                for part in parts {
                    part.append_conditions(uris_are_known, out);
                }
            }
            Self::Test { field, test } => {
                let keyword = match field.as_str() {
                    "kind" => lex::Keyword::Kind,
                    "track" => lex::Keyword::Track,
                    "tags" | "tag" => lex::Keyword::Tag,
                    "labels" | "label" => lex::Keyword::Label,
                    "uri" if uris_are_known => lex::Keyword::Uri,
                    _ => return,
                };
                if let Some(values) = test.looked_up() {
                    out.push(lex::Condition::Keyword {
                        field: keyword,
                        values,
                    });
                }
            }
            Self::Or(_) | Self::Not(_) => {}
        }
    }
}

impl Test {
    /// The keywords of which a frame holds one when the test passes; `None` when that is not known.
    fn looked_up(&self) -> Option<Vec<String>> {
        let values = match self {
            Self::Equals(value) => std::slice::from_ref(value),
            Self::In(values) if values.len() <= MAX_LOOKED_UP => values,
            _ => return None,
        };
        // Values of spaces alone are not indexed, and a missing field is no keyword.
        let keyword = |value: &Value| match value {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            _ => None,
        };
        values.iter().map(keyword).collect()
    }
}

fn parse_group(value: &Value, depth: usize) -> Result<Filter> {
    if depth > DEEPEST {
        return Err(Error::invalid(
            "where",
            "more than 32 levels",
            "a flatter condition",
        ));
    }
    let Value::Object(map) = value else {
        return Err(Error::invalid(
            "where",
            value,
            "an object such as { field: value }",
        ));
    };
    let mut parts = Vec::with_capacity(map.len());
    for (key, value) in map {
        parts.push(match key.as_str() {
            "$and" => Filter::And(parse_list(key, value, depth)?),
            "$or" => Filter::Or(parse_list(key, value, depth)?),
            "$not" => Filter::Not(Box::new(parse_group(value, depth + 1)?)),
            _ if key.starts_with('$') => {
                return Err(Error::invalid(
                    &format!("where.{key}"),
                    key,
                    "$and, $or or $not, or a field name",
                ));
            }
            _ => parse_field(key, value, depth)?,
        });
    }
    Ok(if parts.len() == 1 {
        parts.remove(0)
    } else {
        Filter::And(parts)
    })
}

fn parse_list(key: &str, value: &Value, depth: usize) -> Result<Vec<Filter>> {
    let Value::Array(items) = value else {
        return Err(Error::invalid(
            &format!("where.{key}"),
            value,
            "an array of conditions",
        ));
    };
    items
        .iter()
        .map(|item| parse_group(item, depth + 1))
        .collect()
}

fn parse_field(field: &str, value: &Value, depth: usize) -> Result<Filter> {
    let test = |test| Filter::Test {
        field: field.to_owned(),
        test,
    };
    match value {
        Value::Object(map) if is_operators(map) => parse_operators(field, map, depth),
        _ => Ok(test(Test::Equals(value.clone()))),
    }
}

fn is_operators(map: &Map<String, Value>) -> bool {
    map.is_empty() || map.keys().any(|key| key.starts_with('$'))
}

fn parse_operators(field: &str, map: &Map<String, Value>, depth: usize) -> Result<Filter> {
    if map.is_empty() {
        return Err(Error::invalid(&format!("where.{field}"), "{}", OPERATORS));
    }
    if depth > DEEPEST {
        return Err(Error::invalid(
            "where",
            "more than 32 levels",
            "a flatter condition",
        ));
    }
    let mut parts = Vec::with_capacity(map.len());
    for (operator, operand) in map {
        let argument = || format!("where.{field}.{operator}");
        let test = |test| Filter::Test {
            field: field.to_owned(),
            test,
        };
        let compare = |comparison| match operand {
            Value::Number(_) | Value::String(_) => {
                Ok(test(Test::Compare(comparison, operand.clone())))
            }
            _ => Err(Error::invalid(&argument(), operand, "a number or a string")),
        };
        let list = || match operand {
            Value::Array(items) => Ok(items.clone()),
            _ => Err(Error::invalid(&argument(), operand, "an array of values")),
        };
        parts.push(match operator.as_str() {
            "$gt" => compare(Comparison::Greater)?,
            "$gte" => compare(Comparison::GreaterOrEqual)?,
            "$lt" => compare(Comparison::Less)?,
            "$lte" => compare(Comparison::LessOrEqual)?,
            "$eq" => test(Test::Equals(operand.clone())),
            "$ne" => Filter::Not(Box::new(test(Test::Equals(operand.clone())))),
            "$in" => test(Test::In(list()?)),
            "$nin" => Filter::Not(Box::new(test(Test::In(list()?)))),
            "$exists" => match operand {
                Value::Bool(wanted) => test(Test::Exists(*wanted)),
                _ => return Err(Error::invalid(&argument(), operand, "true or false")),
            },
            "$not" => Filter::Not(Box::new(parse_field(field, operand, depth + 1)?)),
            _ => return Err(Error::invalid(&argument(), operator, OPERATORS)),
        });
    }
    Ok(if parts.len() == 1 {
        parts.remove(0)
    } else {
        Filter::And(parts)
    })
}

impl Test {
    /// Whether `value` (`None` = the field is missing) passes.
    #[must_use]
    pub fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Exists(wanted) => value.is_some() == *wanted,
            Self::Equals(expected) => equals(value, expected),
            Self::In(list) => list.iter().any(|expected| equals(value, expected)),
            Self::Compare(comparison, operand) => match value {
                Some(Value::Array(items)) => {
                    items.iter().any(|item| compare(item, *comparison, operand))
                }
                Some(value) => compare(value, *comparison, operand),
                None => false,
            },
        }
    }
}

fn equals(value: Option<&Value>, expected: &Value) -> bool {
    let Some(value) = value else {
        return expected.is_null();
    };
    if same(value, expected) {
        return true;
    }
    matches!(value, Value::Array(items) if items.iter().any(|item| same(item, expected)))
}

/// Deep equality in which 1 and 1.0 are one number.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right
                || matches!((left.as_f64(), right.as_f64()), (Some(left), Some(right)) if left == right)
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

fn compare(value: &Value, comparison: Comparison, operand: &Value) -> bool {
    let ordering = match (value, operand) {
        (Value::Number(left), Value::Number(right)) => left
            .as_f64()
            .zip(right.as_f64())
            .and_then(|(left, right)| left.partial_cmp(&right)),
        (Value::String(left), Value::String(right)) => Some(compare_text(left, right)),
        _ => None,
    };
    ordering.is_some_and(|ordering| match comparison {
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
    })
}

/// By UTF-16 code units, the order of strings in JavaScript, so that a filter means the same on both sides.
fn compare_text(left: &str, right: &str) -> std::cmp::Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::Code;
    use serde_json::json;

    fn holds(filter: Value, frame: &Value) -> bool {
        Filter::parse(&filter)
            .unwrap()
            .matches(&|field| frame.get(field).cloned())
    }

    #[test]
    fn operators_mean_what_they_say() {
        let frame = json!({ "year": 2024, "team": "core", "tags": ["a", "b"], "none": null, "deep": { "x": 1 } });
        for (filter, expected) in [
            (json!({}), true),
            (json!({ "year": 2024.0 }), true),
            (json!({ "team": "edge" }), false),
            (json!({ "tags": "b" }), true),
            (json!({ "tags": ["a", "b"] }), true),
            (json!({ "missing": null }), true),
            (json!({ "none": null }), true),
            (json!({ "deep": { "x": 1 } }), true),
            (json!({ "year": { "$gt": 2023, "$lt": 2025 } }), true),
            (json!({ "year": { "$gt": "2023" } }), false),
            (json!({ "year": { "$ne": 2024 } }), false),
            (json!({ "missing": { "$ne": 2024 } }), true),
            (json!({ "team": { "$in": ["core", "edge"] } }), true),
            (json!({ "team": { "$nin": ["core"] } }), false),
            (json!({ "none": { "$exists": true } }), true),
            (json!({ "missing": { "$exists": false } }), true),
            (json!({ "$or": [{ "year": 1 }, { "team": "core" }] }), true),
            (json!({ "$or": [] }), false),
            (json!({ "$not": { "team": "core" } }), false),
            (json!({ "team": { "$not": { "$in": ["edge"] } } }), true),
            (
                json!({ "$and": [{ "year": { "$gte": 2024 } }, { "year": { "$lte": 2024 } }] }),
                true,
            ),
        ] {
            assert_eq!(holds(filter.clone(), &frame), expected, "{filter}");
        }
    }

    #[test]
    fn unknown_operators_and_operands_are_refused() {
        for filter in [
            json!({ "a": { "$near": 1 } }),
            json!({ "$nor": [] }),
            json!({ "a": {} }),
            json!({ "$and": {} }),
            json!({ "a": { "$in": 1 } }),
            json!({ "a": { "$exists": 1 } }),
            json!({ "a": { "$gt": [1] } }),
            json!([]),
            json!({ "a": { "$gt": 1, "b": 2 } }),
        ] {
            assert_eq!(
                Filter::parse(&filter).unwrap_err().code,
                Code::InvalidInput,
                "{filter}"
            );
        }
    }
}

//! Vectors that documents bring, and what made them.

use std::collections::BTreeMap;
use std::sync::Arc;

use mv2::view::FrameView;
use serde_json::{Value, json};

use crate::error::{Code, Error, Result};

/// Who made the vector of a frame.
pub const PROVIDER_KEY: &str = "memvid.embedding.provider";
/// With which model.
pub const MODEL_KEY: &str = "memvid.embedding.model";
/// How many numbers it has. A frame that carries this has, or had, a vector.
pub const DIMENSION_KEY: &str = "memvid.embedding.dimension";
/// Whether it is of length 1.
pub const NORMALIZED_KEY: &str = "memvid.embedding.normalized";

/// The fields of a frame that say what made its vector.
pub const IDENTITY_KEYS: [&str; 4] = [PROVIDER_KEY, MODEL_KEY, DIMENSION_KEY, NORMALIZED_KEY];

/// What made a vector. Parts that are not known are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Name of the provider, in lower case.
    pub provider: Option<String>,
    /// Name of the model.
    pub model: Option<String>,
    /// Numbers of a vector.
    pub dimension: Option<u64>,
    /// Whether vectors have length 1.
    pub normalized: Option<bool>,
}

/// Whether a frame says that it has a vector: one that does and has none has lost it.
#[must_use]
pub fn names_vector(view: &FrameView<'_>) -> bool {
    view.extra_metadata.get(DIMENSION_KEY).is_some()
}

impl Identity {
    /// The identity that a frame carries; `None` when it names neither provider nor model.
    #[must_use]
    pub fn of(view: &FrameView<'_>) -> Option<Self> {
        Self::said(|key| view.extra_metadata.get(key))
    }

    /// The identity that the fields of a frame tell, by their keys; `None` when they name neither provider nor model.
    pub fn said<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let identity = Self::read(get);
        (identity.provider.is_some() || identity.model.is_some()).then_some(identity)
    }

    /// The identity among the fields of a frame.
    #[must_use]
    pub fn of_map(extra: &BTreeMap<String, String>) -> Self {
        Self::read(|key| extra.get(key).map(String::as_str))
    }

    fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let text = |key: &str| {
            get(key)
                .map(|value| value.trim().trim_matches('"'))
                .filter(|value| !value.is_empty())
        };
        let yes_or_no = |value: &str| match value.to_lowercase().as_str() {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => None,
        };
        Self {
            provider: text(PROVIDER_KEY).map(str::to_lowercase),
            model: text(MODEL_KEY).map(str::to_owned),
            dimension: text(DIMENSION_KEY).and_then(|value| value.parse().ok()),
            normalized: text(NORMALIZED_KEY).and_then(yes_or_no),
        }
    }

    /// As `stats()` shows it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "provider": self.provider,
            "model": self.model,
            "dimension": self.dimension,
            "normalized": self.normalized,
        })
    }

    /// What [`Identity::to_value`] gave.
    #[must_use]
    pub fn of_value(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        Self {
            provider: text("provider"),
            model: text("model"),
            dimension: value["dimension"].as_u64(),
            normalized: value["normalized"].as_bool(),
        }
    }

    /// Enters it among the fields of a frame whose vector has `dimension` numbers.
    pub fn write(&self, dimension: usize, extra: &mut BTreeMap<String, String>) {
        let provider = self.provider.as_ref().map(|name| name.to_lowercase());
        let normalized = self.normalized.map(|normalized| normalized.to_string());
        for (key, value) in [
            (PROVIDER_KEY, provider),
            (MODEL_KEY, self.model.clone()),
            (DIMENSION_KEY, Some(dimension.to_string())),
            (NORMALIZED_KEY, normalized),
        ] {
            match value {
                Some(value) => extra.insert(key.to_owned(), value),
                None => extra.remove(key),
            };
        }
    }
}

/// A vector and what made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// As it is stored: of any length.
    pub vector: Arc<[f32]>,
    /// What made it.
    pub identity: Arc<Identity>,
}

impl Embedding {
    /// Refuses what cannot be stored or compared. `argument` names the vector in the error, `index` the document.
    pub fn check(&self, argument: &str, index: Option<usize>) -> Result<()> {
        check_vector(&self.vector, argument)?;
        match self.identity.dimension {
            Some(declared) if declared != self.vector.len() as u64 => Err(wrong_dimension(
                usize::try_from(declared).unwrap_or(usize::MAX),
                self.vector.len(),
                index,
            )),
            _ => Ok(()),
        }
    }
}

/// MV015 for a vector without numbers or with one that is not finite, MV019 for one with too many.
pub fn check_vector(vector: &[f32], argument: &str) -> Result<()> {
    if vector.is_empty() {
        return Err(unusable(format!("{argument} has no numbers"), "empty"));
    }
    if vector.len() > vec::MAX_DIMENSION {
        return Err(Error::invalid(
            argument,
            format_args!("{} numbers", vector.len()),
            &format!("1 to {} numbers", vec::MAX_DIMENSION),
        ));
    }
    // A fold without an early end takes many numbers to an instruction.
    if vector
        .iter()
        .fold(true, |all, number| all & number.is_finite())
    {
        return Ok(());
    }
    match vector.iter().position(|number| !number.is_finite()) {
        Some(position) => Err(unusable(
            format!("{argument}[{position}] is {}", vector[position]),
            "not_finite",
        )),
        None => Ok(()),
    }
}

fn unusable(message: String, reason: &str) -> Error {
    Error::new(Code::EmbeddingFailed, message, json!({ "reason": reason }))
}

/// MV014: a vector has another size than those of the file, or than its model is said to make.
#[must_use]
pub fn wrong_dimension(expected: usize, actual: usize, index: Option<usize>) -> Error {
    let mut details = json!({ "expected": expected, "actual": actual });
    let whose = match index {
        Some(index) => {
            details["index"] = json!(index);
            format!("the vector of document {index}")
        }
        None => "the vector".to_owned(),
    };
    Error::new(
        Code::VecDimensionMismatch,
        format!("Vector dimension mismatch: expected {expected} numbers, but {whose} has {actual}"),
        details,
    )
}

/// MV011: vectors on a handle that was opened without them.
#[must_use]
pub fn vectors_disabled(operation: &str) -> Error {
    Error::new(
        Code::VecIndexDisabled,
        format!("{operation}: the memory was opened with enableVec: false"),
        json!({ "operation": operation, "reason": "disabled" }),
    )
}

/// MV011: a search by meaning in a file without vectors.
#[must_use]
pub fn no_vectors(operation: &str) -> Error {
    Error::new(
        Code::VecIndexDisabled,
        format!("{operation}: no vectors stored yet"),
        json!({ "operation": operation, "reason": "empty" }),
    )
}

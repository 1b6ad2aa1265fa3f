//! Who may read a frame: access rules in its metadata, checked inside the search.

use mv2::view::FrameView;
use serde::Deserialize;
use serde_json::Value;

use crate::document::metadata_value;
use crate::error::{Error, Result};

/// The metadata that access depends on: all that [`AclContext::allows`] looks at.
pub const KEYS: [&str; 5] = [
    "acl_tenant_id",
    "acl_visibility",
    "acl_read_principals",
    "acl_read_roles",
    "acl_read_groups",
];

/// On whose behalf a call reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AclContext {
    /// The tenant; without it nothing can be read.
    pub tenant_id: Option<String>,
    /// The person or program.
    pub subject_id: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its groups.
    pub group_ids: Vec<String>,
}

impl AclContext {
    /// The context in the form that frames are compared with; MV019 without a tenant.
    pub fn normalised(&self) -> Result<Self> {
        let clean = |text: &String| normalise(text);
        let tenant_id = self
            .tenant_id
            .as_ref()
            .map(clean)
            .filter(|tenant| !tenant.is_empty());
        if tenant_id.is_none() {
            return Err(Error::invalid(
                "aclContext.tenantId",
                "nothing",
                "a tenant id, which enforcement needs",
            ));
        }
        Ok(Self {
            tenant_id,
            subject_id: self.subject_id.as_ref().map(clean),
            roles: self.roles.iter().map(clean).collect(),
            group_ids: self.group_ids.iter().map(clean).collect(),
        })
    }

    /// Whether a frame may be read. Missing or malformed rules deny. `self` must be [`AclContext::normalised`].
    #[must_use]
    pub fn allows(&self, view: &FrameView<'_>) -> bool {
        let text = |key| view.extra_metadata.get(key).map(normalise);
        if text("acl_tenant_id").is_none_or(|tenant| Some(tenant) != self.tenant_id) {
            return false;
        }
        match text("acl_visibility").as_deref() {
            Some("public") => true,
            Some("restricted") => {
                let listed =
                    |key, wanted: &str| list(view, key).iter().any(|entry| entry == wanted);
                self.subject_id
                    .as_ref()
                    .is_some_and(|subject| listed("acl_read_principals", subject))
                    || self.roles.iter().any(|role| listed("acl_read_roles", role))
                    || self
                        .group_ids
                        .iter()
                        .any(|group| listed("acl_read_groups", group))
            }
            _ => false,
        }
    }
}

/// Trimmed, freed of one pair of JSON quotes, lower case.
fn normalise(text: impl AsRef<str>) -> String {
    let text = text.as_ref().trim();
    let unquoted = serde_json::from_str::<String>(text);
    unquoted.as_deref().unwrap_or(text).trim().to_lowercase()
}

/// A list of names: a JSON array, or a text that holds one.
fn list(view: &FrameView<'_>, key: &str) -> Vec<String> {
    let Some(stored) = view.extra_metadata.get(key) else {
        return Vec::new();
    };
    let value = match metadata_value(stored) {
        Value::String(text) => metadata_value(&text),
        other => other,
    };
    match value {
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .map(normalise)
            .collect(),
        Value::String(text) => vec![normalise(text)],
        _ => Vec::new(),
    }
}

//! Errors of the lower layers under the codes that users know.

use serde_json::{Value, json};

use crate::error::{Code, Error};

impl From<mv2::Error> for Error {
    fn from(error: mv2::Error) -> Self {
        let message = error.to_string();
        match error {
            mv2::Error::Corrupt {
                section, offset, ..
            } => {
                let message = if section == "header" {
                    format!("this is not an .mv2 memory, or its beginning is damaged ({message})")
                } else {
                    message
                };
                let details = json!({ "section": section, "offset": offset });
                Self::new(Code::Corrupt, message, details)
            }
            mv2::Error::Io {
                operation,
                path,
                source,
            } => Self::io(operation, &path, &source),
            mv2::Error::Locked { path, waited_ms } => {
                let details = json!({ "path": path.to_string_lossy(), "waited_ms": waited_ms, "stale": false });
                Self::new(Code::Locked, message, details)
            }
            mv2::Error::NotFound { path } => Self::new(
                Code::NotFound,
                message,
                json!({ "path": path.to_string_lossy() }),
            ),
            mv2::Error::AlreadyExists { path } => {
                let details = json!({ "path": path.to_string_lossy(), "operation": "create" });
                Self::new(Code::Unsupported, message, details)
            }
            mv2::Error::Encrypted { path } => {
                let details = json!({ "reason": "encryption", "cause": "encrypted", "path": path.to_string_lossy() });
                Self::new(Code::Encryption, message, details)
            }
            mv2::Error::Capsule { reason, path } => {
                let cause = capsule_cause(&reason);
                let details = json!({ "reason": "encryption", "cause": cause, "path": path.to_string_lossy() });
                Self::new(Code::Encryption, message, details)
            }
            mv2::Error::ReadOnly { path } => {
                let details = json!({ "path": path.to_string_lossy(), "operation": "write", "reason": "permission" });
                Self::new(Code::Unsupported, message, details)
            }
            mv2::Error::NotTheOwner {
                path,
                owner,
                group,
                user,
            } => {
                let named = |id: u32| match mv2::ownership::user_name(id) {
                    Some(name) => format!("{name} (user {id})"),
                    None => format!("user {id}"),
                };
                let message = format!(
                    "{} belongs to {}, and {} cannot put a new file in its place that is for the same people",
                    path.display(),
                    named(owner),
                    named(user)
                );
                let details = json!({ "path": path.to_string_lossy(), "operation": "rewrite", "reason": "owner", "owner": owner, "group": group });
                Self::new(Code::Unsupported, message, details)
            }
            mv2::Error::TooLarge { what, size, limit } => Self::new(
                Code::InvalidInput,
                message,
                json!({ "argument": what, "received": size, "expected": format!("at most {limit} bytes") }),
            ),
            _ => Self::new(Code::Internal, message, Value::Null),
        }
    }
}

fn capsule_cause(reason: &mv2::CapsuleReason) -> &'static str {
    match reason {
        mv2::CapsuleReason::EmptyPassword => "empty_password",
        mv2::CapsuleReason::OutputExists => "output_exists",
        mv2::CapsuleReason::NotACapsule => "not_a_capsule",
        mv2::CapsuleReason::NotAMemory => "not_a_memory",
        mv2::CapsuleReason::WrongPasswordOrDamaged => "wrong_password_or_damaged",
        _ => "damaged",
    }
}

impl From<lex::Error> for Error {
    fn from(error: lex::Error) -> Self {
        let message = error.to_string();
        match error {
            lex::Error::EmptyQuery => {
                Self::invalid("query", "nothing searchable", "at least one word or filter")
            }
            lex::Error::QueryTooLong { part, terms, limit } => Self::invalid(
                "query",
                format_args!("{terms} {part}"),
                &format!("at most {limit}"),
            ),
            lex::Error::CorruptSegment { segment, .. } => Self::new(
                Code::Corrupt,
                message,
                json!({ "section": "full-text index", "segment": segment }),
            ),
            lex::Error::ImpossibleSegment { .. } => Self::new(
                Code::Corrupt,
                message,
                json!({ "section": "full-text index" }),
            ),
            _ => Self::new(Code::Internal, message, Value::Null),
        }
    }
}

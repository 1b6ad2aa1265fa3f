//! What a survey found out, as `doctor` reports it.

use serde::Serialize;

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable name.
    pub code: &'static str,
    /// `info`, `warning` or `error`: nothing to do, nothing is lost, something is lost.
    pub severity: &'static str,
    /// One sentence.
    pub message: String,
    /// The frames, bytes or records that are meant.
    pub detail: Option<String>,
}

/// Findings in the order in which they were made.
#[derive(Debug, Clone, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    fn push(
        &mut self,
        severity: &'static str,
        code: &'static str,
        message: String,
        detail: Option<String>,
    ) {
        self.0.push(Finding {
            code,
            severity,
            message,
            detail,
        });
    }

    /// Something was lost.
    pub fn error(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        detail: Option<String>,
    ) {
        self.push("error", code, message.into(), detail);
    }

    /// Something is damaged that can be made again.
    pub fn warning(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        detail: Option<String>,
    ) {
        self.push("warning", code, message.into(), detail);
    }

    /// Something is worth knowing.
    pub fn info(&mut self, code: &'static str, message: impl Into<String>, detail: Option<String>) {
        self.push("info", code, message.into(), detail);
    }

    /// Whether one has this code.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        self.0.iter().any(|finding| finding.code == code)
    }
}

/// Ascending numbers as text, runs as `3-17`.
#[must_use]
pub fn ranges(numbers: impl IntoIterator<Item = u64>) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let texts: Vec<String> = runs
        .into_iter()
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first}-{last}"),
        })
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn runs_are_shortened() {
        assert_eq!(ranges([1, 2, 3, 5, 7, 8]), "1-3, 5, 7, 8");
        assert_eq!(ranges([]), "");
    }
}

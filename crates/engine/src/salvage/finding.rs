//! What a survey found out, as `doctor` reports it.

use serde::{Serialize, Serializer};

/// What a finding means for who reads the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to do.
    Info,
    /// Damaged, and as it was again: nothing is lost.
    Warning,
    /// Something is lost, or nothing can vouch for it.
    Error,
}

/// Declares [`FindingCode`] with the name and the severity of each.
macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal, $severity:ident;)*) => {
        /// Everything that can be found. The names are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FindingCode {
            $($(#[doc = $doc])* $name,)*
        }

        impl FindingCode {
            /// Its stable name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What it means.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)*
                }
            }
        }
    };
}

codes! {
    /// The header is damaged; everything it says is known from elsewhere.
    HeaderUnreadable = "header_unreadable", Warning;
    /// The header leads elsewhere than to the last commit.
    HeaderPointerStale = "header_pointer_stale", Warning;
    /// No footer stands behind the table of contents.
    FooterMissing = "footer_missing", Warning;
    /// The footer of the last commit tells another generation than the directory.
    FooterDamaged = "footer_damaged", Warning;
    /// Bytes stand behind the last commit that do not belong to it.
    TrailingBytes = "trailing_bytes", Warning;
    /// Bytes stand behind the last commit, and the header that would tell whether they are of a later one is damaged.
    CommitUncertain = "commit_uncertain", Error;
    /// A later commit than the one that was found is lost, or may be.
    CommitLost = "commit_lost", Error;
    /// Documents have other ids than they had.
    IdsChanged = "ids_changed", Error;
    /// Bytes that the disk could not give.
    Unreadable = "unreadable", Error;
    /// The table of contents is damaged.
    TocDamaged = "toc_damaged", Warning;
    /// There is none; the log goes back to the first record of the file.
    TocLost = "toc_lost", Warning;
    /// What stands behind the frames in the table of contents is damaged, and may have named tracks of other programs.
    TocTailLost = "toc_tail_lost", Error;
    /// Frames that no checksum vouches for.
    FramesUnchecked = "frames_unchecked", Error;
    /// Frames that an older table of contents still has.
    FramesFromOlderTable = "frames_from_older_table", Info;
    /// Frames that are lost.
    FramesLost = "frames_lost", Error;
    /// Documents of which only the text was rescued.
    TextRescued = "text_rescued", Error;
    /// Frames for which several texts were found.
    TextAmbiguous = "text_ambiguous", Error;
    /// Documents of which nobody can say any more whether they were removed.
    RemovalsUnknown = "removals_unknown", Error;
    /// Content that was damaged, and is whole in the search text.
    PayloadFromSearchText = "payload_from_search_text", Warning;
    /// Content taken from the search text, which no checksum vouches for.
    ContentUnchecked = "content_unchecked", Error;
    /// Content that is lost.
    PayloadDamaged = "payload_damaged", Error;
    /// The directory is damaged.
    DirectoryDamaged = "directory_damaged", Warning;
    /// There is no time index.
    TimeIndexMissing = "time_index_missing", Warning;
    /// The time index is damaged.
    TimeIndexDamaged = "time_index_damaged", Warning;
    /// The time index lists other documents than there are.
    TimeIndexMismatch = "time_index_mismatch", Warning;
    /// The sketch track is damaged.
    SketchTrackDamaged = "sketch_track_damaged", Warning;
    /// The list of private sections is lost, or nothing vouches for what is left of it.
    SectionListUnchecked = "section_list_unchecked", Error;
    /// The list of full-text sections is lost.
    LexIndexLost = "lex_index_lost", Warning;
    /// Full-text sections are damaged.
    LexIndexDamaged = "lex_index_damaged", Warning;
    /// A section of vectors is damaged.
    VecIndexDamaged = "vec_index_damaged", Error;
    /// Codes of vectors are damaged; the vectors are not.
    VecCodesDamaged = "vec_codes_damaged", Warning;
    /// Vectors that are lost.
    VectorsDamaged = "vectors_damaged", Error;
    /// The index of pictures is damaged, or lost; those that are not listed beside it were found in the file.
    PictureIndexDamaged = "picture_index_damaged", Warning;
    /// Vectors of pictures that are lost.
    PicturesDamaged = "pictures_damaged", Error;
    /// Vectors that wait for the end of a `reembed` are lost.
    StagedVectorsDamaged = "staged_vectors_damaged", Error;
    /// A section of another program is lost.
    SectionDamaged = "section_damaged", Error;
    /// A track of another program is lost.
    TrackDamaged = "track_damaged", Error;
    /// Records of the log are lost.
    LogRecordsLost = "log_records_lost", Error;
    /// Records of the log that cannot be applied.
    LogRecordsUnusable = "log_records_unusable", Error;
    /// The repaired file is in place, and its name may still be lost with the power.
    NameNotDurable = "name_not_durable", Warning;
    /// A check fails that no repair can mend.
    VerificationFailed = "verification_failed", Error;
    /// What was found is sound, and yet the file cannot be opened.
    OpenFailed = "open_failed", Error;
    /// There is nothing to repair the file from.
    NothingToRescue = "nothing_to_rescue", Error;
    /// The file became shorter while it was looked at.
    FileChanged = "file_changed", Error;
    /// The repaired file is not good enough to take the old one's place.
    RepairFailed = "repair_failed", Error;
}

impl Serialize for FindingCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub code: FindingCode,
    /// What it means.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// The frames, bytes or records that are meant.
    pub detail: Option<String>,
}

impl Finding {
    /// A finding; its code says how bad it is.
    pub fn new(code: FindingCode, message: impl Into<String>, detail: Option<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            detail,
        }
    }
}

/// Findings in the order in which they were made.
#[derive(Debug, Clone, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds one.
    pub fn add(&mut self, code: FindingCode, message: impl Into<String>, detail: Option<String>) {
        self.0.push(Finding::new(code, message, detail));
    }

    /// Adds one about `frames`, ascending, if there are any. `{}` in the message is their number.
    pub fn add_frames(
        &mut self,
        code: FindingCode,
        message: &str,
        frames: impl IntoIterator<Item = u64>,
    ) {
        let frames: Vec<u64> = frames.into_iter().collect();
        if !frames.is_empty() {
            let message = message.replace("{}", &frames.len().to_string());
            self.add(code, message, Some(format!("frames {}", ranges(frames))));
        }
    }

    /// Whether one has this code.
    #[must_use]
    pub fn has(&self, code: FindingCode) -> bool {
        self.0.iter().any(|finding| finding.code == code)
    }

    /// Those by which something is lost, or nothing can vouch for it.
    pub fn losses(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.0.iter();
        findings.filter(|finding| finding.severity == Severity::Error)
    }

    /// Whether something is lost, or nothing can vouch for it.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        self.losses().next().is_some()
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

//! Names that frames get when the caller gives none.

use mv2::frame::Frame;

/// The uri of a frame that was stored without one.
#[must_use]
pub fn default_uri(id: u64) -> String {
    format!("mv2://frames/{id}")
}

/// Gives a new frame its id and its document, and the names that follow from the id where the caller gave none.
pub fn identify(frame: &mut Frame, id: u64, document: Option<u64>) {
    frame.id = id;
    frame.parent_id = document;
    let uri = frame.uri.get_or_insert_with(|| default_uri(id));
    if frame.title.is_none() {
        frame.title = title_from_uri(uri);
    }
}

/// Whether `uri` is the one that frame `id` gets by default.
#[must_use]
pub fn is_default_uri(uri: &str, id: u64) -> bool {
    uri.strip_prefix("mv2://frames/")
        .and_then(|number| number.parse().ok())
        == Some(id)
}

/// The title that the file format derives from a uri (container.md §7.4); `None` when nothing is left of it.
#[must_use]
pub fn title_from_uri(uri: &str) -> Option<String> {
    let path = uri.split_once("://").map_or(uri, |(_, path)| path);
    let path = path
        .split(['#', '?'])
        .next()
        .unwrap_or_default()
        .trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let words: Vec<String> = stem
        .split(['-', '_', ' '])
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut characters = word.chars();
            let first = characters.next().map(|first| first.to_ascii_uppercase());
            first
                .into_iter()
                .chain(characters.map(|rest| rest.to_ascii_lowercase()))
                .collect()
        })
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_come_from_the_last_part_of_the_uri() {
        for (uri, title) in [
            ("mv2://w/nosearch", Some("Nosearch")),
            ("mv2://frames/2", Some("2")),
            (
                "mv2://docs/quarterly_report-FINAL.v2.txt?x=1#page",
                Some("Quarterly Report Final.v2"),
            ),
            ("file:///a/b/", Some("B")),
            ("mv2://", None),
        ] {
            assert_eq!(title_from_uri(uri).as_deref(), title, "{uri}");
        }
    }
}

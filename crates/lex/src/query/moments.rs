//! Months and days that a query names in words: what is asked about them was probably stored then.

/// A month, or a day of it, of one year or of any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    year: Option<i64>,
    month: i64,
    day: Option<i64>,
}

/// How near a point in time is to a [`Moment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nearness {
    Elsewhere,
    Month,
    Day,
}

impl Moment {
    /// How near `timestamp` is, in seconds since 1970, UTC.
    pub(crate) fn nearness(&self, timestamp: i64) -> Nearness {
        let (year, month, day) = date_of(timestamp.div_euclid(86_400));
        if month != self.month || self.year.is_some_and(|named| named != year) {
            Nearness::Elsewhere
        } else if self.day == Some(day) {
            Nearness::Day
        } else {
            Nearness::Month
        }
    }
}

/// A text may name many; more than these cost time at every good document.
const MOST: usize = 8;

/// What `text` names: `8 May 2023`, `May 8th`, `in June`, `2023-05-08`, `2023-05`.
pub(super) fn named(text: &str) -> Vec<Moment> {
    let words: Vec<&str> = text
        .split(|character: char| !character.is_alphanumeric() && character != '-')
        .filter(|word| !word.is_empty())
        .collect();
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let moment = iso(word).or_else(|| {
            let day_at = |index: Option<usize>| index.and_then(|at| day(words.get(at)?));
            let day = day_at(index.checked_sub(1)).or_else(|| day_at(Some(index + 1)));
            let sure = day.is_some() || index > 0;
            let month = month(word, sure)?;
            let year = words.iter().skip(index + 1).take(2);
            Some(Moment {
                year: year.filter_map(|word| year_of(word)).next(),
                month,
                day,
            })
        });
        found.extend(moment.filter(|moment| !found.contains(moment)));
        if found.len() == MOST {
            break;
        }
    }
    found
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The number of a month by its English name. Names that are words as well count in upper case, and when they are no
/// words that begin a sentence: when it is `sure`.
fn month(word: &str, sure: bool) -> Option<i64> {
    let lower = word.to_ascii_lowercase();
    let short = lower.len() == 3 || lower == "sept";
    let index = MONTHS
        .iter()
        .position(|name| *name == lower || short && name.starts_with(&lower))?;
    let upper = word.starts_with(|first: char| first.is_ascii_uppercase());
    let is_a_word_too = short || matches!(*MONTHS.get(index)?, "march" | "may" | "august");
    (!is_a_word_too || upper && sure).then_some(index as i64 + 1)
}

/// `8`, `8th`, `21st`.
fn day(word: &str) -> Option<i64> {
    let number = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|end| word.strip_suffix(end))
        .unwrap_or(word);
    let day = digits(number, 1..=2)?;
    (1..=31).contains(&day).then_some(day)
}

fn year_of(word: &str) -> Option<i64> {
    digits(word, 4..=4)
}

/// `2023-05` or `2023-05-08`.
fn iso(word: &str) -> Option<Moment> {
    let mut parts = word.split('-');
    let year = Some(digits(parts.next()?, 4..=4)?);
    let month = digits(parts.next()?, 2..=2).filter(|month| (1..=12).contains(month))?;
    let day = match parts.next() {
        Some(day) => Some(digits(day, 2..=2).filter(|day| (1..=31).contains(day))?),
        None => None,
    };
    parts
        .next()
        .is_none()
        .then_some(Moment { year, month, day })
}

fn digits(text: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let valid = lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if valid { text.parse().ok() } else { None }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn date_of(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last one.
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(year: Option<i64>, month: i64, day: Option<i64>) -> Moment {
        Moment { year, month, day }
    }

    #[test]
    fn months_and_days_are_seen_in_words() {
        for (text, expected) in [
            (
                "What happened on 8 May 2023?",
                moment(Some(2023), 5, Some(8)),
            ),
            (
                "what happened on May 8th, 2023",
                moment(Some(2023), 5, Some(8)),
            ),
            ("the trip in june", moment(None, 6, None)),
            ("the trip in Sept 2021", moment(Some(2021), 9, None)),
            ("notes of 2024-02-29", moment(Some(2024), 2, Some(29))),
            ("notes of 2024-02", moment(Some(2024), 2, None)),
            ("March 3 meeting", moment(None, 3, Some(3))),
        ] {
            assert_eq!(named(text), [expected], "{text}");
        }
        for text in [
            "May I see it",
            "they may march",
            "a dec address",
            "version 2024-13",
            "5 apples",
            "",
        ] {
            assert_eq!(named(text), [], "{text}");
        }
        assert_eq!(named(&"June 3 ".repeat(50)).len(), 1);
        assert_eq!(named("Jan Feb Mar Apr May Jun Jul Aug Sep Oct").len(), MOST);
    }

    #[test]
    fn nearness_is_by_calendar() {
        let noon = 1_709_208_000; // 2024-02-29T12:00:00Z
        assert_eq!(moment(None, 2, Some(29)).nearness(noon), Nearness::Day);
        assert_eq!(moment(Some(2024), 2, None).nearness(noon), Nearness::Month);
        assert_eq!(moment(None, 2, Some(28)).nearness(noon), Nearness::Month);
        assert_eq!(
            moment(Some(2023), 2, Some(29)).nearness(noon),
            Nearness::Elsewhere
        );
        assert_eq!(moment(None, 12, Some(31)).nearness(-1), Nearness::Day);
        // Any number may stand in a file.
        for timestamp in [i64::MIN, i64::MAX] {
            assert_ne!(
                moment(Some(2024), 1, None).nearness(timestamp),
                Nearness::Day
            );
        }
    }
}

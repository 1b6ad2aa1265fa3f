//! Dates and times in UTC: RFC 3339 as lock records use it, and the calendar behind it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// `2024-05-01T12:00:00.123Z`. Times before 1970 read as 1970.
pub fn to_rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / DAY, since.as_secs() % DAY);
    let (year, month, day) = civil_from_days(i64::try_from(days).unwrap_or_default());
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since.subsec_millis()
    )
}

/// Reads a time with any fraction and offset. `None` when it is not one, or is before 1970.
pub fn from_rfc3339(text: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| -> Option<u64> {
        let digits = text.get(range)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    let bytes = text.as_bytes();
    if !separators
        .iter()
        .all(|(position, byte)| bytes.get(*position) == Some(byte))
        || !matches!(bytes.get(10), Some(b'T' | b't' | b' '))
    {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = text.get(19..)?;
    let digits = rest
        .strip_prefix('.')
        .map_or("", |fraction| leading_digits(fraction));
    let millis: u64 = format!("{digits:0<3}").get(..3)?.parse().ok()?;
    let zone = if digits.is_empty() {
        rest
    } else {
        rest.get(1 + digits.len()..)?
    };
    let seconds = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    let seconds = match zone {
        "Z" | "z" => seconds,
        _ => {
            let offset_hour: u64 = zone.get(1..3)?.parse().ok()?;
            let offset_minute: u64 = zone.get(4..6)?.parse().ok()?;
            let offset = offset_hour * 3600 + offset_minute * 60;
            match zone.as_bytes().first()? {
                b'+' => seconds.checked_sub(offset)?,
                b'-' => seconds + offset,
                _ => return None,
            }
        }
    };
    UNIX_EPOCH.checked_add(Duration::from_millis(seconds * 1000 + millis))
}

fn leading_digits(text: &str) -> &str {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Year, month and day of a count of days since 1970-01-01. Years are counted from March inside, so that the leap day
/// comes last (Howard Hinnant, "chrono-compatible low-level date algorithms").
#[must_use]
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_come_back_as_they_were_written() {
        for seconds in [0, 951_782_400, 1_709_164_800, 1_714_564_800, 4_102_444_799] {
            let time = UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 7);
            assert_eq!(from_rfc3339(&to_rfc3339(time)), Some(time));
        }
        let time = UNIX_EPOCH + Duration::from_secs(1_714_564_800);
        assert_eq!(to_rfc3339(time), "2024-05-01T12:00:00.000Z");
        for text in [
            "2024-05-01T12:00:00Z",
            "2024-05-01T14:00:00+02:00",
            "2024-05-01T12:00:00.000000000Z",
            "2024-05-01T11:30:00.0-00:30",
        ] {
            assert_eq!(from_rfc3339(text), Some(time), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_time() {
        for text in [
            "",
            "yesterday",
            "2024-05-01",
            "2024-13-01T12:00:00Z",
            "2024-05-01T12:00:00",
            "2024-05-0äT12:00:00Z",
        ] {
            assert_eq!(from_rfc3339(text), None, "{text}");
        }
    }
}

//! Dates as people type them.

use std::ops::RangeInclusive;

/// Parses the inside of `date:[a TO b]`, or a single date. `None`: not a range of dates.
pub(super) fn parse_range(text: &str) -> Option<RangeInclusive<i64>> {
    let mut parts = text.split_whitespace();
    let (from, separator, to) = (parts.next()?, parts.next(), parts.next());
    if parts.next().is_some() {
        return None;
    }
    let (from, to) = match (separator, to) {
        (None, None) => (from, from),
        (Some(separator), Some(to)) if separator.eq_ignore_ascii_case("to") => (from, to),
        _ => return None,
    };
    let start = if from == "*" {
        i64::MIN
    } else {
        *parse(from)?.start()
    };
    let end = if to == "*" {
        i64::MAX
    } else {
        *parse(to)?.end()
    };
    Some(start..=end)
}

/// First and last second of a year, month, day or point in time.
pub(super) fn parse(text: &str) -> Option<RangeInclusive<i64>> {
    let (date, time) = match text.find(['T', 't']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let mut fields = date.split('-');
    let year = digits(fields.next()?, 4)?;
    let month = fields.next().map(|field| digits(field, 2));
    let day = fields.next().map(|field| digits(field, 2));
    if fields.next().is_some() {
        return None;
    }
    let (month, day) = match (month, day) {
        (None, _) => (None, None),
        (Some(month), None) => (Some(month?), None),
        (Some(month), Some(day)) => (Some(month?), Some(day?)),
    };
    if month.is_some_and(|month| !(1..=12).contains(&month)) {
        return None;
    }
    let last_day = days_in_month(year, month.unwrap_or(12));
    if day.is_some_and(|day| !(1..=last_day).contains(&day)) {
        return None;
    }
    let start = days_from_epoch(year, month.unwrap_or(1), day.unwrap_or(1)) * 86_400;
    match time {
        None => {
            let end = days_from_epoch(year, month.unwrap_or(12), day.unwrap_or(last_day)) * 86_400
                + 86_399;
            Some(start..=end)
        }
        Some(time) => {
            day?;
            let moment = start + seconds(time)?;
            Some(moment..=moment)
        }
    }
}

/// `hh:mm[:ss[.fraction]]` with `Z` or an offset, as seconds from the beginning of the day in UTC.
fn seconds(time: &str) -> Option<i64> {
    let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) if matches!(time.as_bytes()[at], b'Z' | b'z') => {
            (&time[..at], (at + 1 == time.len()).then_some(0)?)
        }
        Some(at) => {
            let (hours, minutes) = time[at + 1..].split_once(':')?;
            let offset = digits(hours, 2)? * 3_600 + digits(minutes, 2)? * 60;
            (
                &time[..at],
                if time.as_bytes()[at] == b'-' {
                    -offset
                } else {
                    offset
                },
            )
        }
        None => (time, 0),
    };
    let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let mut fields = clock.split(':');
    let hours = digits(fields.next()?, 2)?;
    let minutes = digits(fields.next()?, 2)?;
    let seconds = fields.next().map_or(Some(0), |field| digits(field, 2))?;
    let valid = hours < 24 && minutes < 60 && seconds <= 60 && fields.next().is_none();
    valid.then_some(hours * 3_600 + minutes * 60 + seconds - offset)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let valid = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if valid { text.parse().ok() } else { None }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days between 1970-01-01 and a date of the Gregorian calendar.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_cover_what_they_name() {
        assert_eq!(parse("1970-01-01"), Some(0..=86_399));
        assert_eq!(parse("2024"), Some(1_704_067_200..=1_735_689_599));
        assert_eq!(parse("2024-02"), Some(1_706_745_600..=1_709_251_199));
        assert_eq!(parse("2024-02-29"), Some(1_709_164_800..=1_709_251_199));
        assert_eq!(
            parse("2024-05-01T12:00:00Z"),
            Some(1_714_564_800..=1_714_564_800)
        );
        assert_eq!(
            parse("2024-05-01T14:00:00.5+02:00"),
            Some(1_714_564_800..=1_714_564_800)
        );
        for wrong in [
            "2023-02-29",
            "2024-13",
            "24",
            "x",
            "2024-05-01T25:00:00Z",
            "2024T10:00:00Z",
            "",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ranges_are_inclusive_and_may_be_open() {
        assert_eq!(
            parse_range("2024-02-29 TO 2024-02-29"),
            Some(1_709_164_800..=1_709_251_199)
        );
        assert_eq!(parse_range("* to 1970"), Some(i64::MIN..=31_535_999));
        assert_eq!(parse_range("1970 TO *"), Some(0..=i64::MAX));
        assert_eq!(parse_range("1970"), Some(0..=31_535_999));
        assert_eq!(parse_range("soon TO later"), None);
    }
}

//! Seconds since 1970 as a date, in UTC.

use mv2::time::civil_from_days;

/// `2023-01-15T00:00:00Z`. Years outside 0000–9999 get a sign, as ISO 8601 wants.
#[must_use]
pub fn iso8601(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400);
    let time = seconds.rem_euclid(86_400);
    let (year, month, day) = civil_from_days(days);
    // By hand: every hit of a search has a date, and formatting one by the standard library takes five times as long.
    let mut text = String::with_capacity(24);
    if (0..=9999).contains(&year) {
        push_two(&mut text, year / 100);
        push_two(&mut text, year % 100);
    } else {
        text.push_str(&format!("{year:+07}"));
    }
    let parts = [
        ('-', month),
        ('-', day),
        ('T', time / 3600),
        (':', time / 60 % 60),
        (':', time % 60),
    ];
    for (mark, number) in parts {
        text.push(mark);
        push_two(&mut text, number);
    }
    text.push('Z');
    text
}

/// Appends a number under 100 as two digits.
fn push_two(text: &mut String, number: i64) {
    for digit in [number / 10, number % 10] {
        text.push(char::from(b'0' + digit as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::iso8601;

    #[test]
    fn dates_are_right() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_673_740_800, "2023-01-15T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
            (253_402_300_800, "+010000-01-01T00:00:00Z"),
        ] {
            assert_eq!(iso8601(seconds), text);
        }
    }
}

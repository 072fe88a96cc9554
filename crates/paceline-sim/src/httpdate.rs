//! Dates as headers have them: `Sun, 06 Nov 1994 08:49:37 GMT`, and `1994-11-06T08:49:37Z`.

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment given in seconds since 1970, as HTTP writes it.
pub(crate) fn format(unix_s: i64) -> String {
    let (year, month, day) = civil(unix_s.div_euclid(86_400));
    let weekday = DAYS[unix_s.div_euclid(86_400).rem_euclid(7) as usize];
    let (name, clock) = (MONTHS[month], clock(unix_s));
    format!("{weekday}, {day:02} {name} {year:04} {clock} GMT")
}

/// The same moment as RFC 3339 writes it.
pub(crate) fn rfc3339(unix_s: i64) -> String {
    let (year, month, day) = civil(unix_s.div_euclid(86_400));
    format!("{year:04}-{:02}-{day:02}T{}Z", month + 1, clock(unix_s))
}

fn clock(unix_s: i64) -> String {
    let seconds = unix_s.rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Year, month from 0 and day from 1.
fn civil(days: i64) -> (i64, usize, i64) {
    let mut year = 1970;
    let mut left = days;
    // Whole years first, then whole months: a few hundred steps at most for any date in use.
    while left < 0 {
        year -= 1;
        left += year_days(year);
    }
    while left >= year_days(year) {
        left -= year_days(year);
        year += 1;
    }
    let mut month = 0;
    while left >= month_days(year, month) {
        left -= month_days(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn year_days(year: i64) -> i64 {
    if leap(year) { 366 } else { 365 }
}

fn month_days(year: i64, month: usize) -> i64 {
    match month {
        1 if leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        assert_eq!(format(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(format(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(format(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(format(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
        assert_eq!(format(1798761599), "Thu, 31 Dec 2026 23:59:59 GMT");
        assert_eq!(rfc3339(784111777), "1994-11-06T08:49:37Z");
    }
}

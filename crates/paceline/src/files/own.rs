//! Which files are ours, by their names, and which of them are old enough to go. Foreign files are never touched.

use jiff::civil::Date;
use std::fs;
use std::path::{Path, PathBuf};

/// A kind of file that Paceline makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// `hourly_YYYYMMDD_HH.json`
    Hourly,
    /// `daily_YYYYMMDD.json`
    Daily,
    /// `performance_YYYYMMDD_HHMMSS.jsonl`
    Operations,
}

impl Own {
    /// What stands before the time, how many digits after the date's, and the ending.
    const fn shape(self) -> (&'static str, usize, &'static str) {
        match self {
            Self::Hourly => ("hourly_", 2, ".json"),
            Self::Daily => ("daily_", 0, ".json"),
            Self::Operations => ("performance_", 6, ".jsonl"),
        }
    }

    /// The name of the file of that time (`YYYYMMDD`, with `_HH` or `_HHMMSS` as the kind has it).
    pub fn name(self, time: &str) -> String {
        let (begin, _, end) = self.shape();
        format!("{begin}{time}{end}")
    }

    /// The local date in the name of such a file; `None` for every other name.
    pub fn date(self, name: &str) -> Option<Date> {
        let (begin, digits, end) = self.shape();
        let time = name.strip_prefix(begin)?.strip_suffix(end)?;
        let (date, clock) = time.split_once('_').unwrap_or((time, ""));
        let plain = clock.bytes().all(|b| b.is_ascii_digit());
        if !plain || clock.len() != digits || time.contains('_') != (digits > 0) {
            return None;
        }
        date_of(date)
    }

    /// The files of this kind in a folder, oldest name first.
    pub fn files(self, folder: &Path) -> Vec<OwnFile> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<OwnFile> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let date = self.date(&name)?;
                let bytes = entry.metadata().map_or(0, |data| data.len());
                Some(OwnFile { path: entry.path(), date, bytes, name })
            })
            .collect();
        files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        files
    }
}

/// `YYYYMMDD`.
fn date_of(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    Date::new(year, month as i8, day as i8).ok()
}

/// A file of ours.
#[derive(Debug)]
pub struct OwnFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// The local date in its name.
    pub date: Date,
    /// How large it is.
    pub bytes: u64,
}

/// How long files are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Those of more days ago go; `None` keeps them for ever.
    pub days: Option<u32>,
    /// The oldest go until all together are no more bytes than this.
    pub bytes: Option<u64>,
}

/// Removes the files of a kind that are too old on the local day `today` (`YYYYMMDD`), or too many; `spare` always stays.
/// How many went.
pub fn tidy(kind: Own, folder: &Path, today: &str, keep: Keep, spare: Option<&str>) -> usize {
    let Some(today) = date_of(today) else { return 0 };
    let files = kind.files(folder);
    let mut bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let mut gone = 0;
    for file in files {
        let age = file.date.duration_until(today).as_hours() / 24;
        let old = keep.days.is_some_and(|days| age > i64::from(days));
        let many = keep.bytes.is_some_and(|most| bytes > most);
        if (old || many) && spare != Some(&file.name) && fs::remove_file(&file.path).is_ok() {
            bytes -= file.bytes;
            gone += 1;
        }
    }
    gone
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Keep, Own, tidy};
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A folder that goes away with the test.
    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name =
                format!("paceline-files-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }

        /// The names in it, sorted.
        pub(crate) fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<String> =
                entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn names_are_made_and_told() {
        for (kind, time, name) in [
            (Own::Hourly, "20251128_01", "hourly_20251128_01.json"),
            (Own::Daily, "20251128", "daily_20251128.json"),
            (Own::Operations, "20251128_010203", "performance_20251128_010203.jsonl"),
        ] {
            assert_eq!(kind.name(time), name);
            assert_eq!(kind.date(name).map(|date| date.to_string()).as_deref(), Some("2025-11-28"));
        }
        for foreign in [
            "hourly_20251128.json",
            "hourly_20251128_1.json",
            "hourly_20251128_01.json.gz",
            "hourly_20251328_01.json",
            "my_hourly_20251128_01.json",
            "hourly_2025+128_01.json",
            "hourly_20251128__1.json",
            "hourly_.json",
        ] {
            assert_eq!(Own::Hourly.date(foreign), None, "{foreign}");
        }
        assert_eq!(Own::Daily.date("daily_20251128_.json"), None);
        assert_eq!(Own::Operations.date("performance_20251128_010203.json"), None);
    }

    #[test]
    fn old_files_go_and_foreign_ones_stay() {
        let folder = Folder::new();
        let foreign = ["hourly_20250101.json", "notes.txt", "daily_20250101.json"];
        let own = ["hourly_20251001_05.json", "hourly_20251031_23.json", "hourly_20251130_00.json"];
        for name in foreign.iter().chain(&own) {
            fs::write(folder.path().join(name), b"x").unwrap();
        }
        fs::create_dir(folder.path().join("hourly_20250101_00.json")).unwrap();
        let days = |days| Keep { days, bytes: None };
        assert_eq!(tidy(Own::Hourly, folder.path(), "20251130", days(None), None), 0);
        assert_eq!(tidy(Own::Hourly, folder.path(), "20251130", days(Some(30)), None), 1);
        assert_eq!(folder.names().len(), 6);
        assert_eq!(tidy(Own::Hourly, folder.path(), "20251201", days(Some(30)), None), 1);
        assert!(folder.path().join("hourly_20251130_00.json").exists());
        for name in foreign {
            assert!(folder.path().join(name).exists(), "{name}");
        }
        // A clock that is years behind removes nothing.
        assert_eq!(tidy(Own::Hourly, folder.path(), "19700101", days(Some(0)), None), 0);
    }

    #[test]
    fn together_they_stay_below_the_bound_and_the_open_one_is_spared() {
        let folder = Folder::new();
        let name = |hour: u32| Own::Operations.name(&format!("20251130_{hour:02}0000"));
        for hour in 0..5 {
            fs::write(folder.path().join(name(hour)), [b'x'; 100]).unwrap();
        }
        let keep = Keep { days: None, bytes: Some(250) };
        assert_eq!(tidy(Own::Operations, folder.path(), "20251130", keep, None), 3);
        assert_eq!(folder.names(), [name(3), name(4)]);
        let none = Keep { days: Some(0), bytes: Some(0) };
        assert_eq!(tidy(Own::Operations, folder.path(), "20301130", none, Some(&name(4))), 1);
        assert_eq!(folder.names(), [name(4)]);
    }
}

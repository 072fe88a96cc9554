//! The log's files: one a process and local day, further ones when one is large; whole lines only.

use super::line::Lines;
use crate::files::own::{Keep, Own, tidy};
use crate::files::zone::Zone;
use paceline_types::time::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Names that are tried for a new file, a second apart: where clocks are set back an old file may have the name.
const NAMES: i64 = 120;
/// How long a disk that refused is left alone, microseconds.
const RETRY: i64 = 10_000_000;
/// Trouble that comes and goes is not told more often, microseconds.
const QUIET: i64 = 600_000_000;

/// Where lines go.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    zone: Zone,
    max_bytes: u64,
    keep: Keep,
    open: Option<Open>,
    /// Not before this after a failure.
    retry_at: Option<Timestamp>,
    lost: u64,
    problem: Option<String>,
    /// When the last problem was told.
    told_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Open {
    file: File,
    name: String,
    /// Whole lines up to here.
    bytes: u64,
    /// When its local day ends.
    until: Timestamp,
    /// Whether something may stand behind `bytes`.
    torn: bool,
}

impl Open {
    /// Makes the next file; one that exists is never written to.
    fn create(folder: &Path, zone: &Zone, now: Timestamp) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for second in 0..NAMES {
            let name = Own::Operations.name(&zone.stamp(Timestamp(now.0.saturating_add(second * 1_000_000))));
            match OpenOptions::new().write(true).create_new(true).open(folder.join(&name)) {
                Ok(file) => {
                    let until = zone.day_of(now).until;
                    return Ok(Self { file, name, bytes: 0, until, torn: false });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Writes lines behind those that stand.
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.bytes)?;
            self.file.seek(SeekFrom::Start(self.bytes))?;
            self.torn = false;
        }
        self.torn = true;
        self.file.write_all(text)?;
        self.torn = false;
        self.bytes += text.len() as u64;
        Ok(())
    }
}

impl Disk {
    /// Files in `folder` of about `max_bytes` at most.
    pub(super) fn new(folder: &Path, zone: Zone, max_bytes: u64, keep: Keep) -> Self {
        let folder = folder.to_owned();
        Self {
            folder,
            zone,
            max_bytes,
            keep,
            open: None,
            retry_at: None,
            lost: 0,
            problem: None,
            told_at: None,
        }
    }

    /// Other settings, from the next file on.
    pub(super) fn set(&mut self, folder: &Path, zone: Zone, max_bytes: u64, keep: Keep) {
        if self.folder != folder || self.zone != zone {
            self.close();
            (self.retry_at, self.told_at) = (None, None);
        }
        (self.folder, self.zone, self.max_bytes, self.keep) = (folder.to_owned(), zone, max_bytes, keep);
    }

    /// Lines that were lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Why lines are lost, told once as it begins.
    pub(super) fn take_problem(&mut self) -> Option<String> {
        self.problem.take()
    }

    /// Whether lines that come now have a chance.
    pub(super) fn is_well(&self, now: Timestamp) -> bool {
        // A clock that was set back begins anew.
        self.retry_at.is_none_or(|at| now >= at || at.0.saturating_sub(now.0) > RETRY)
    }

    /// Writes lines, all or none of them, and leaves `lines` empty.
    pub(super) fn append(&mut self, lines: &mut Lines, now: Timestamp) {
        if lines.text.is_empty() {
            return;
        }
        let written = if self.is_well(now) { self.put(&lines.text, now) } else { Ok(false) };
        match written {
            Ok(true) => self.retry_at = None,
            Ok(false) => self.lost += lines.count,
            Err(error) => {
                self.lost += lines.count;
                let is_news = self.retry_at.is_none()
                    && self.told_at.is_none_or(|at| (now.0.saturating_sub(at.0)).saturating_abs() >= QUIET);
                self.retry_at = Some(Timestamp(now.0.saturating_add(RETRY)));
                if is_news {
                    self.told_at = Some(now);
                    let folder = self.folder.display();
                    self.problem = Some(format!("the operations log in {folder} cannot be written: {error}"));
                }
            }
        }
        lines.text.clear();
        lines.count = 0;
    }

    fn put(&mut self, text: &[u8], now: Timestamp) -> io::Result<bool> {
        let full = |open: &Open| open.bytes > 0 && open.bytes + text.len() as u64 > self.max_bytes;
        if self.open.as_ref().is_some_and(|open| now >= open.until || full(open)) {
            self.close();
        }
        let open = match &mut self.open {
            Some(open) => open,
            empty => {
                let open = Open::create(&self.folder, &self.zone, now)?;
                let today = self.zone.day_of(now).name;
                tidy(Own::Operations, &self.folder, &today, self.keep, Some(&open.name));
                empty.insert(open)
            }
        };
        open.write(text)?;
        Ok(true)
    }

    /// Ends a day that is over, also when nothing comes.
    pub(super) fn tick(&mut self, now: Timestamp) {
        if self.open.as_ref().is_some_and(|open| now >= open.until) {
            self.close();
        }
    }

    /// Puts what was written on the disk and lets go of the file.
    pub(super) fn close(&mut self) {
        if let Some(open) = self.open.take() {
            if open.torn {
                let _ = open.file.set_len(open.bytes);
            }
            let _ = open.file.sync_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Disk, Keep, Lines};
    use crate::files::own::tests::Folder;
    use crate::files::zone::Zone;
    use paceline_types::time::Timestamp;
    use std::fs;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn lines(text: &str) -> Lines {
        Lines { text: text.as_bytes().to_vec(), count: text.lines().count() as u64, ..Lines::default() }
    }

    fn disk(folder: &Folder, max_bytes: u64) -> Disk {
        Disk::new(folder.path(), Zone::parse("Europe/Berlin").unwrap(), max_bytes, Keep::default())
    }

    #[test]
    fn a_file_begins_with_its_first_line_and_ends_with_its_day_or_its_size() {
        let folder = Folder::new();
        let mut disk = disk(&folder, 20);
        disk.tick(at("2026-05-01T20:00:00Z"));
        assert_eq!(folder.names(), [""; 0]);
        let steps = [
            ("2026-05-01T20:00:00Z", "{\"a\":1}\n"),
            ("2026-05-01T20:00:01Z", "{\"b\":2}\n"),
            // Too large for the first, in the same second as the next.
            ("2026-05-01T20:00:01Z", "{\"c\":3}\n{\"d\":4}\n"),
            ("2026-05-01T20:00:01Z", "{\"e\":5}\n"),
            ("2026-05-01T22:00:00Z", "{\"f\":6}\n"),
        ];
        for (now, text) in steps {
            disk.append(&mut lines(text), at(now));
        }
        assert_eq!((disk.lost(), disk.take_problem()), (0, None));
        let names = [
            ("performance_20260501_220000.jsonl", "{\"a\":1}\n{\"b\":2}\n"),
            ("performance_20260501_220001.jsonl", "{\"c\":3}\n{\"d\":4}\n"),
            ("performance_20260501_220002.jsonl", "{\"e\":5}\n"),
            ("performance_20260502_000000.jsonl", "{\"f\":6}\n"),
        ];
        assert_eq!(folder.names(), names.map(|(name, _)| name));
        for (name, text) in names {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), text);
        }
    }

    #[test]
    fn a_disk_that_refuses_loses_whole_lines_and_says_so() {
        let folder = Folder::new();
        let place = folder.path().join("logs");
        fs::write(&place, b"a file where the folder should be").unwrap();
        let mut disk = Disk::new(&place, Zone::utc(), 1000, Keep::default());
        disk.append(&mut lines("{}\n{}\n"), at("2026-05-01T20:00:00Z"));
        assert!(disk.take_problem().unwrap().contains("logs"));
        disk.append(&mut lines("{}\n"), at("2026-05-01T20:00:01Z"));
        assert_eq!((disk.lost(), disk.take_problem()), (3, None), "not asked again at once");
        disk.append(&mut lines("{}\n"), at("2026-05-01T20:00:11Z"));
        assert_eq!((disk.lost(), disk.take_problem()), (4, None), "asked again, and known already");
        fs::remove_file(&place).unwrap();
        disk.append(&mut lines("{}\n"), at("2026-05-01T20:00:22Z"));
        assert_eq!((disk.lost(), fs::read_dir(&place).unwrap().count()), (4, 1));
        let mut breaks_again = |time: &str| {
            disk.close();
            fs::remove_dir_all(&place).unwrap();
            fs::write(&place, b"a file once more").unwrap();
            disk.append(&mut lines("{}\n"), at(time));
            fs::remove_file(&place).unwrap();
            disk.append(&mut lines("{}\n"), at(&time.replace(":00Z", ":30Z")));
            disk.take_problem().is_some()
        };
        assert!(!breaks_again("2026-05-01T20:05:00Z"), "it comes and goes");
        assert!(breaks_again("2026-05-01T20:15:00Z"), "later it is news again");
    }

    #[test]
    fn what_was_torn_is_cut_before_the_next_line() {
        let folder = Folder::new();
        let mut disk = disk(&folder, 1000);
        disk.append(&mut lines("{\"a\":1}\n"), at("2026-05-01T20:00:00Z"));
        // What a write that was broken off leaves.
        let open = disk.open.as_mut().unwrap();
        std::io::Write::write_all(&mut open.file, b"{\"half\":").unwrap();
        open.torn = true;
        disk.append(&mut lines("{\"b\":2}\n"), at("2026-05-01T20:00:01Z"));
        disk.close();
        let text = fs::read_to_string(folder.path().join(&folder.names()[0])).unwrap();
        assert_eq!(text, "{\"a\":1}\n{\"b\":2}\n");
    }

    #[test]
    fn old_files_go_when_a_new_one_begins() {
        let folder = Folder::new();
        for name in ["performance_20260401_000000.jsonl", "performance_20260430_000000.jsonl", "mine.jsonl"] {
            fs::write(folder.path().join(name), b"{}\n").unwrap();
        }
        let keep = Keep { days: Some(7), bytes: None };
        let mut disk = Disk::new(folder.path(), Zone::utc(), 1000, keep);
        disk.append(&mut lines("{}\n"), at("2026-05-01T20:00:00Z"));
        assert_eq!(
            folder.names(),
            ["mine.jsonl", "performance_20260430_000000.jsonl", "performance_20260501_200000.jsonl"]
        );
    }
}

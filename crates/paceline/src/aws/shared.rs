//! The files that AWS's tools share, and the profile in them that counts here.

use super::chain::{Asked, Env};
use paceline_dialect::bedrock::document::Temporary;
use paceline_dialect::bedrock::profile::{self, File, Profile};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// One of the files.
struct Found {
    path: PathBuf,
    /// `None`: there is no such file.
    text: Option<String>,
    profile: Option<Profile>,
}

/// Both files, and which profile is meant.
pub(super) struct Shared {
    name: String,
    /// Who says so; `None`: nobody, so that it need not be there.
    named_by: Option<&'static str>,
    credentials: Found,
    config: Found,
}

impl Shared {
    /// Reads both.
    ///
    /// # Errors
    /// When one is there and cannot be read; in words.
    pub(super) fn read(env: &Env, setting: Option<&str>) -> Result<Self, String> {
        let (name, named_by) = match (setting, env("AWS_PROFILE")) {
            (Some(name), _) => (name.to_owned(), Some("the setting")),
            (None, Some(name)) => (name.trim().to_owned(), Some("AWS_PROFILE")),
            (None, None) => ("default".to_owned(), None),
        };
        let credentials = place(env, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let config = place(env, "AWS_CONFIG_FILE", "config");
        Ok(Self {
            credentials: Found::read(credentials, File::Credentials, &name)?,
            config: Found::read(config, File::Config, &name)?,
            name,
            named_by,
        })
    }

    /// The profile's keys.
    ///
    /// # Errors
    /// When the profile was named and is not there, has half a key, or gets its credentials in a way that is not
    /// supported.
    pub(super) fn credentials(&self) -> Result<Asked, String> {
        let files = [&self.credentials, &self.config];
        if files.iter().all(|file| file.profile.is_none()) {
            return self.no_profile();
        }
        // A role or a sign-on is another identity than the keys beside it; a process only stands in for keys.
        for file in files {
            file.refuse_other_way(&self.name, |way| way != "credential_process")?;
        }
        for file in files {
            if let Some(profile) = &file.profile {
                let keys = profile.credentials();
                let keys = keys.map_err(|error| format!("{}, {error}", file.path.display()))?;
                if let Some(credentials) = keys {
                    return Ok(Asked::Found(Temporary { credentials, expires_s: None }));
                }
            }
            file.refuse_other_way(&self.name, |_| true)?;
        }
        let why = format!(
            "the profile `{}` has no aws_access_key_id in {} or {}",
            self.name,
            self.credentials.path.display(),
            self.config.path.display()
        );
        if self.named_by.is_some() { Err(why) } else { Ok(Asked::Absent(why)) }
    }

    /// The profile's region, and the file it stands in.
    ///
    /// # Errors
    /// When the profile was named and is not there.
    pub(super) fn region(&self) -> Result<Option<(String, String)>, String> {
        let files = [&self.config, &self.credentials];
        if files.iter().all(|file| file.profile.is_none()) {
            return self.no_profile().map(|_| None);
        }
        let found = files.into_iter().find_map(|file| {
            let region = file.profile.as_ref()?.region.clone()?;
            Some((region, format!("{}, profile `{}`", file.path.display(), self.name)))
        });
        Ok(found)
    }

    fn no_profile(&self) -> Result<Asked, String> {
        let told = |file: &Found, kind| {
            let path = file.path.display();
            match &file.text {
                None => format!("{path} is not there"),
                Some(text) => match profile::names(text, kind).join(", ") {
                    names if names.is_empty() => format!("{path} has no profiles"),
                    names => format!("{path} has {names}"),
                },
            }
        };
        let credentials = told(&self.credentials, File::Credentials);
        let why = format!("no profile `{}`: {credentials}; {}", self.name, told(&self.config, File::Config));
        match self.named_by {
            Some(by) => Err(format!("{why}; it is named by {by}")),
            None => Ok(Asked::Absent(why)),
        }
    }
}

impl Found {
    fn read(path: PathBuf, kind: File, name: &str) -> Result<Self, String> {
        let told = |why: &dyn std::fmt::Display| format!("{}, {why}", path.display());
        let text = match read(&path) {
            Ok(text) => Some(text),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                None
            }
            Err(error) => return Err(told(&format!("which cannot be read: {error}"))),
        };
        let profile = match &text {
            Some(text) => profile::find(text, kind, name).map_err(|error| told(&error))?,
            None => None,
        };
        Ok(Self { path, text, profile })
    }

    fn refuse_other_way(&self, name: &str, is_refused: impl Fn(&str) -> bool) -> Result<(), String> {
        let way = self.profile.as_ref().and_then(|profile| profile.other_way);
        match way.filter(|(way, _)| is_refused(way)) {
            None => Ok(()),
            Some((way, line)) => Err(format!(
                "{}, line {line}: the profile `{name}` gets its credentials by `{way}`, which is not supported; \
                 export them (`aws configure export-credentials --format env`) or use a profile with keys",
                self.path.display()
            )),
        }
    }
}

/// Where a file is: as a variable says, or in the folder of AWS's tools.
fn place(env: &Env, variable: &str, usual: &str) -> PathBuf {
    let home = env("HOME").map_or_else(|| PathBuf::from("~"), PathBuf::from);
    match env(variable) {
        None => home.join(".aws").join(usual),
        Some(path) => match path.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => PathBuf::from(path),
        },
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it is longer than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

//! Profiles in the files that AWS's tools share: `~/.aws/credentials` and `~/.aws/config`.
//!
//! Form: SDKs and tools reference guide, "Shared config and credentials files". In `config` a profile's section is called
//! `[profile NAME]` (`[default]` needs no word before it), in `credentials` just `[NAME]`. Indented lines belong to the
//! setting above them and hold nothing that is asked for here.

use super::sign::Credentials;
use paceline_types::secret::Secret;
use std::fmt;

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// `~/.aws/credentials`.
    Credentials,
    /// `~/.aws/config`.
    Config,
}

/// What stands in one file under one name.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    access_key: Option<Written<String>>,
    secret_key: Option<Written<Secret>>,
    session_token: Option<Secret>,
    /// `region`.
    pub region: Option<String>,
    /// A setting that gives credentials in a way of its own, with the line it stands in: the first of [`OTHER_WAYS`].
    pub other_way: Option<(&'static str, usize)>,
}

/// Settings by which a profile gets credentials without having keys, the strongest first.
pub const OTHER_WAYS: &[&str] = &["role_arn", "sso_session", "sso_start_url", "credential_process"];

#[derive(Clone, Debug)]
struct Written<T> {
    value: T,
    line: usize,
}

/// A line at fault, counted from 1. What stands in it is not repeated: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileError {
    /// The line.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ProfileError {}

impl Profile {
    /// The profile's own keys; `None` when it has none.
    ///
    /// # Errors
    /// When it has only half of them.
    pub fn credentials(&self) -> Result<Option<Credentials>, ProfileError> {
        let lacks = |line, have, lack| {
            Err(ProfileError { line, what: format!("the profile has {have} but no {lack}") })
        };
        match (&self.access_key, &self.secret_key) {
            (Some(access), Some(secret)) => Ok(Some(Credentials {
                access_key: access.value.clone(),
                secret_key: secret.value.clone(),
                session_token: self.session_token.clone(),
            })),
            (Some(access), None) => lacks(access.line, "aws_access_key_id", "aws_secret_access_key"),
            (None, Some(secret)) => lacks(secret.line, "aws_secret_access_key", "aws_access_key_id"),
            (None, None) => Ok(None),
        }
    }

    fn set(&mut self, name: &str, value: &str, line: usize) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        match name {
            "aws_access_key_id" => self.access_key = Some(Written { value: value.to_owned(), line }),
            "aws_secret_access_key" => self.secret_key = Some(Written { value: Secret::new(value), line }),
            "aws_session_token" => self.session_token = Some(Secret::new(value)),
            "region" => self.region = Some(value.to_owned()),
            _ => {
                let rank = |name: &str| OTHER_WAYS.iter().position(|way| *way == name);
                let Some(way) = rank(name) else { return };
                if self.other_way.is_none_or(|(known, _)| rank(known) > Some(way)) {
                    self.other_way = Some((OTHER_WAYS[way], line));
                }
            }
        }
    }
}

/// Reads the profile `name` out of a file's text; `None` when there is no such section.
///
/// # Errors
/// When a section's head is not closed, or a line of this profile is no setting.
pub fn find(text: &str, file: File, name: &str) -> Result<Option<Profile>, ProfileError> {
    let mut found: Option<(Profile, bool)> = None;
    let mut inside = false;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (nth, line) in text.lines().enumerate() {
        let number = nth + 1;
        let is_indented = line.starts_with([' ', '\t']);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(head) = trimmed.strip_prefix('[') {
            let Some((head, _)) = head.split_once(']') else {
                return Err(ProfileError {
                    line: number,
                    what: "the section's `[` is not closed".to_owned(),
                });
            };
            let section = section(head, file);
            inside = section.is_some_and(|(section, _)| section == name);
            if let Some((_, with_word)) = section.filter(|_| inside) {
                // `[profile default]` counts more than `[default]`, wherever they stand.
                match &found {
                    Some((_, had_word)) if *had_word && !with_word => inside = false,
                    Some((_, had_word)) if *had_word == with_word => {}
                    _ => found = Some((Profile::default(), with_word)),
                }
            }
            continue;
        }
        let Some((profile, _)) = found.as_mut().filter(|_| inside && !is_indented) else { continue };
        let Some((name, value)) = trimmed.split_once('=') else {
            return Err(ProfileError { line: number, what: "this is no `name = value`".to_owned() });
        };
        profile.set(&name.trim().to_ascii_lowercase(), without_comment(value), number);
    }
    Ok(found.map(|(profile, _)| profile))
}

/// The names of all profiles in a file, in its order.
pub fn names(text: &str, file: File) -> Vec<&str> {
    let heads = text.lines().filter_map(|line| line.trim().strip_prefix('[')?.split_once(']'));
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in heads.filter_map(|(head, _)| section(head, file)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The profile that a section is about, and whether the word `profile` was there.
fn section(head: &str, file: File) -> Option<(&str, bool)> {
    let head = head.trim();
    let (name, with_word) = match file {
        File::Credentials => (head, false),
        File::Config => match head.strip_prefix("profile") {
            Some(name) if name.starts_with([' ', '\t']) => (name.trim(), true),
            _ if head == "default" => (head, false),
            _ => return None,
        },
    };
    let unquoted = ['"', '\''].iter().find_map(|quote| name.strip_prefix(*quote)?.strip_suffix(*quote));
    Some((unquoted.unwrap_or(name), with_word))
}

/// A comment after a value has a space before its mark; a mark inside a value has none.
fn without_comment(value: &str) -> &str {
    let marks = [" #", " ;", "\t#", "\t;"];
    let end = marks.iter().filter_map(|mark| value.find(mark)).min();
    &value[..end.unwrap_or(value.len())]
}

#[cfg(test)]
#[path = "profile_test.rs"]
mod tests;

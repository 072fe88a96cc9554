//! Fetches secrets from where the configuration says they are; messages name the place, never the value.

use super::env::Env;
use super::excerpt::looks_secret;
use super::problem::Fault;
use super::values::KeySource;
use paceline_types::secret::Secret;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A key is shorter than this.
const KEY_BYTES_AT_MOST: u64 = 64 << 10;

/// Where a secret is to come from, as written.
pub(super) struct Place<'a> {
    pub env: Option<&'a str>,
    pub file: Option<&'a str>,
}

/// The secret at the place; with a variable and a file at once, neither is taken.
pub(super) fn fetch(
    place: &Place<'_>,
    env: &Env<'_>,
    base: &Path,
) -> Option<Result<(Secret, KeySource), Fault>> {
    match (place.env, place.file) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            Some(Err(Fault::new("the key has both a variable and a file").help("keep one of the two")))
        }
        (Some(name), None) => Some(from_env(name, env)),
        (None, Some(path)) => Some(from_file(path, base)),
    }
}

fn from_env(name: &str, env: &Env<'_>) -> Result<(Secret, KeySource), Fault> {
    let fits = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !fits(name) {
        return Err(Fault::new("this is no name of a variable (letters, digits, `_`)")
            .help("give the name of the variable that holds the key, not the key itself"));
    }
    let Some(value) = env.get(name) else {
        let usual = !looks_secret(name) && !name.bytes().any(|byte| byte.is_ascii_lowercase());
        return Err(if usual {
            Fault::new(format!("the environment variable {name} is not set or empty"))
                .help(&format!("set it before the start, e.g. `export {name}=…`"))
        } else {
            Fault::new("the environment variable named here is not set")
                .help("give the name of the variable that holds the key, not the key itself")
        });
    };
    let secret = checked(&value).map_err(|fault| Fault {
        message: format!("the key in {name} {}", fault.message),
        help: fault.help,
    })?;
    Ok((secret, KeySource::Env(name.to_owned())))
}

/// Whether a key stands where the name of a file should.
pub(super) fn is_key_itself(path: &str) -> bool {
    looks_secret(path) && !path.contains('/')
}

fn from_file(path: &str, base: &Path) -> Result<(Secret, KeySource), Fault> {
    if is_key_itself(path) {
        return Err(
            Fault::new("this looks like the key itself").help("give the path of the file that holds the key")
        );
    }
    let path = base.join(path);
    let value = read_small(&path, KEY_BYTES_AT_MOST)
        .map_err(|reason| Fault::new(format!("the file {} {reason}", path.display())))?;
    if value.trim().is_empty() {
        return Err(Fault::new(format!("the file {} is empty", path.display())));
    }
    let secret = checked(&value).map_err(|fault| Fault {
        message: format!("the key in the file {} {}", path.display(), fault.message),
        help: fault.help,
    })?;
    Ok((secret, KeySource::File(path)))
}

/// A key travels in a header: one word of visible ASCII.
fn checked(value: &str) -> Result<Secret, Fault> {
    let key = value.trim();
    if key.to_ascii_lowercase().starts_with("bearer ") {
        return Err(
            Fault::new("begins with `Bearer`").help("leave that word out, it is added when the key is sent")
        );
    }
    if key.len() > 8192 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Fault::new("is not one word of visible ASCII, so no header can carry it")
            .help("look for quotes, line breaks and spaces that were copied with it"));
    }
    Ok(Secret::new(key))
}

/// The text of a regular file of bounded size; else the end of a sentence that says why not.
pub(super) fn read_small(path: &Path, at_most: u64) -> Result<String, String> {
    // Opening a pipe would wait for a writer.
    match std::fs::metadata(path) {
        Ok(data) if data.is_dir() => return Err("is a folder".into()),
        Ok(data) if !data.is_file() => return Err("is not a regular file".into()),
        Ok(data) if data.len() > at_most => return Err(format!("is larger than {at_most} bytes")),
        Ok(_) => {}
        Err(error) => return Err(reason(&error)),
    }
    let mut text = String::new();
    let file = File::open(path).map_err(|error| reason(&error))?;
    match file.take(at_most).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err("is not text (UTF-8)".into()),
        Err(error) => Err(reason(&error)),
    }
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".into(),
        std::io::ErrorKind::PermissionDenied => "may not be read by this user".into(),
        kind => format!("cannot be read: {kind}"),
    }
}

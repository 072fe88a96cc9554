//! A Chromium for the browser suite: the one asked for, the machine's own, or Debian's, unpacked below the target folder.

use super::apt::Apt;
use super::prepare::{once, runs};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What systems call it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The program to start. `PACELINE_CHROMIUM` names one, or says `unpacked`.
pub(crate) fn find(home: &Path) -> Result<PathBuf, String> {
    let asked = std::env::var_os("PACELINE_CHROMIUM").filter(|asked| !asked.is_empty());
    match asked {
        Some(asked) if asked == "unpacked" => unpacked(home),
        Some(asked) => Ok(asked.into()),
        None => match NAMES.iter().find(|name| runs(name, "--version")) {
            Some(name) => on_path(name),
            None => unpacked(home),
        },
    }
}

fn on_path(name: &str) -> Result<PathBuf, String> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&folders).map(|folder| folder.join(name));
    found.find(|path| path.is_file()).ok_or_else(|| format!("{name} is not on PATH"))
}

/// Debian's package with the libraries and the font that the machine lacks. Nothing is installed.
fn unpacked(home: &Path) -> Result<PathBuf, String> {
    if !runs("apt-get", "--version") {
        return Err("no Chromium here, and no apt-get to bring one: set PACELINE_CHROMIUM".to_owned());
    }
    let folder = home.join("chromium");
    let start = folder.join("start");
    once(&folder, &[], || {
        Apt::default().unpack_whole(&["chromium", "chromium-common", "fonts-dejavu-core"], &folder)?;
        let told = |error: std::io::Error| format!("{}: {error}", folder.display());
        fs::write(folder.join("fonts.conf"), fonts(&folder)).map_err(told)?;
        fs::write(&start, script(&folder)).map_err(told)?;
        fs::set_permissions(&start, fs::Permissions::from_mode(0o755)).map_err(told)
    })?;
    Ok(start)
}

/// Starts it with the unpacked libraries before the machine's; the sound library's second half has a folder of its own.
fn script(folder: &Path) -> String {
    let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
    let places = ["usr/lib", "lib"].map(|place| folder.join(place).join(&machine));
    let below = places[0].join("pulseaudio");
    format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}:{}:{}' FONTCONFIG_FILE='{}' exec '{}' \"$@\"\n",
        places[0].display(),
        places[1].display(),
        below.display(),
        folder.join("fonts.conf").display(),
        folder.join("usr/lib/chromium/chromium").display(),
    )
}

fn fonts(folder: &Path) -> String {
    let own = folder.join("usr/share/fonts");
    let cache = folder.join("fonts-cache");
    format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"fonts.dtd\">\n<fontconfig><dir>/usr/share/fonts</dir>\
         <dir>{}</dir><cachedir>{}</cachedir></fontconfig>\n",
        own.display(),
        cache.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::script;
    use std::path::Path;

    #[test]
    fn the_start_script_hands_on_what_it_is_given() {
        let script = script(Path::new("/a b/chromium"));
        assert!(script.contains("exec '/a b/chromium/usr/lib/chromium/chromium' \"$@\""), "{script}");
        assert!(script.contains("/a b/chromium/usr/lib/"), "{script}");
    }
}

//! Finding files, and printing their lines.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::args::is_build_or_history;

/// The files to digest, sorted by path.
pub struct Files(Vec<PathBuf>);

impl Files {
    /// Finds all files under `paths`, and says what could not be looked at.
    pub fn under(paths: Option<&[PathBuf]>) -> (Self, Vec<String>) {
        let (mut files, mut complaints) = (Vec::new(), Vec::new());
        let here = [PathBuf::from(".")];
        for root in paths.unwrap_or(&here) {
            let all = WalkDir::new(root).into_iter();
            let wanted =
                all.filter_entry(|entry| paths.is_some() || !is_build_or_history(entry.path()));
            for entry in wanted {
                match entry {
                    Ok(entry) => match is_file(&entry) {
                        Ok(true) => files.push(entry.into_path()),
                        Ok(false) => {}
                        Err(why) => complaints.push(format!("{}: {why}", entry.path().display())),
                    },
                    Err(error) => complaints.push(complain(&error)),
                }
            }
        }
        files.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
        (Self(files), complaints)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, index: usize) -> &Path {
        &self.0[index]
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }
}

/// Whether it is to be digested. What is neither file nor folder is an error: to read from
/// it might never end.
fn is_file(entry: &walkdir::DirEntry) -> Result<bool, String> {
    let mut kind = entry.file_type();
    if kind.is_symlink() {
        kind = entry.path().metadata().map_err(|error| error.to_string())?.file_type();
    }
    match (kind.is_file(), kind.is_dir()) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err("not a regular file".to_string()),
    }
}

fn complain(error: &walkdir::Error) -> String {
    let path = error.path().unwrap_or(Path::new("?")).display();
    match error.io_error() {
        Some(error) => format!("{path}: {error}"),
        None => format!("{path}: {error}"),
    }
}

/// Writes one line as `sha256sum` does: a name with a line break or a backslash is escaped,
/// and the line begins with a backslash then.
pub fn write_line(out: &mut impl Write, digest: &[u8; 32], path: &Path) -> io::Result<()> {
    let name = path.as_os_str().as_encoded_bytes();
    let special = |byte: &u8| matches!(byte, b'\\' | b'\n' | b'\r');
    let mut hex = String::with_capacity(64);
    for byte in digest {
        let _ = write!(hex, "{byte:02x}"); // a String takes all
    }
    if !name.iter().any(special) {
        out.write_all(hex.as_bytes())?;
        out.write_all(b"  ")?;
        out.write_all(name)?;
        return out.write_all(b"\n");
    }
    write!(out, "\\{hex}  ")?;
    for byte in name {
        match byte {
            b'\\' => out.write_all(b"\\\\")?,
            b'\n' => out.write_all(b"\\n")?,
            b'\r' => out.write_all(b"\\r")?,
            byte => out.write_all(&[*byte])?,
        }
    }
    out.write_all(b"\n")
}

//! What a worker does, in a thread or in a process of its own.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};

use homing::jobs::{Context, Job};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A file to digest.
#[derive(Serialize, Deserialize)]
pub struct Digest {
    /// It need not be UTF-8, as serde demands of a `PathBuf`.
    pub path: OsString,
}

impl Job for Digest {
    type Output = [u8; 32];
    /// How many bytes were read.
    type Progress = u64;
    type Error = io::Error;

    const NAME: &'static str = "digest";

    fn run(self, cx: &mut Context<'_, Self>) -> io::Result<[u8; 32]> {
        let mut buffer = vec![0; 256 * 1024];
        let mut hasher = Sha256::new();
        let mut file = File::open(self.path)?;
        let mut bytes = 0;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(hasher.finalize().into()),
                Ok(len) => {
                    hasher.update(&buffer[..len]);
                    bytes += len as u64;
                    cx.progress(bytes);
                    cx.check()?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

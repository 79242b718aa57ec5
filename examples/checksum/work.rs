//! What a worker does, in a thread or in a process of its own.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use homing::{Outlet, Sender, Ticket, worker};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A file to digest.
#[derive(Clone)]
pub struct Job {
    pub index: usize,
    pub path: PathBuf,
}

/// What became of one.
#[derive(Serialize, Deserialize)]
pub struct Report {
    pub index: usize,
    pub outcome: Outcome,
}

/// The digest, or why there is none.
pub type Outcome = Result<[u8; 32], String>;

/// How far a worker is in the file that it works on.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Progress {
    pub index: usize,
    pub bytes: u64,
}

/// Digests one file after another.
pub fn work<R, P>(
    jobs: impl Iterator<Item = io::Result<Job>>,
    mut reports: Sender<Report, R>,
    mut progress: Sender<Progress, P>,
) -> anyhow::Result<()>
where
    R: Outlet<Report>,
    P: Outlet<Progress>,
{
    // Each ends as its scope does: the foreground is told of an error, too.
    reports.scope(|reports| {
        progress.scope(|progress| {
            for job in jobs {
                let Job { index, path } = job.context("standard input")?;
                let outcome = digest(&path, |bytes| {
                    progress.send(Progress { index, bytes }).context("progress")
                })?;
                reports.send(Report { index, outcome }).context("report")?;
            }
            Ok(())
        })
    })
}

/// Digests one file, telling `progress` how many bytes it has read.
fn digest(
    path: &Path,
    mut progress: impl FnMut(u64) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let mut buffer = vec![0; 256 * 1024];
    let mut hasher = Sha256::new();
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Ok(hasher.finalize().into())),
            Ok(len) => {
                hasher.update(&buffer[..len]);
                bytes += len as u64;
                progress(bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
}

/// The main function of a worker process: its jobs come on standard input, after the ticket
/// for its second pipe.
pub fn in_process(link: &worker::WorkerLink) -> anyhow::Result<()> {
    let mut input = io::stdin().lock();
    let mut ticket = String::new();
    input.read_line(&mut ticket)?;
    let ticket: Ticket<Progress> = ticket.trim_end().parse()?;
    let jobs = std::iter::from_fn(|| Job::read(&mut input).transpose());
    work(jobs, worker::sender()?, link.sender(ticket))
}

impl Job {
    /// Writes the job as a record that ends with a NUL, which no path contains.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut record = format!("{} ", self.index).into_bytes();
        record.extend(self.path.as_os_str().as_encoded_bytes());
        record.push(0);
        out.write_all(&record)
    }

    /// Reads what [`write`](Job::write) has written. `None` at the end.
    fn read(input: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut record = Vec::new();
        input.read_until(0, &mut record)?;
        if record.pop().is_none() {
            return Ok(None);
        }
        let space =
            record.iter().position(|byte| *byte == b' ').ok_or(io::ErrorKind::InvalidData)?;
        let path = record.split_off(space + 1);
        let index = std::str::from_utf8(&record[..space]).ok().and_then(|text| text.parse().ok());
        let index = index.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Some(Self { index, path: to_path(path)? }))
    }
}

#[cfg(unix)]
fn to_path(bytes: Vec<u8>) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    Ok(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn to_path(bytes: Vec<u8>) -> io::Result<PathBuf> {
    Ok(String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?.into())
}

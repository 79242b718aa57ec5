//! What a worker does, in a thread or in a process of its own.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;

use homing::{Commands, Outlet, Receiver, Sender, Ticket, worker};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What a worker is told.
#[derive(Serialize, Deserialize)]
pub enum Order {
    /// Where a worker process sends its progress: the first order that it gets. A thread has
    /// that sender already.
    Progress(Ticket<Progress>),
    /// To digest a file.
    Digest(Job),
}

/// A file to digest.
#[derive(Serialize, Deserialize)]
pub struct Job {
    pub index: usize,
    /// It need not be UTF-8, as serde demands of a `PathBuf`.
    pub path: OsString,
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
#[derive(Serialize, Deserialize)]
pub struct Progress {
    pub index: usize,
    pub bytes: u64,
}

/// The main function of a worker process.
pub fn run(link: &worker::WorkerLink) -> ExitCode {
    worker::run_duplex(|orders: &mut worker::Receiver<Order>, reports| match orders.recv() {
        Ok(Order::Progress(ticket)) => work(orders, reports, &mut link.sender(ticket)),
        // The foreground has stopped meanwhile.
        _ => Ok(()),
    })
}

/// Digests one file after another, until there are no more.
pub fn work<I, R, P>(
    orders: &mut Receiver<Order, I>,
    reports: &mut Sender<Report, R>,
    progress: &mut Sender<Progress, P>,
) -> anyhow::Result<()>
where
    I: Commands<Order>,
    R: Outlet<Report>,
    P: Outlet<Progress>,
{
    progress.scope(|progress| {
        while let Ok(Order::Digest(Job { index, path })) = orders.recv() {
            // A foreground that stops needs no digest.
            let go_on = |bytes| {
                !progress.is_cancelled() && progress.send(Progress { index, bytes }).is_ok()
            };
            let Some(outcome) = digest(path.as_ref(), go_on).transpose() else { break };
            let outcome = outcome.map_err(|error| error.to_string());
            reports.send(Report { index, outcome })?;
        }
        Ok(())
    })
}

/// Digests one file, and tells `go_on` how many bytes it has read. `None` when that says no.
fn digest(path: &Path, mut go_on: impl FnMut(u64) -> bool) -> io::Result<Option<[u8; 32]>> {
    let mut buffer = vec![0; 256 * 1024];
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Some(hasher.finalize().into())),
            Ok(len) => {
                hasher.update(&buffer[..len]);
                bytes += len as u64;
                if !go_on(bytes) {
                    return Ok(None);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

//! The command line.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use homing::ProcessTransport;
use homing::pipe::Pipe;
#[cfg(target_os = "linux")]
use homing::shm::Shm;

/// Digests every file under the given paths (SHA-256) with a pool of workers.
#[derive(clap::Parser)]
#[command(name = "checksum")]
pub struct Args {
    /// Files and folders. Links to files are followed, links to folders only here. Without
    /// any: this folder, except for .git and target.
    paths: Vec<PathBuf>,

    /// How many workers. Default: one for each processor.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,

    /// How their messages come home: from threads or from processes.
    #[arg(long, value_enum, default_value = "pipe")]
    pub transport: Transport,

    /// Kill a random worker process that often. A file whose workers have died twenty times
    /// is given up.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    chaos: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// Worker threads; messages move as values.
    Channel,
    /// Worker processes; messages come over OS pipes.
    Pipe,
    /// Worker processes; messages come over shared memory.
    #[cfg(target_os = "linux")]
    Shm,
}

impl Transport {
    /// What brings the messages of worker processes. `None` for threads.
    pub fn of_processes(self) -> Option<Box<dyn ProcessTransport>> {
        match self {
            Transport::Channel => None,
            Transport::Pipe => Some(Box::new(Pipe::new())),
            #[cfg(target_os = "linux")]
            Transport::Shm => Some(Box::new(Shm::new())),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_string())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("not a time that can be waited for".to_string()),
    }
}

impl Args {
    /// `None` for this folder.
    pub fn paths(&self) -> Option<&[PathBuf]> {
        (!self.paths.is_empty()).then_some(&self.paths[..])
    }

    pub fn workers(&self) -> usize {
        let processors = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.workers.unwrap_or_else(processors).get()
    }

    /// How often a worker process is to be killed.
    pub fn chaos(&self) -> anyhow::Result<Option<Duration>> {
        if self.chaos.is_some() && self.transport == Transport::Channel {
            anyhow::bail!("--chaos kills worker processes, and --transport channel has none");
        }
        Ok(self.chaos)
    }
}

/// What is passed over where no path is given.
pub fn is_build_or_history(path: &Path) -> bool {
    path == Path::new("./target") || path == Path::new("./.git")
}

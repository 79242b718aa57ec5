//! The command line.

use std::num::NonZeroUsize;
use std::time::Duration;

/// Supervises worker processes until SIGTERM or SIGINT.
#[derive(clap::Parser)]
#[command(name = "calloop_supervisor")]
pub struct Args {
    /// How many workers.
    #[arg(long, value_name = "N", default_value = "3")]
    pub workers: NonZeroUsize,

    /// How their messages travel.
    #[arg(long, value_enum, default_value = "shm")]
    pub transport: Transport,

    /// End by itself after this time.
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub time: Option<Duration>,

    /// Each worker crashes when it has run for this time.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub crash: Option<Duration>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Transport {
    /// OS pipes.
    Pipe,
    /// Shared memory.
    Shm,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_string())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "not a time that can be waited for".to_string())
}

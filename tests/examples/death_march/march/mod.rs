//! The march, shared by the command and its short form, a test.

mod job;
mod killer;
mod ledger;
mod parts;

use std::fmt;
use std::time::{Duration, Instant};

pub(crate) use job::worker;
use ledger::Tally;

/// What to do.
pub(crate) struct Orders {
    pub(crate) jobs: u64,
    pub(crate) kills: u64,
    pub(crate) seed: u64,
    pub(crate) workers: usize,
    pub(crate) transport: Transport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Transport {
    Pipe,
    #[cfg(target_os = "linux")]
    Shm,
    Threads,
}

/// What came of it.
pub(crate) struct Report {
    pub(crate) tally: Tally,
    pub(crate) kills: killer::Kills,
    deaths: u64,
    time: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ends:  {}", self.tally)?;
        writeln!(f, "kills: {}, deaths: {}", self.kills, self.deaths)?;
        write!(f, "time:  {:.1?}", self.time)
    }
}

/// Marches, and panics when a job does not end as it should.
pub(crate) fn march(orders: &Orders) -> Report {
    let begun = Instant::now();
    let (tally, kills, deaths) = match orders.transport {
        Transport::Threads => parts::on_threads(orders),
        Transport::Pipe => parts::on_processes(orders, homing::pipe::Pipe::new),
        #[cfg(target_os = "linux")]
        Transport::Shm => parts::on_processes(orders, homing::shm::Shm::new),
    };
    assert_eq!(killer::children(), 0, "worker processes are left");
    Report { tally, kills, deaths, time: begun.elapsed() }
}

//! The march, shared by the command and its short form, a test.

mod job;
mod killer;
mod ledger;
mod parts;

use std::fmt;
use std::sync::Once;
use std::time::{Duration, Instant};

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

/// The main function of a worker, and of a program before it marches.
pub(crate) fn worker() -> homing::jobs::Worker {
    silence_jobs();
    job::worker()
}

/// Marches, and panics when a job does not end as it should.
pub(crate) fn march(orders: &Orders) -> Report {
    let begun = Instant::now();
    let (tally, kills, deaths) = match orders.transport {
        Transport::Threads => parts::on_threads(orders),
        Transport::Pipe => parts::on_processes(orders, homing::pipe::Pipe::new),
        Transport::Shm => parts::on_processes(orders, homing::shm::Shm::new),
    };
    assert_eq!(killer::children(), 0, "worker processes are left");
    Report { tally, kills, deaths, time: begun.elapsed() }
}

/// The panics of jobs are no news.
fn silence_jobs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let planned = |text: &String| job::is_panic(text);
            if !panic.payload().downcast_ref().is_some_and(planned) {
                hook(panic);
            }
        }));
    });
}

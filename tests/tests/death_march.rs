//! The short form of the death march, whose long form is the example of that name. This program is
//! its own worker.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../examples/death_march/march/mod.rs"]
mod march;

use std::process::ExitCode;

use homing::jobs::ServeError;
use homing::worker::InheritError;
use libtest_mimic::{Arguments, Trial};

use march::{Orders, Transport};

fn main() -> ExitCode {
    match march::worker().serve() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(ServeError::Inherit(InheritError::NotAWorker)) => {}
        Err(_) => return ExitCode::FAILURE,
    }
    let mut arguments = Arguments::from_args();
    // A march counts the children of this process.
    arguments.test_threads = Some(1);
    let trials = vec![
        trial("pipe", Transport::Pipe),
        trial("shm", Transport::Shm),
        trial("threads", Transport::Threads),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &str, transport: Transport) -> Trial {
    Trial::test(format!("every_job_ends_once_on_{name}"), move || {
        let orders = Orders { jobs: 1000, kills: 100, seed: 1, workers: 3, transport };
        let report = march::march(&orders);
        assert_eq!(report.tally.total(), orders.jobs);
        let killed = transport != Transport::Threads;
        assert!(!killed || report.kills.total() > 50, "{}", report.kills);
        Ok(())
    })
}

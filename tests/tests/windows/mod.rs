//! Checks with an event loop that must be on the main thread, and needs a display.
#![allow(unreachable_pub, clippy::expect_used, reason = "each test binary is a crate")]

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use homing::channel::{Channel, ChannelFactory};
use homing::{Event, Link};
use homing_conformance::Check;
use libtest_mimic::{Arguments, Trial};

/// The checks of this binary.
#[derive(Default)]
pub struct Checks(Vec<Trial>);

impl Checks {
    /// Adds the checks of a suite.
    pub fn add(&mut self, group: &str, checks: Vec<Check>) {
        for check in checks {
            self.trial(&format!("{group}::{}", check.name), check.run, check.excepted);
        }
    }

    /// Adds one check that is in no suite.
    pub fn add_one(&mut self, name: &str, run: fn()) {
        self.trial(name, run, false);
    }

    fn trial(&mut self, name: &str, run: fn(), ignored: bool) {
        let run = move || {
            run();
            Ok(())
        };
        self.0.push(Trial::test(name, run).with_ignored_flag(ignored));
    }

    /// Runs them in order, on this thread. Without an event loop they are skipped, unless the
    /// environment says that there must be a display.
    pub fn run<E: Error>(self, event_loop: Result<(), E>) -> ExitCode {
        let skipped = event_loop.is_err();
        if let Err(error) = event_loop {
            eprintln!("skipped, there is no display: {error}");
            if std::env::var_os("HOMING_DISPLAY_REQUIRED").is_some() {
                return ExitCode::FAILURE;
            }
        }
        let mut arguments = Arguments::from_args();
        arguments.test_threads = Some(1);
        let mut trials = self.0;
        if skipped {
            trials = trials.into_iter().map(|trial| trial.with_ignored_flag(true)).collect();
        }
        libtest_mimic::run(&arguments, trials).exit_code()
    }
}

/// Worker threads that send as fast as they can.
pub struct Flood {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
}

impl Flood {
    pub fn start<C: 'static>(router: &homing::Router<C>, hear: fn(&mut C, Event<u64>)) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let workers = (0..2)
            .map(|_| {
                let link: Link<C, ChannelFactory> =
                    router.link(Channel::new()).expect("the router runs");
                let (mut sender, _) = link.pipe(hear).expect("the router runs");
                let stop = Arc::clone(&stop);
                thread::spawn(move || {
                    sender.start().expect("a new sender starts");
                    // It fails when the router is stopped.
                    while !stop.load(Ordering::Relaxed) && sender.send(1).is_ok() {}
                    sender.stop().expect("an open sender stops");
                })
            })
            .collect();
        Self { stop, workers }
    }

    /// When the router has stopped, or takes messages until they have ended.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.join().expect("a worker does not panic");
        }
    }
}

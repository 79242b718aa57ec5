//! Checks of worker processes: B3, B7, B10, B13, B17 to B20, with real processes and real
//! SIGKILL.
//!
//! The worker program is the test binary itself, started again to run one test:
//! [`process_suite!`](crate::process_suite) makes it.

mod claims;
mod decoding;
mod ends;
mod gone;
mod hostile;
mod kill;
mod overflow;
mod pool;
mod role;
mod types;

use std::process::{Command, Stdio};

use homing_core::{End, Event, Exit, Outlet, Sender, Ticket};
use homing_process::ProcessTransport;
use homing_router::{PipeId, Worker};
use serde::Serialize;

pub use claims::*;
pub use decoding::*;
pub use ends::*;
pub use gone::*;
pub use hostile::*;
pub use kill::*;
pub use overflow::*;
pub use pool::*;
pub use role::play;
pub use types::*;

use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};

/// A transport of worker processes, as the suite drives it: in the foreground, and in the
/// worker, which has inherited its link.
pub trait ProcessRig: 'static {
    /// The foreground's side.
    type Transport: ProcessTransport;

    /// The worker's end of a pipe.
    type Outlet<M: Serialize + Send + 'static>: Outlet<M> + Send + 'static;

    /// What goes over the first handle that a worker inherits.
    const WIRE: Wire;

    /// A transport as applications get it if they choose nothing.
    fn transport() -> Self::Transport;

    /// In a worker: the sender of the first pipe.
    fn first<M: Serialize + Send + 'static>() -> Sender<M, Self::Outlet<M>>;

    /// In a worker: the sender that a ticket is for. A role may ask for one before, or without,
    /// [`first`](ProcessRig::first).
    fn sender<M: Serialize + Send + 'static>(ticket: Ticket<M>) -> Sender<M, Self::Outlet<M>>;
}

/// What a worker's link carries, as far as the suite can write it past the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wire {
    /// A stream of frames with length prefixes, as `homing_mux::frame` describes it.
    Stream,
    /// Datagrams, each of which is one such frame without its prefix.
    Datagrams,
    /// Something else. The checks of hostile bytes cannot be run: such a rig excepts them, and
    /// has checks of its own.
    Opaque,
}

/// Says to a process what it is to do.
pub(crate) const ROLE: &str = "HOMING_CONFORMANCE_ROLE";

/// The name of the test that is the worker program.
const TEST: &str = "HOMING_CONFORMANCE_TEST";

/// Where a worker writes down how far it is.
const PROGRESS: &str = "HOMING_CONFORMANCE_PROGRESS";

/// How to start this program again. `test` is the test that plays the roles, as
/// `module_path!` has it.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    test: &'static str,
}

impl Program {
    /// The program whose roles are played by the test of this name.
    pub const fn new(test: &'static str) -> Self {
        Self { test }
    }

    /// The command that starts a process in this role.
    pub(crate) fn command(self, role: &str) -> Command {
        let program = std::env::current_exe().expect("this program has a path");
        // Tests do not know the name of their crate.
        let name = self.test.split_once("::").map_or(self.test, |(_, name)| name);
        let mut command = Command::new(program);
        command
            .args([name, "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(TEST, self.test)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

/// Starts a worker whose first pipe the application writes down under `number`.
fn spawn<R: ProcessRig, H: EventLoopRig>(
    foreground: &Foreground<H>,
    command: Command,
    number: usize,
) -> (Worker<App>, PipeId) {
    foreground
        .router
        .spawn(R::transport(), command)
        .pipe(move |app: &mut App, event: Event<u64>| app.record(number, &event))
        .expect("the worker starts")
}

/// An honest worker, to see that others do it no harm: it sends a burst for each line that
/// it reads.
struct WellBehaved {
    _worker: Worker<App>,
    stdin: std::process::ChildStdin,
    number: usize,
    bursts: u64,
}

/// The messages of one burst.
const BURST: u64 = 100;

impl WellBehaved {
    fn spawn<R: ProcessRig, H: EventLoopRig>(
        foreground: &Foreground<H>,
        program: Program,
        number: usize,
    ) -> Self {
        let mut command = program.command("bursts");
        command.stdin(Stdio::piped());
        let (worker, _) = spawn::<R, H>(foreground, command, number);
        let stdin = worker.take_stdin().expect("the command asked for it");
        Self { _worker: worker, stdin, number, bursts: 0 }
    }

    fn ask(&mut self) {
        use std::io::Write as _;
        writeln!(self.stdin, "burst").expect("an honest worker lives");
        self.bursts += 1;
    }

    /// Waits for all bursts, and checks that nothing is missing.
    fn check<H: EventLoopRig>(&self, foreground: &mut Foreground<H>) {
        let (number, count) = (self.number, self.bursts * BURST);
        foreground.until("an honest worker", |app| app.count(number) as u64 >= count);
        assert!(foreground.app.messages(number).iter().copied().eq(0..count));
        assert_eq!(foreground.app.end(number), None);
    }
}

/// How a worker that is lost has ended.
fn exit_of(end: End) -> Option<Exit> {
    match end {
        End::Lost(lost) => lost.exit,
        other => panic!("a worker that is lost, not one that {other}"),
    }
}

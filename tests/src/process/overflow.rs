//! The overflow policies, with a worker process whose foreground takes nothing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, Stdio};

use homing_core::{End, Event, Overflow, SendErrorKind};
use homing_router::Worker;

use super::role::say;
use super::{ProcessRig, Program};
use crate::background::background;
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};

/// A worker has filled its link when so many messages were dropped, or given back.
const DROPPED: u64 = 1000;

/// A worker that sends so many messages, of which none is dropped, has a link without a bound.
const MAX_SENT: u64 = 5_000_000;

/// In the worker: fills the link of the first pipe, says how much it did, and stops when its
/// standard input says so.
pub(super) fn overfill<R: ProcessRig>() {
    let mut sender = R::first::<u64>();
    sender.start().unwrap();
    let (mut next, mut given_back) = (0, 0);
    while sender.counters().dropped + given_back < DROPPED && next < MAX_SENT {
        match sender.send(next) {
            Ok(()) => next += 1,
            Err(error) => {
                assert_eq!((error.kind(), error.into_message()), (SendErrorKind::Full, next));
                given_back += 1;
            }
        }
    }
    assert_eq!(sender.counters().sent, next);
    say(&format!("overfilled: {next} {} {given_back}", sender.counters().dropped));
    let _ = std::io::stdin().read_line(&mut String::new());
    sender.stop().unwrap();
}

/// A worker that has filled its link, and waits to be told to stop.
struct Overfilled {
    _worker: Worker<App>,
    stdin: ChildStdin,
    /// How many sends returned `Ok`, how many messages the sender dropped, how many came back.
    sent: u64,
    dropped: u64,
    given_back: u64,
}

/// Starts a worker that fills its link. The event loop is not driven meanwhile, so a send that
/// waits hangs the check.
fn spawn_overfilled<R: ProcessRig, H: EventLoopRig>(
    foreground: &Foreground<H>,
    program: Program,
    overflow: Overflow,
) -> Overfilled {
    let mut command = program.command("overfill");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let (worker, _) = foreground
        .router
        .spawn(R::transport(), command)
        .pipe_with(overflow, |app: &mut App, event: Event<u64>| app.record(0, &event))
        .expect("the worker starts");
    let stdout = worker.take_stdout().expect("the command asked for it");
    let reading = background(move || {
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        lines.find_map(|line| line.strip_prefix("overfilled: ").map(str::to_owned))
    });
    let line = reading.join().expect("the worker fills its link");
    let mut numbers = line.split(' ').map(|number| number.parse().expect("a number"));
    let mut number = || numbers.next().expect("three numbers");
    let (sent, dropped, given_back) = (number(), number(), number());
    assert!(sent < MAX_SENT, "the link has no bound");
    let stdin = worker.take_stdin().expect("the command asked for it");
    Overfilled { _worker: worker, stdin, sent, dropped, given_back }
}

impl Overfilled {
    /// Has the worker stop, and checks that each message was either handed over once, in order,
    /// or counted as dropped.
    fn account<H: EventLoopRig>(&mut self, foreground: &mut Foreground<H>) {
        writeln!(self.stdin, "stop").expect("the worker lives");
        assert_eq!(foreground.end_of(0), End::Finished);
        let got = foreground.app.messages(0);
        assert!(got.is_sorted_by(|a, b| a < b), "out of order, or twice");
        let counters = foreground.router.counters();
        assert_eq!(counters.missed, self.dropped, "what the sender dropped is reported");
        assert_eq!(got.len() as u64 + self.dropped + counters.superseded, self.sent);
    }

    /// Waits for the newest message, without another send after it.
    fn expect_newest<H: EventLoopRig>(&self, foreground: &mut Foreground<H>) {
        let newest = self.sent - 1;
        foreground.until("the newest message", |app| app.messages(0).last() == Some(&newest));
    }
}

/// Drop the newest, in a worker process: what waited on the link stays, what found no room is
/// dropped, counted and reported.
///
/// Typical cause of failure: the count of dropped messages is lost where the sender stops.
pub fn overflow_drop_newest<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let mut worker = spawn_overfilled::<R, H>(&foreground, program, Overflow::DropNewest);
    worker.account(&mut foreground);
    let kept = worker.sent - worker.dropped;
    let got = foreground.app.messages(0);
    // The monitor may make room now and then, so there may be gaps, but none at the start.
    let first_gap = got.iter().zip(0..).take_while(|(got, at)| *got == at).count() as u64;
    assert!(first_gap > 0 && first_gap <= kept, "the oldest are kept");
    assert_eq!(got.len() as u64, kept);
}

/// Drop the oldest, in a worker process: the newest message arrives, without another send
/// after it, and what was dropped for it is counted and reported.
///
/// Typical cause of failure: the worker's queue is flushed only by the next send.
pub fn overflow_drop_oldest<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let mut worker = spawn_overfilled::<R, H>(&foreground, program, Overflow::DropOldest);
    worker.expect_newest(&mut foreground);
    worker.account(&mut foreground);
}

/// Latest wins, in a worker process: the newest message arrives, without another send after
/// it, and each that it replaced is counted.
///
/// Typical cause of failure: the policy does not travel with the ticket.
pub fn overflow_latest_wins<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let mut worker = spawn_overfilled::<R, H>(&foreground, program, Overflow::LatestWins);
    worker.expect_newest(&mut foreground);
    worker.account(&mut foreground);
}

/// Give back, in a worker process: what finds no room comes back, unchanged and at once, and
/// exactly what was accepted arrives.
///
/// Typical cause of failure: a message of which a part was written is given back.
pub fn overflow_give_back<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let mut worker = spawn_overfilled::<R, H>(&foreground, program, Overflow::GiveBack);
    assert_eq!((worker.given_back, worker.dropped), (DROPPED, 0));
    worker.account(&mut foreground);
    assert!(foreground.app.messages(0).iter().copied().eq(0..worker.sent));
}

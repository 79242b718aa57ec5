//! B19: a worker speaks only for pipes whose ticket it was given.

use std::io::Write as _;
use std::process::Stdio;

use homing_core::{End, Event, Exit, ProtocolError};
use homing_router::Worker;

use super::role::DISCONNECTED;
use super::{ProcessRig, Program, WellBehaved, spawn};
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};

/// Starts a worker in a role that reads a ticket, for pipe 1. Its first pipe is number 0.
fn claimant<R: ProcessRig, H: EventLoopRig>(
    foreground: &Foreground<H>,
    program: Program,
    role: &str,
    first: usize,
) -> Worker<App> {
    let mut command = program.command(role);
    command.stdin(Stdio::piped());
    spawn::<R, H>(foreground, command, first).0
}

fn give(worker: &Worker<App>, ticket: &homing_core::Ticket<u64>) {
    writeln!(worker.take_stdin().unwrap(), "{ticket}").unwrap();
}

/// B19: a worker with a wrong nonce, or with a nonce of its own for the pipe of another, is
/// cut off: its pipes are refused, and it learns that it is cut off. The pipe that it spoke
/// for, and the other workers, go on as if nothing had been.
///
/// An implementation that fails it lets any worker speak for any other.
pub fn b19_a_wrong_claim_is_cut_off<R: ProcessRig, H: EventLoopRig>(program: Program) {
    for role in ["claim-wrong", "claim-other"] {
        let mut foreground = Foreground::<H>::started();
        let mut honest = WellBehaved::spawn::<R, H>(&foreground, program, 9);
        let record = |pipe| move |app: &mut App, event: Event<u64>| app.record(pipe, &event);
        let victim = claimant::<R, H>(&foreground, program, "claim-once", 2);
        // Its number is one less than that of the pipe whose ticket is given away.
        let (other, _) = victim.pipe(record(3)).unwrap();
        let (ticket, _) = victim.pipe(record(4)).unwrap();
        let rogue = claimant::<R, H>(&foreground, program, role, 0);
        foreground.until("a message of each", |app| app.count(0) == 1 && app.count(2) == 1);
        give(&rogue, &ticket);
        assert_eq!(foreground.end_of(0), End::Refused(ProtocolError::NotYours), "{role}");
        foreground.until("the rogue's exit", |_| rogue.exit().is_some());
        assert_eq!(rogue.exit(), Some(Exit::Code(DISCONNECTED)), "{role}");
        assert_eq!(foreground.router.counters().refused_links, 1);
        assert_eq!(foreground.app.messages(0), [1]);

        // It is not claimed so far.
        assert_eq!((foreground.app.count(3), foreground.app.end(3)), (0, None));
        give(&victim, &other);
        foreground.until("the right claim", |app| app.count(3) > 100);
        assert!(foreground.app.messages(3).iter().copied().eq(0..foreground.app.count(3) as u64));
        assert_eq!((foreground.app.end(2), foreground.app.end(4)), (None, None));
        honest.ask();
        honest.check(&mut foreground);
    }
}

/// B19: a ticket is good for one claim. A worker that presents it twice is cut off; so is a
/// second worker that presents it, while the first goes on.
pub fn b19_a_ticket_is_good_once<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let mut honest = WellBehaved::spawn::<R, H>(&foreground, program, 9);
    let twice = claimant::<R, H>(&foreground, program, "claim-twice", 0);
    let (ticket, _) = twice.pipe(|app: &mut App, event: Event<u64>| app.record(1, &event)).unwrap();
    give(&twice, &ticket);
    assert_eq!(foreground.end_of(1), End::Refused(ProtocolError::OutOfTurn));
    assert_eq!(foreground.end_of(0), End::Refused(ProtocolError::OutOfTurn));
    foreground.until("its exit", |_| twice.exit().is_some());
    assert_eq!(twice.exit(), Some(Exit::Code(DISCONNECTED)));

    let first = claimant::<R, H>(&foreground, program, "claim-once", 2);
    let second = claimant::<R, H>(&foreground, program, "claim-once", 3);
    let (ticket, _) = first.pipe(|app: &mut App, event: Event<u64>| app.record(4, &event)).unwrap();
    give(&first, &ticket);
    foreground.until("the first claim", |app| app.count(4) > 0);
    give(&second, &ticket);
    assert_eq!(foreground.end_of(3), End::Refused(ProtocolError::NotYours));
    let before = foreground.app.count(4);
    foreground.until("the first goes on", |app| app.count(4) > before + 100);
    assert!(foreground.app.messages(4).iter().copied().eq(0..foreground.app.count(4) as u64));
    assert_eq!((foreground.app.end(2), foreground.app.end(4)), (None, None));
    assert_eq!(foreground.router.counters().refused_links, 2);
    honest.ask();
    honest.check(&mut foreground);
}

/// B9, B19: a pipe that is closed before its worker starts it has no receiver: what comes on it is
/// discarded, and the worker is not cut off for it. Where the link has a way back, the worker
/// learns of it, and can use its other pipes.
pub fn b19_a_late_claim_is_no_crime<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let worker = claimant::<R, H>(&foreground, program, "claim-once", 0);
    let (ticket, pipe) =
        worker.pipe(|app: &mut App, event: Event<u64>| app.record(1, &event)).unwrap();
    foreground.router.close_pipe(&mut foreground.app, pipe).unwrap();
    // Its place is taken by another pipe.
    let (_ticket, _) =
        worker.pipe(|app: &mut App, event: Event<u64>| app.record(2, &event)).unwrap();
    give(&worker, &ticket);
    let router = foreground.router.clone();
    foreground.until("late messages, or the worker's stop", |app| {
        router.counters().discarded_closed > 100 || app.end(0).is_some()
    });
    assert_eq!(foreground.app.end(1), Some(End::Closed));
    assert_eq!((foreground.app.count(2), foreground.app.end(2)), (0, None));
    assert_eq!(foreground.app.count(0), 1);
    assert!(matches!(foreground.app.end(0), None | Some(End::Finished)));
    assert_eq!(router.counters().refused_links, 0);
}

//! B10, B13: how the pipes of worker processes end.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use homing_core::{End, Event, Exit, Lost};
use homing_router::{RouteError, SpawnError};

use super::{ProcessRig, Program, exit_of, spawn};
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};
use crate::resource_count::ResourceCount;

/// A worker process that sends and stops: everything arrives, in order, and then its end.
pub fn b13_a_worker_finishes<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let (worker, _) = spawn::<R, H>(&foreground, program.command("finish 20000"), 0);
    assert!(worker.process_id() > 0);
    assert_eq!(foreground.end_of(0), End::Finished);
    assert!(foreground.app.messages(0).iter().copied().eq(0..20_000));
    foreground.until("the exit", |_| worker.exit().is_some());
    assert_eq!(worker.exit(), Some(Exit::Code(0)));
    foreground.until_links(0);
}

/// B13: a worker that exits while its pipe is open is lost, with its exit code; one that
/// kills itself, with the signal. What it had sent has arrived.
///
/// An implementation that fails it takes the end of the link for the end of the story.
pub fn b13_a_worker_that_exits_is_lost<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let (_exits, _) = spawn::<R, H>(&foreground, program.command("exit 3"), 0);
    let (_aborts, _) = spawn::<R, H>(&foreground, program.command("abort"), 1);
    assert_eq!(foreground.end_of(0), End::Lost(Exit::Code(3).into()));
    assert!(foreground.app.messages(0).iter().copied().eq(0..10));
    assert_eq!(foreground.end_of(1), End::Lost(Exit::Signal(6).into()));
    assert_eq!(foreground.app.messages(1), [0]);
}

/// B2, B13: a worker process whose thread panics says so.
pub fn b13_a_worker_that_panics_says_so<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let (_worker, _) = spawn::<R, H>(&foreground, program.command("panic 1000"), 0);
    assert!(matches!(foreground.end_of(0), End::Panicked(_)));
    assert!(foreground.app.messages(0).iter().copied().eq(0..1000));
}

/// B13: a worker that never starts its sender, or never even takes its link, is lost when it
/// exits.
pub fn b13_a_worker_that_never_starts_is_lost<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    for (pipe, role) in ["never", "absent"].into_iter().enumerate() {
        let (_worker, _) = spawn::<R, H>(&foreground, program.command(role), pipe);
        let lost = Lost::from(Exit::Code(0));
        let lost = if role == "absent" { lost.not_opened() } else { lost };
        assert_eq!(foreground.end_of(pipe), End::Lost(lost), "{role}");
    }
}

/// B13: pipes of which the worker never heard end with it: their tickets were not given
/// away.
pub fn b13_all_pipes_end_with_their_worker<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let (worker, _) = spawn::<R, H>(&foreground, program.command("hang"), 0);
    for pipe in 1..5 {
        worker.pipe(move |app: &mut App, event: Event<u64>| app.record(pipe, &event)).unwrap();
    }
    worker.kill().unwrap();
    foreground.until("five ends", |app| app.ended() == 5);
    for pipe in 0..5 {
        // It may have been killed before it had opened its link.
        let end = foreground.app.end(pipe).expect("an end");
        assert_eq!(exit_of(end), Some(Exit::Signal(9)));
    }
    assert!(worker.pipe(|_: &mut App, _: Event<u64>| {}).is_err());
    worker.kill().unwrap();
}

/// B12: a router that is driven by hand without a timeout ends with its last worker, however
/// that one ends.
pub fn b12_routing_by_hand_ends_with_the_last_worker<R: ProcessRig, H: EventLoopRig>(
    program: Program,
) {
    let mut foreground = Foreground::<H>::started();
    let (_worker, _) = spawn::<R, H>(&foreground, program.command("exit 3"), 0);
    let error = foreground.router.route_until(&mut foreground.app, |_| false, None).unwrap_err();
    assert!(matches!(error, RouteError::NoLiveSenders), "{error:?}");
    assert_eq!(foreground.app.count(0), 10);
    assert_eq!(foreground.app.end(0), Some(End::Lost(Exit::Code(3).into())));
}

/// B10: a router that stops, or is dropped, leaves no worker process behind, not even one
/// that hangs, or one that waits for room.
pub fn b10_no_worker_is_left<R: ProcessRig, H: EventLoopRig>(program: Program) {
    for stops in [true, false] {
        let mut foreground = Foreground::<H>::started();
        let mut ids = Vec::new();
        for (pipe, role) in ["hang", "until-gone", "finish 1"].into_iter().enumerate() {
            let (worker, _) = spawn::<R, H>(&foreground, program.command(role), pipe);
            ids.push(worker.process_id());
        }
        foreground.until("a message", |app| app.count(1) > 0);
        if stops {
            foreground.router.stop(&mut foreground.app).unwrap();
            assert!([0, 1].iter().all(|pipe| foreground.app.end(*pipe) == Some(End::Closed)));
        }
        drop(foreground);
        for id in ids {
            let path = PathBuf::from(format!("/proc/{id}"));
            assert!(!path.exists(), "worker {id} is there still");
        }
    }
}

/// A program that cannot be started is an error; nothing is left of its link and its pipe,
/// and its handler is not told.
pub fn b10_a_program_that_is_not_there<R: ProcessRig, H: EventLoopRig>(_: Program) {
    let foreground = Foreground::<H>::started();
    let error = foreground
        .router
        .spawn(R::transport(), Command::new("/nowhere/to/be/found"))
        .pipe(|_: &mut App, _: Event<u64>| panic!("no receiver is told"))
        .unwrap_err();
    assert!(matches!(error, SpawnError::Process(_)), "{error:?}");
    assert_eq!((foreground.router.links(), foreground.router.open_pipes()), (0, 0));
    foreground.router.start().unwrap_err();
}

/// A worker's pipe may end in a mailbox; a worker that waits for room in it goes on when it
/// is read.
pub fn b05_a_workers_mailbox_makes_it_wait<R: ProcessRig, H: EventLoopRig>(program: Program) {
    let mut foreground = Foreground::<H>::started();
    let mut command = program.command("finish 50000");
    command.stdout(Stdio::null());
    let (_worker, mut mailbox) = foreground
        .router
        .spawn(R::transport(), command)
        .mailbox_with::<u64>(homing_core::Overflow::Wait, 16)
        .unwrap();
    let mut next = 0;
    let mut end = None;
    while end.is_none() {
        foreground.until("an event in the mailbox", |_| {
            assert!(mailbox.len() <= 16);
            match mailbox.try_recv() {
                Some(Event::Message(message)) => {
                    assert_eq!(message, next);
                    next += 1;
                    true
                }
                Some(Event::Ended(how)) => {
                    end = Some(how);
                    true
                }
                None => false,
            }
        });
    }
    assert_eq!((next, end), (50_000, Some(End::Finished)));
}

/// B10, B20: nothing is left of workers, whichever way they end: no child, dead or alive, no
/// descriptor, no thread, and nothing that has a name.
///
/// It counts what the whole process has, so it needs a test binary for itself, where checks
/// run one after another. It needs a `/proc`.
pub fn b20_nothing_is_left_of_workers<R: ProcessRig, H: EventLoopRig>(program: Program) {
    use_workers::<R, H>(program, true);
    let before = ResourceCount::take().expect("this check counts in /proc");
    for stops in [true, false, true] {
        use_workers::<R, H>(program, stops);
        before.expect_restored();
    }
    // A router that goes on keeps nothing of workers that have ended.
    let mut foreground = Foreground::<H>::started();
    for round in 0..3 {
        let (worker, _) = spawn::<R, H>(&foreground, program.command("finish 10"), round);
        foreground.end_of(round);
        foreground.until("the exit", |_| worker.exit().is_some());
        foreground.until_links(0);
    }
    let before = ResourceCount::take().expect("this check counts in /proc");
    for round in 3..9 {
        let role = ["finish 10", "until-gone", "raw garbage"][round % 3];
        let (worker, _) = spawn::<R, H>(&foreground, program.command(role), round);
        if role == "until-gone" {
            foreground.until("a message", |app| app.count(round) > 0);
            worker.kill().unwrap();
        }
        foreground.end_of(round);
        foreground.until("the exit", |_| worker.exit().is_some());
        foreground.until_links(0);
    }
    foreground.run_pending();
    before.expect_restored();
}

fn use_workers<R: ProcessRig, H: EventLoopRig>(program: Program, stops: bool) {
    let mut foreground = Foreground::<H>::started();
    let roles = ["finish 10", "exit 3", "panic 10", "hang", "until-gone", "until-gone", "absent"];
    let workers: Vec<_> = (roles.into_iter().enumerate())
        .map(|(pipe, role)| spawn::<R, H>(&foreground, program.command(role), pipe).0)
        .collect();
    foreground.until("messages", |app| app.count(4) > 0 && app.count(5) > 0);
    workers[5].kill().unwrap();
    foreground.end_of(0);
    if stops {
        foreground.router.stop(&mut foreground.app).unwrap();
    }
}

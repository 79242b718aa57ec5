//! B10, B20: nothing is left of duplex pipes.

use std::time::Duration;

use super::role::{Order, Role};
#[cfg(unix)]
use super::{DuplexProcessRig, Processes};
use super::{DuplexRig, PLENTY};
use crate::event_loops::EventLoopRig;
use crate::foreground::Foreground;
#[cfg(unix)]
use crate::process::Program;
use crate::resource_count::ResourceCount;

/// B10: a router that stops or is dropped leaves nothing of its duplex pipes behind, whatever was on
/// the way: workers that wait for commands, that look, that wait for room, with commands queued and
/// questions open.
///
/// It counts what the whole process has, so it needs a test binary for itself, where checks
/// run one after another. It needs a `/proc`.
pub fn b10_nothing_is_left_of_duplex_pipes<W: DuplexRig, H: EventLoopRig>(program: W::Program) {
    use_them::<W, H>(program, true);
    let before = ResourceCount::take().expect("this check counts in /proc");
    for stops in [true, false, true] {
        use_them::<W, H>(program, stops);
        before.expect_restored();
    }
}

fn use_them<W: DuplexRig, H: EventLoopRig>(program: W::Program, stops: bool) {
    let mut foreground = Foreground::<H>::started();
    let roles = [
        Role::Obeys,
        Role::Computes,
        Role::Floods,
        Role::TakesThree,
        Role::Leaves,
        Role::TaskObeys,
        Role::TaskFloods,
    ];
    let workers: Vec<_> = (roles.into_iter().enumerate())
        .map(|(number, role)| W::start(&foreground, program, role, number, PLENTY))
        .collect();
    foreground.until("messages", |app| (1..3).all(|number| app.count(number) > 0));
    for worker in &workers {
        // A worker may have ended by now.
        for number in 0..1_000 {
            let _ = worker.remote.send(Order::Number(number));
        }
        let _ = worker.remote.send(Order::Bytes(vec![16; 10_000]));
        let _ = worker.remote.ask(Order::Never, |_, _| ());
    }
    foreground.until("echoes", |app| app.count(0) > 0 && app.count(5) > 0);
    // A look finds the first of these, and a receiver that waits is woken by the second.
    workers[1].remote.cancel();
    let remotes: Vec<_> = workers.iter().map(|worker| worker.remote.clone()).collect();
    drop(workers);
    if stops {
        foreground.router.stop(&mut foreground.app).unwrap();
    }
    drop(foreground);
    // These keep nothing.
    drop(remotes);
}

/// B10, B20, B24: nothing is left of workers that are killed at any instant of their work with
/// commands queued, and of these commands are counted as taken all that were sent back, and at most
/// one more.
///
/// As [`b10_nothing_is_left_of_duplex_pipes`].
///
/// An implementation that fails it keeps a descriptor, a thread or a mapping of one direction, or
/// counts what was written to the link.
#[cfg(unix)]
pub fn b20_nothing_is_left_of_killed_receivers<R: DuplexProcessRig, H: EventLoopRig>(
    program: Program,
) {
    const ROUNDS: usize = 100;
    const COMMANDS: u64 = 3_000;
    let mut foreground = Foreground::<H>::started();
    let mut before = None;
    for number in 0..ROUNDS {
        let started = Processes::<R>::start(&foreground, program, Role::Obeys, number, PLENTY);
        for command in 0..COMMANDS {
            started.remote.send(Order::Number(command)).unwrap();
        }
        // Some are killed before they are started.
        if number % 8 != 0 {
            foreground.until("an echo", |app| app.count(number) > 0);
            std::thread::sleep(Duration::from_micros((number as u64 * 37) % 1_000));
        }
        started.worker.kill().unwrap();
        let _ = foreground.end_of(number);
        let echoed = foreground.app.count(number) as u64;
        let taken = COMMANDS - started.remote.untaken();
        assert!((echoed..=echoed + 1).contains(&taken), "{taken} taken, {echoed} sent back");
        foreground.until("the exit", |_| started.worker.exit().is_some());
        foreground.until_links(0);
        drop(started);
        // The first ones start what the process keeps.
        if number == 2 {
            before = ResourceCount::take();
        }
    }
    foreground.run_pending();
    before.expect("this check counts in /proc").expect_restored();
}

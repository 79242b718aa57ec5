//! B4: a process pool.

use std::io::Write as _;
use std::process::Stdio;

use homing_core::{End, Event};

use super::{ProcessRig, Program, spawn};
use crate::event_loops::EventLoopRig;
use crate::foreground::{App, Foreground};

/// B4, B19: workers get the tickets of further pipes as lines of text, and send 64 messages
/// on each of 64 pipes, from four threads each. A pipe may be handed to another worker than
/// the one that it was made on: the worker that presents the ticket first has it. Until then it is lost
/// with the one that it was made on, so these live until all is done.
pub fn b04_a_pool_of_processes<R: ProcessRig, H: EventLoopRig>(program: Program) {
    const PIPES: usize = 64;
    let mut foreground = Foreground::<H>::started();
    let workers: Vec<_> = (0..2)
        .map(|n| {
            let mut command = program.command("pool");
            command.stdin(Stdio::piped());
            spawn::<R, H>(&foreground, command, 1000 + n).0
        })
        .collect();
    let mut stdin: Vec<_> = workers.iter().map(|worker| worker.take_stdin().unwrap()).collect();
    for pipe in 0..PIPES {
        let (ticket, _) = workers[pipe / 8 % 2]
            .pipe(move |app: &mut App, event: Event<u64>| app.record(pipe, &event))
            .unwrap();
        writeln!(stdin[pipe % 2], "{ticket}").unwrap();
    }
    for stdin in &mut stdin {
        writeln!(stdin, "go").unwrap();
    }
    foreground.until("the ends of 64 pipes", |app| app.ended() >= PIPES);
    drop(stdin);
    foreground.until("the ends of the workers", |app| app.ended() == PIPES + 2);
    for pipe in 0..PIPES {
        let base = (pipe / 2 * 1000) as u64;
        assert!(foreground.app.messages(pipe).iter().copied().eq(base..base + 64), "pipe {pipe}");
        assert_eq!(foreground.app.end(pipe), Some(End::Finished));
    }
    assert_eq!(foreground.router.counters().refused_links, 0);
}

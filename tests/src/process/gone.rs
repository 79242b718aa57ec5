//! B7, B20: the foreground dies.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use super::{ProcessRig, Program};
use crate::background::background;

/// B7, B20: when the foreground is killed, a worker that is to run on learns that it is gone,
/// promptly, by an error and not by a signal: one that sends all the time, and one that waits
/// for room. It ends in its own way, and then nothing is left of either.
///
/// A process that is started for it is the foreground; it starts the worker, which holds the
/// same standard output. That ends when the last of them is gone.
///
/// An implementation that fails it leaves orphans, or lets SIGPIPE kill them.
pub fn b07_a_worker_learns_that_its_foreground_was_killed<R: ProcessRig>(program: Program) {
    for kind in ["runs", "sleeps"] {
        let rest = outputs_after_kill(program, kind);
        assert!(rest.contains("worker: disconnected"), "{kind}: {rest}");
    }
}

/// B20: when the foreground is killed, its worker ends too, whatever it does: one that sends,
/// one that waits for room, one that computes, one that sleeps.
///
/// Typical cause of failure: the worker learns of the end only when it sends.
pub fn b20_a_worker_ends_with_its_foreground<R: ProcessRig>(program: Program) {
    for kind in ["runs ends", "sleeps ends", "runs computes", "runs stays"] {
        outputs_after_kill(program, kind);
    }
}

/// Kills a foreground of this kind and waits until its worker has ended. What they wrote.
fn outputs_after_kill(program: Program, kind: &str) -> String {
    let mut command = program.command(&format!("foreground {kind}"));
    let mut foreground = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut out = BufReader::new(foreground.stdout.take().expect("it was asked for"));
    let reading = background(move || {
        let mut line = String::new();
        while !line.starts_with("foreground: started") {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "the foreground ended");
        }
        (line, out)
    });
    let (line, mut out) = reading.join();
    let worker = line.trim().rsplit_once(' ').unwrap().1.to_owned();
    // The worker of the one that sleeps fills the link meanwhile.
    std::thread::sleep(std::time::Duration::from_millis(50));
    foreground.kill().unwrap();
    foreground.wait().unwrap();
    let reading = background(move || {
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        rest
    });
    let rest = reading.join();
    // Its output was closed by its end; its reaping may take a moment more.
    let path = std::path::PathBuf::from(format!("/proc/{worker}/exe"));
    let gone = background(move || {
        while std::fs::read_link(&path).is_ok() {
            std::thread::yield_now();
        }
    });
    gone.join();
    rest
}

//! A foreground with a worker of some kind, for tests that kill the foreground. Shared with
//! the example `outlive`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use homing_core::{ConnectionId, Nonce, Ticket};
use homing_process::{ChildProcess, Inherited, SpawnOptions};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// The environment variable that says what this program is to do.
pub(crate) const ROLE: &str = "HOMING_TEST_ROLE";

/// What a worker does when its foreground is killed.
pub(crate) const KINDS: [&str; 7] =
    ["sends", "computes", "sleeps", "stopped", "unopened", "unopened-stopped", "children"];

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);

/// A foreground that runs, and what ends when its workers do.
pub(crate) struct Family {
    pub(crate) foreground: Child,
    /// The worker first; then its child, if it has one.
    pub(crate) workers: Vec<OwnedFd>,
    /// A copy of the foreground, made by `fork`.
    pub(crate) copy: Option<Pid>,
}

/// Starts a foreground with a worker of this kind. `again` is this program with a role.
pub(crate) fn start(mut again: Command, kind: &str, forks: bool) -> Family {
    let forks = if forks { "forks" } else { "alone" };
    again.env(ROLE, format!("foreground:{kind}:{forks}")).stdout(Stdio::piped());
    let mut foreground = again.spawn().unwrap();
    let mut lines = BufReader::new(foreground.stdout.take().unwrap()).lines();
    let mut numbers = || {
        let line = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, numbers)) = line.split_once("pids:") {
                break numbers.to_owned();
            }
        };
        line.split_whitespace().map(|id| pid(id.parse().unwrap())).collect::<Vec<_>>()
    };
    let workers = numbers();
    let copy = numbers().first().copied();
    let workers = workers.into_iter().map(|pid| pidfd_open(pid, PidfdFlags::empty()).unwrap());
    Family { foreground, workers: workers.collect(), copy }
}

impl Family {
    /// Kills the foreground, and says how many of its workers have not ended in this time.
    pub(crate) fn kill(mut self, wait: Duration) -> usize {
        self.foreground.kill().unwrap();
        self.foreground.wait().unwrap();
        let end = std::time::Instant::now() + wait;
        let lives = |worker: &&OwnedFd| {
            let left = end.saturating_duration_since(std::time::Instant::now());
            let timeout = Timespec::try_from(left).unwrap();
            poll(&mut [PollFd::new(worker, PollFlags::IN)], Some(&timeout)).unwrap() == 0
        };
        let left = self.workers.iter().filter(lives).count();
        for worker in &self.workers {
            let _ = rustix::process::pidfd_send_signal(worker, Signal::KILL);
        }
        if let Some(copy) = self.copy {
            kill_process(copy, Signal::KILL).unwrap();
        }
        left
    }
}

fn pid(id: i32) -> Pid {
    Pid::from_raw(id).unwrap()
}

/// Does what the role says, if it is one of these.
pub(crate) fn play(role: &str, again: impl Fn() -> Command) {
    match role.split(':').collect::<Vec<_>>()[..] {
        ["foreground", kind, forks] => foreground(kind, forks == "forks", again()),
        ["worker", kind] => worker(kind),
        _ => {}
    }
}

fn foreground(kind: &str, forks: bool, mut again: Command) -> ! {
    let (mut link, theirs) = os_pipe::pipe().unwrap();
    let (ready, says_ready) = os_pipe::pipe().unwrap();
    let command = if kind.starts_with("unopened") {
        let mut sleep = Command::new("sleep");
        sleep.arg("600");
        drop(says_ready);
        sleep
    } else {
        again.env(ROLE, format!("worker:{kind}")).stdout(says_ready);
        again
    };
    let ticket = Ticket::<u8>::new(ConnectionId::from_parts(0, 0), Nonce::new(1));
    let mut options = SpawnOptions::new();
    if kind == "children" {
        options = options.own_process_group();
    }
    if kind == "kept" {
        options = options.keep_running();
    }
    let handles = vec![theirs.into()];
    let worker =
        ChildProcess::spawn_with(command, &options, "test", handles, 9, 9, &ticket).unwrap();
    let mut pids = worker.id().to_string();
    // The harness writes lines of its own. None comes from one that does not open its link.
    let mut lines = BufReader::new(ready).lines().map(Result::unwrap);
    let said = lines.find(|line| line.contains("ready")).unwrap_or_default();
    if let Some((_, grandchild)) = said.split_once("ready") {
        pids.push_str(grandchild.trim_end());
    }
    if kind.ends_with("stopped") {
        let id = pid(worker.id().cast_signed());
        kill_process(id, Signal::STOP).unwrap();
        // Until it has stopped.
        let options = rustix::process::WaitIdOptions::STOPPED;
        rustix::process::waitid(rustix::process::WaitId::Pid(id), options).unwrap();
    }
    let copy = if forks { fork().to_string() } else { String::new() };
    // The harness may have written the beginning of the line.
    println!("\npids: {pids}\npids: {copy}");
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while link.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    std::thread::sleep(LONG);
    std::process::exit(1);
}

/// Makes a copy of this process that does nothing.
pub(crate) fn fork() -> i32 {
    // SAFETY: the copy calls nothing but pause, which is async-signal-safe.
    match unsafe { libc::fork() } {
        0 => loop {
            // SAFETY: no preconditions.
            unsafe { libc::pause() };
        },
        copy => copy,
    }
}

fn worker(kind: &str) -> ! {
    let link = Inherited::take().unwrap();
    let [handle] = <[OwnedFd; 1]>::try_from(link.handles).unwrap();
    let mut out = std::io::stdout();
    if kind == "children" {
        let child = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn();
        // It is still there when this process is killed.
        writeln!(out, "ready {}", child.unwrap().id()).unwrap();
    } else {
        writeln!(out, "ready").unwrap();
    }
    match kind {
        "sends" => {
            let mut link = std::fs::File::from(handle);
            loop {
                // An error, when the foreground is gone, does not end it.
                let _ = link.write(b"message");
            }
        }
        "computes" => loop {
            std::hint::spin_loop();
        },
        _ => loop {
            std::thread::sleep(LONG);
        },
    }
}

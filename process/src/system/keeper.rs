//! The thread that starts a worker process on Linux, and stays as long as the worker lives.
//!
//! The thread has a descriptor table of its own. There the link's handles can be made
//! inheritable while std's `Command::spawn` runs: the children of other threads do not get
//! them, and std need not fork, which it does for a `pre_exec` and which takes long when the
//! foreground is large. Every `Command` works, with its streams, ids and `pre_exec`.
//!
//! Afterwards the table is emptied but for the foreground's end of the lifeline. A process
//! that the foreground forks without `exec` gets no copy of it, so it is closed exactly when
//! the foreground dies; the kernel then kills the worker, even if that is stopped or has not
//! opened its link. The thread is also the one that the parent-death signal of the worker
//! refers to.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::FdFlags;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

use super::Streams;
use super::handover::{Outcome, Report, Teller};
use super::pidfd::kill;
use crate::start_deadline::{StartDeadline, has_opened};
use crate::sys::{
    Hangup, PrivateTable, block_all_signals, signal_on_hangup, stop_signal_on_hangup,
};

/// What the thread works with. The descriptors are numbers, which mean the same in the copy
/// of the table: their owner keeps them open until the thread has reported.
pub(super) struct Job {
    pub(super) command: Command,
    /// What the worker inherits.
    pub(super) inherited: Vec<RawFd>,
    /// The foreground's end of the lifeline and the worker's, for a worker that is to end
    /// with the foreground.
    pub(super) lifeline: Option<(RawFd, RawFd)>,
    /// Whether the worker leads a process group, which is to end with the foreground too.
    pub(super) group: bool,
    /// How long the worker may take to open its link.
    pub(super) start_deadline: Option<Arc<StartDeadline>>,
    /// Where the descriptors go that the thread has opened: see `handover.rs`.
    pub(super) socket: RawFd,
}

/// What was started, with descriptors of the thread's table.
struct Started {
    id: u32,
    /// `None` when the process had ended, and was reaped already: where SIGCHLD is ignored.
    pidfd: Option<OwnedFd>,
    streams: Streams,
}

/// std's spawn, and a `pre_exec` closure, run on it. What is not touched costs no memory.
const STACK: usize = 256 << 10;

/// A keeper that has no job yet.
pub(super) struct Keeper {
    thread: JoinHandle<()>,
    jobs: Sender<Job>,
    report: Report,
}

impl Keeper {
    /// Starts the thread. It has what it inherits of its creator, which the worker inherits in
    /// turn: signal mask, priority, processors, restrictions. So each worker has a new one.
    pub(super) fn start() -> io::Result<Self> {
        let report = Report::default();
        let (jobs, job) = mpsc::channel();
        let told = report.clone();
        let thread = thread::Builder::new().name("homing-keeper".into()).stack_size(STACK);
        let thread = thread.spawn(move || {
            // There is none when it could not be prepared.
            if let Ok(job) = job.recv() {
                run(job, told);
            }
        })?;
        Ok(Self { thread, jobs, report })
    }

    /// Lets the thread do its job. The foreground is told over the job's socket, with the report
    /// that is returned.
    pub(super) fn begin(self, job: Job) -> io::Result<(JoinHandle<()>, Report)> {
        let Self { thread, jobs, report } = self;
        let gone = |_| io::Error::other("the thread that starts a worker has ended");
        jobs.send(job).map_err(gone)?;
        Ok((thread, report))
    }
}

/// The body of the thread. The foreground is told once, whatever happens here.
fn run(mut job: Job, report: Report) {
    // SAFETY: the number is not -1. The foreground keeps the socket open until it was told, by the
    // drop of the teller at the latest; in the thread's own table it is closed after that.
    let socket = unsafe { BorrowedFd::borrow_raw(job.socket) };
    let teller = Teller::new(socket, report);
    // SAFETY: the thread was started for this function. The job holds its descriptors as
    // numbers, apart from those of the command, which is given back unchanged, as std's spawn
    // only borrows them; what is opened here is dropped here.
    let mut table = match unsafe { PrivateTable::enter() } {
        Ok(table) => table,
        Err(_) => return teller.not_started(job.command, Outcome::NoTable),
    };
    let started = start(&mut job, &table);
    // From here on, no handler finds the descriptors that it expects.
    block_all_signals();
    match started {
        Ok(started) => keep(started, job, &mut table, teller),
        Err(error) => {
            table.close_all_but(&[job.socket]);
            teller.not_started(job.command, Outcome::Failed(error));
        }
    }
}

/// Hands over what was started, and stays with it.
fn keep(started: Started, job: Job, table: &mut PrivateTable, teller: Teller<'_>) {
    let Started { id, pidfd, streams } = started;
    let mut kept = streams.numbers();
    kept.extend(pidfd.iter().map(|pidfd| pidfd.as_raw_fd()));
    kept.extend(job.lifeline.iter().flat_map(|(ours, theirs)| [*ours, *theirs]));
    kept.push(job.socket);
    table.close_all_but(&kept);
    let told = teller.started(job.command, id, pidfd.as_ref(), &streams);
    // The foreground runs from here on.
    drop(streams);
    table.close(job.socket);
    // A process without a pidfd has been reaped.
    let Some(pidfd) = &pidfd else { return };
    if told.is_err() {
        // The foreground knows nothing of it.
        let _ = kill(pidfd, id, job.group, true);
        let _ = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
        return;
    }
    let Some((ours, theirs)) = job.lifeline else { return };
    if let Some(deadline) = &job.start_deadline
        && !opens_in_time(pidfd, table.get(ours), deadline.after)
    {
        deadline.set_missed();
        if let Err(error) = kill(pidfd, id, job.group, true) {
            log::warn!(target: "homing::worker", "worker (pid {id}) cannot be killed: {error}");
        }
    }
    wait_for_end(pidfd);
    // The foreground was woken by the same end. Should it wait for this processor, it is first: its
    // handlers are to be told, while this thread has time.
    thread::yield_now();
    // The process has ended: nothing of its group is to die of this thread's end.
    stop_signal_on_hangup(table.get(theirs));
}

/// Starts the process.
fn start(job: &mut Job, table: &PrivateTable) -> io::Result<Started> {
    fill_standard(table)?;
    for number in &job.inherited {
        rustix::io::fcntl_setfd(table.get(*number), FdFlags::empty())?;
    }
    let mut child = spawn(&mut job.command)?;
    let id = child.id();
    let pidfd = pid(id).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    if let (Some(_), Some((_, theirs))) = (&pidfd, job.lifeline)
        && let Ok(id) = i32::try_from(id)
    {
        let whom = if job.group { Hangup::Group(id) } else { Hangup::Process(id) };
        if let Err(error) = signal_on_hangup(table.get(theirs), whom) {
            log::warn!("the worker process {id} may outlive this process: {error}");
        }
    }
    let streams = Streams {
        stdin: child.stdin.take(),
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
    };
    Ok(Started { id, pidfd, streams })
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// Opens what is closed of the standard descriptors, lest what std opens for the child gets
/// these numbers.
fn fill_standard(table: &PrivateTable) -> io::Result<()> {
    for number in 0..3 {
        if rustix::io::fcntl_getfd(table.get(number)).is_err() {
            // The lowest number that is free.
            let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
            rustix::io::fcntl_setfd(&null, FdFlags::empty())?;
            // Closed with the table.
            let _ = std::os::fd::IntoRawFd::into_raw_fd(null);
        }
    }
    Ok(())
}

/// Starts the command. std panics where it forks, the program is missing, and SIGCHLD is
/// ignored.
pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
    catch_unwind(AssertUnwindSafe(|| command.spawn())).unwrap_or_else(|_| Err(spawn_panicked()))
}

pub(super) fn spawn_panicked() -> io::Error {
    io::Error::other(
        "std::process::Command panicked. It does so when SIGCHLD is ignored and the program \
         cannot be run",
    )
}

/// Waits until the worker has opened its link, or has ended. Whether one of these was before
/// the deadline.
fn opens_in_time(pidfd: &OwnedFd, lifeline: BorrowedFd<'_>, after: Duration) -> bool {
    let Some(deadline) = Instant::now().checked_add(after) else { return true };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left.min(Duration::from_secs(3600))).ok();
        let mut entries =
            [PollFd::new(pidfd, PollFlags::IN), PollFd::new(&lifeline, PollFlags::IN)];
        match poll(&mut entries, timeout.as_ref()) {
            Ok(0) if left.is_zero() => return has_opened(lifeline),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) | Err(_) => return true,
        }
    }
}

fn wait_for_end(pidfd: &OwnedFd) {
    loop {
        match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], None) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            // It cannot fail otherwise for an open descriptor and one entry; to stay would be
            // to spin.
            Ok(_) | Err(_) => return,
        }
    }
}

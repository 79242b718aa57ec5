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

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::FdFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

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
    /// Where the descriptors go that the thread has opened: see `receive` in `pidfd.rs`.
    pub(super) socket: RawFd,
}

pub(super) enum Outcome {
    /// The process runs, or has run.
    Started(u32),
    /// The thread could not get a table of its own; nothing was started.
    NoTable,
    Failed(io::Error),
}

/// What stands in the message that carries the descriptors: which of them are there, in this
/// order.
pub(super) const PIDFD: u8 = 1;
pub(super) const STDIN: u8 = 2;
pub(super) const STDOUT: u8 = 4;
pub(super) const STDERR: u8 = 8;

/// The body of the thread. The command is given back, as its descriptors are owned by the
/// process's table.
pub(super) fn run(mut job: Job, report: &Sender<(Command, Outcome)>) {
    // SAFETY: the thread was started for this function. The job holds its descriptors as
    // numbers, apart from those of the command, which is given back unchanged, as std's spawn
    // only borrows them; what is opened here is dropped here.
    let mut table = match unsafe { PrivateTable::enter() } {
        Ok(table) => table,
        Err(_) => {
            let _ = report.send((job.command, Outcome::NoTable));
            return;
        }
    };
    let started = start(&mut job, &table);
    // From here on, no handler finds the descriptors that it expects.
    block_all_signals();
    let (outcome, pidfd) = match started {
        Ok((id, pidfd)) => (Outcome::Started(id), pidfd),
        Err(error) => (Outcome::Failed(error), None),
    };
    let id = if let Outcome::Started(id) = outcome { id } else { 0 };
    let kept = pidfd.as_ref().zip(job.lifeline);
    table.close_all_but(match kept {
        Some((pidfd, (ours, theirs))) => vec![pidfd.as_raw_fd(), ours, theirs],
        // The value must find its descriptor when it is dropped.
        None => pidfd.iter().map(|pidfd| pidfd.as_raw_fd()).collect(),
    });
    // The foreground waits for this no longer than for the receiver to be dropped.
    let _ = report.send((job.command, outcome));
    if let Some((pidfd, (ours, theirs))) = kept {
        if let Some(deadline) = &job.start_deadline
            && !opens_in_time(pidfd, table.get(ours), deadline.after)
        {
            deadline.set_missed();
            if let Err(error) = kill(pidfd, id, job.group, true) {
                log::warn!(target: "homing::worker", "worker (pid {id}) cannot be killed: {error}");
            }
        }
        wait_for_end(pidfd);
        // The process has ended: nothing of its group is to die of this thread's end.
        stop_signal_on_hangup(table.get(theirs));
    }
}

/// Starts the process, and hands what was opened for it to the foreground.
fn start(job: &mut Job, table: &PrivateTable) -> io::Result<(u32, Option<OwnedFd>)> {
    fill_standard(table)?;
    for number in &job.inherited {
        rustix::io::fcntl_setfd(table.get(*number), FdFlags::empty())?;
    }
    let mut child = spawn(&mut job.command)?;
    let id = child.id();
    // It fails when the process has ended and was reaped already: where SIGCHLD is ignored.
    let pidfd = pid(id).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    if let (Some(_), Some((_, theirs))) = (&pidfd, job.lifeline)
        && let Ok(id) = i32::try_from(id)
    {
        let whom = if job.group { Hangup::Group(id) } else { Hangup::Process(id) };
        if let Err(error) = signal_on_hangup(table.get(theirs), whom) {
            log::warn!("the worker process {id} may outlive this process: {error}");
        }
    }
    if let Err(error) = hand_over(table.get(job.socket), &mut child, pidfd.as_ref()) {
        // Without its pidfd and its streams it is of no use.
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok((id, pidfd))
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

/// Sends the pidfd and the ends of the child's streams from this table to the foreground's.
fn hand_over(socket: BorrowedFd<'_>, child: &mut Child, pidfd: Option<&OwnedFd>) -> io::Result<()> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let ends = [
        (PIDFD, pidfd.map(|end| end.as_fd())),
        (STDIN, stdin.as_ref().map(|end| end.as_fd())),
        (STDOUT, stdout.as_ref().map(|end| end.as_fd())),
        (STDERR, stderr.as_ref().map(|end| end.as_fd())),
    ];
    let present: u8 = ends.iter().filter(|(_, end)| end.is_some()).map(|(flag, _)| flag).sum();
    let sent: Vec<BorrowedFd<'_>> = ends.iter().filter_map(|(_, end)| *end).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !sent.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(&sent));
    }
    sendmsg(socket, &[IoSlice::new(&[present])], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
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

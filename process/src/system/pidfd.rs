//! A process of Linux, known by its pidfd.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use homing_core::Exit;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};

use super::handover::{self, Outcome, Received};
use super::keeper::{Job, Keeper};
use super::watched::{Lifeline, own_pidfd};
use super::{Order, Process, Streams};
use crate::{OwnedHandle, StartError, handles, sys};

pub(crate) struct PidfdProcess {
    id: u32,
    pidfd: OwnedFd,
    /// Whether it leads a process group of its own.
    group: bool,
    keeper: Option<JoinHandle<()>>,
}

pub(super) enum Failure<'a> {
    Start(StartError),
    /// This kernel, or the confinement of this process, does not allow it.
    Unsupported(Box<Order<'a>>),
}

pub(super) fn start(order: Order<'_>) -> Result<(Process, Streams), Failure<'_>> {
    let Ok(own_pidfd) = own_pidfd() else { return Err(Failure::Unsupported(Box::new(order))) };
    let error = StartError::about(&order.command);
    let failed = |source| Failure::Start(error(source));
    let Order { mut command, options, handles, mut descriptor, start_deadline } = order;

    // It begins while its job is being prepared.
    let keeper = Keeper::start().map_err(&failed)?;
    descriptor.note_signals();
    let handles: Vec<OwnedHandle> = handles
        .into_iter()
        .map(handles::above_standard)
        .collect::<io::Result<_>>()
        .map_err(&failed)?;
    let lifeline = Lifeline::unless(options.keep_running).map_err(&failed)?;
    let (socket, keepers_socket) = UnixStream::pair().map_err(&failed)?;
    let watched: Vec<&OwnedFd> =
        lifeline.iter().flat_map(|line| [&own_pidfd, &line.theirs]).collect();
    descriptor.handles = handles::names(&handles).map_err(&failed)?;
    descriptor.watched = handles::names(watched.iter().copied()).map_err(&failed)?;
    command.env(crate::descriptor::ENV_VAR, descriptor.to_string());

    let job = Job {
        command,
        inherited: handles.iter().chain(watched).map(|fd| fd.as_raw_fd()).collect(),
        lifeline: lifeline.as_ref().map(|line| (line.ours.as_raw_fd(), line.theirs.as_raw_fd())),
        group: options.own_process_group,
        start_deadline: start_deadline.clone(),
        socket: keepers_socket.as_raw_fd(),
    };
    let (keeper, report) = keeper.begin(job).map_err(&failed)?;
    let received = handover::receive(&socket);
    let outcome = report.take();
    if let Some((command, Outcome::Started(id))) = outcome {
        // On this thread, whose table has its descriptors.
        drop(command);
        let group = options.own_process_group;
        let Received { pidfd, streams } = received.map_err(|error| {
            drop((socket, keepers_socket, lifeline));
            abandon(id, group);
            failed(error)
        })?;
        let pidfd = pidfd.map_or_else(readable, Ok).map_err(&failed)?;
        let process = PidfdProcess { id, pidfd, group, keeper: Some(keeper) };
        return Ok((Process::Pidfd(process), streams));
    }
    // Nothing was started, so the thread has ended.
    let _ = keeper.join();
    match outcome {
        Some((_command, Outcome::Failed(source))) => Err(failed(source)),
        Some((command, _)) => {
            let order = Order { command, options, handles, descriptor, start_deadline };
            Err(Failure::Unsupported(Box::new(order)))
        }
        None => Err(failed(io::Error::other("the starting thread panicked"))),
    }
}

/// Ends a process whose descriptors could not be received: there were no numbers left for them,
/// but some are free by now.
fn abandon(id: u32, group: bool) {
    let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else { return };
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    // If another thread has reaped it, the number may be another's, which is no child.
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    if waitid(WaitId::PidFd(pidfd.as_fd()), look).is_ok() && kill(&pidfd, id, group, true).is_ok() {
        let _ = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
    }
}

/// Stands for the pidfd of a process that had ended, and was reaped, before it could be
/// opened: readable, and no process's.
fn readable() -> io::Result<OwnedFd> {
    let (ours, _closed) = UnixStream::pair()?;
    Ok(ours.into())
}

impl PidfdProcess {
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    pub(super) fn kill(&self, running: bool) -> io::Result<()> {
        kill(&self.pidfd, self.id, self.group, running)
    }

    pub(super) fn try_reap(&self) -> Option<Option<Exit>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        Some(match waitid(WaitId::PidFd(self.pidfd()), options) {
            Ok(None) | Err(Errno::INTR) => return None,
            Ok(Some(status)) => status
                .exit_status()
                .map(Exit::Code)
                .or_else(|| status.terminating_signal().map(Exit::Signal)),
            // Another thread has reaped it, or the kernel has, as SIGCHLD is ignored.
            Err(_) => sys::exit_of_pidfd(&self.pidfd),
        })
    }

    pub(super) fn wait_until(&self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left.min(Duration::from_secs(3600))).ok();
        // The caller looks at what has become of the process, and at the time.
        let _ = poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], timeout.as_ref());
    }

    /// Joins the keeper of a process that has ended. That of one that runs stays with it.
    pub(super) fn release(&mut self, ended: bool) {
        if ended && let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// Kills the process, which is `running` as far as is known, and its group where it leads one.
pub(super) fn kill(pidfd: &OwnedFd, id: u32, group: bool, running: bool) -> io::Result<()> {
    if group {
        match sys::kill_group_of(pidfd) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(()),
            // Before Linux 6.9. The number is the group's as long as its leader was not
            // reaped.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                return if running { kill_group_by_number(id) } else { Ok(()) };
            }
            other => return other,
        }
    }
    if !running {
        return Ok(());
    }
    match pidfd_send_signal(pidfd, Signal::KILL) {
        // It was reaped by another thread or by the kernel.
        Err(Errno::SRCH) => Ok(()),
        other => Ok(other?),
    }
}

fn kill_group_by_number(id: u32) -> io::Result<()> {
    match i32::try_from(id).ok().and_then(Pid::from_raw) {
        Some(id) => Ok(kill_process_group(id, Signal::KILL)?),
        None => Ok(()),
    }
}

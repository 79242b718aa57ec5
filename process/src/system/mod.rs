//! Starting, killing and reaping a process, by what the system has.

use std::io;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use std::sync::Arc;
use std::time::Instant;

use homing_core::Exit;
use shared_child::SharedChild;

use crate::descriptor::LinkDescriptor;
use crate::options::SpawnOptions;
use crate::start_deadline::StartDeadline;
use crate::{OwnedHandle, StartError};

#[cfg(target_os = "linux")]
mod handover;
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "gives its thread a descriptor table of its own")]
mod keeper;
#[cfg(target_os = "linux")]
mod pidfd;
mod portable;
#[cfg(unix)]
mod watched;

/// A process that was started here.
pub(crate) enum Process {
    #[cfg(target_os = "linux")]
    Pidfd(pidfd::PidfdProcess),
    Portable(portable::PortableProcess),
}

/// The ends of the standard streams that the command asked for.
#[derive(Default)]
pub(crate) struct Streams {
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
}

#[cfg(target_os = "linux")]
impl Streams {
    fn numbers(&self) -> Vec<std::os::fd::RawFd> {
        use std::os::fd::AsRawFd as _;
        let stdin = self.stdin.as_ref().map(|end| end.as_raw_fd());
        let stdout = self.stdout.as_ref().map(|end| end.as_raw_fd());
        let stderr = self.stderr.as_ref().map(|end| end.as_raw_fd());
        [stdin, stdout, stderr].into_iter().flatten().collect()
    }
}

/// What is to be started.
struct Order<'a> {
    command: Command,
    options: &'a SpawnOptions,
    handles: Vec<OwnedHandle>,
    descriptor: LinkDescriptor,
    start_deadline: Option<Arc<StartDeadline>>,
}

/// Starts `command` with the `handles` of a link, which `descriptor` is completed to name.
pub(crate) fn start(
    mut command: Command,
    options: &SpawnOptions,
    handles: Vec<OwnedHandle>,
    descriptor: LinkDescriptor,
    start_deadline: Option<Arc<StartDeadline>>,
) -> Result<(Process, Streams), StartError> {
    #[cfg(unix)]
    if options.own_process_group {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    if options.stderr_lines > 0 {
        command.stderr(std::process::Stdio::piped());
    }
    let order = Order { command, options, handles, descriptor, start_deadline };
    #[cfg(target_os = "linux")]
    let order = match pidfd::start(order) {
        Ok(started) => return Ok(started),
        Err(pidfd::Failure::Start(error)) => return Err(error),
        // The kernel is old, or the process is confined.
        Err(pidfd::Failure::Unsupported(order)) => *order,
    };
    portable::start(order)
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pidfd(process) => process.id(),
            Self::Portable(process) => process.id(),
        }
    }

    /// Kills the process if `running`, and its group where it has one of its own.
    pub(crate) fn kill(&self, running: bool) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pidfd(process) => process.kill(running),
            Self::Portable(process) => process.kill(running),
        }
    }

    /// Reaps the process if it has ended. The outer `None` says that it runs, the inner one
    /// that the system cannot say how it ended.
    pub(crate) fn try_reap(&self) -> Option<Option<Exit>> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pidfd(process) => process.try_reap(),
            Self::Portable(process) => process.try_reap(),
        }
    }

    /// Waits until the process has ended or the time is over, without reaping it.
    pub(crate) fn wait_until(&self, deadline: Instant) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pidfd(process) => process.wait_until(deadline),
            Self::Portable(process) => process.wait_until(deadline),
        }
    }

    /// The descriptor that becomes readable when the process has ended, where there is one.
    #[cfg(unix)]
    pub(crate) fn pidfd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pidfd(process) => Some(process.pidfd()),
            Self::Portable(_) => None,
        }
    }

    /// The process, where a thread has to wait for it.
    pub(crate) fn waitable(&self) -> Option<std::sync::Arc<SharedChild>> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pidfd(_) => None,
            Self::Portable(process) => Some(process.child()),
        }
    }

    /// To be called before the last handle of the process is dropped, with whether it ended.
    pub(crate) fn release(&mut self, ended: bool) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pidfd(process) => process.release(ended),
            Self::Portable(process) => process.release(ended),
        }
    }
}

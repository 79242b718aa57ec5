//! A process by std's means: systems other than Linux, and a Linux that is old or confined.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use homing_core::Exit;
use shared_child::SharedChild;

use super::{Order, Process, Streams};
use crate::descriptor::{ENV_VAR, LinkDescriptor};
use crate::{OwnedHandle, StartError, handles};

/// How often a wait with a deadline looks.
const INTERVAL: Duration = Duration::from_millis(5);

pub(crate) struct PortableProcess {
    child: Arc<SharedChild>,
    #[cfg(unix)]
    group: bool,
    #[cfg(unix)]
    lifeline: Option<std::os::fd::OwnedFd>,
}

pub(super) fn start(order: Order<'_>) -> Result<(Process, Streams), StartError> {
    let error = StartError::about(&order.command);
    let Order { mut command, options, handles, descriptor, start_deadline } = order;

    #[cfg(unix)]
    let lifeline =
        inherit(&mut command, handles, descriptor, options.keep_running).map_err(&error)?;
    #[cfg(windows)]
    let open = inherit(&mut command, handles, descriptor).map_err(&error)?;
    let child = spawn(&mut command).map_err(&error)?;
    #[cfg(windows)]
    drop(open);

    let streams = Streams {
        stdin: child.take_stdin(),
        stdout: child.take_stdout(),
        stderr: child.take_stderr(),
    };
    #[cfg(target_os = "linux")]
    arm(&child, options.own_process_group, lifeline.as_ref());
    // Only used on Unix.
    let _ = options;
    let child = Arc::new(child);
    #[cfg(unix)]
    if let (Some(deadline), Some(line)) = (start_deadline, &lifeline) {
        watch_start(Arc::clone(&child), line.ours.try_clone(), deadline);
    }
    #[cfg(not(unix))]
    drop(start_deadline);
    let process = PortableProcess {
        child,
        #[cfg(unix)]
        group: options.own_process_group,
        #[cfg(unix)]
        lifeline: lifeline.map(|line| line.ours),
    };
    Ok((Process::Portable(process), streams))
}

/// std panics where it forks, the program is missing, and SIGCHLD is ignored.
fn spawn(command: &mut Command) -> io::Result<SharedChild> {
    catch_unwind(AssertUnwindSafe(|| SharedChild::spawn(command))).unwrap_or_else(|_| {
        Err(io::Error::other(
            "std::process::Command panicked. It does so when SIGCHLD is ignored and the program \
             cannot be run",
        ))
    })
}

/// Lets the command inherit the handles, and tells it of them. std forks for this.
#[cfg(unix)]
fn inherit(
    command: &mut Command,
    handles: Vec<OwnedHandle>,
    mut descriptor: LinkDescriptor,
    keep_running: bool,
) -> io::Result<Option<super::watched::Lifeline>> {
    use command_fds::CommandFdExt as _;

    let mut inherited: Vec<OwnedHandle> =
        handles.into_iter().map(handles::above_standard).collect::<io::Result<_>>()?;
    descriptor.note_signals();
    descriptor.handles = handles::names(&inherited)?;
    let lifeline = super::watched::Lifeline::unless(keep_running)?;
    let mut watched = Vec::new();
    if let Some(lifeline) = &lifeline {
        #[cfg(target_os = "linux")]
        watched.extend(super::watched::own_pidfd());
        watched.push(lifeline.theirs.try_clone()?);
    }
    descriptor.watched = handles::names(&watched)?;
    inherited.append(&mut watched);
    command.env(ENV_VAR, descriptor.to_string());
    command.preserved_fds(inherited);
    Ok(lifeline)
}

#[cfg(windows)]
fn inherit(
    command: &mut Command,
    handles: Vec<OwnedHandle>,
    mut descriptor: LinkDescriptor,
) -> io::Result<Vec<OwnedHandle>> {
    let (names, open) = handles::inherit(handles)?;
    descriptor.handles = names;
    command.env(ENV_VAR, descriptor.to_string());
    Ok(open)
}

/// Has the kernel kill the worker when the foreground's end of the lifeline is closed.
#[cfg(target_os = "linux")]
fn arm(child: &SharedChild, group: bool, lifeline: Option<&super::watched::Lifeline>) {
    use std::os::fd::AsFd as _;

    use crate::sys::{Hangup, signal_on_hangup};

    let (Some(line), Ok(id)) = (lifeline, i32::try_from(child.id())) else { return };
    let whom = if group { Hangup::Group(id) } else { Hangup::Process(id) };
    if let Err(error) = signal_on_hangup(line.theirs.as_fd(), whom) {
        log::warn!("the worker process {id} may outlive this process: {error}");
    }
}

/// Kills a worker that has not opened its link by its deadline. A thread of its own looks.
#[cfg(unix)]
fn watch_start(
    child: Arc<SharedChild>,
    lifeline: io::Result<std::os::fd::OwnedFd>,
    deadline: Arc<crate::start_deadline::StartDeadline>,
) {
    let watch = move |lifeline| {
        let start = Instant::now();
        while !crate::start_deadline::has_opened(&lifeline) {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            if start.elapsed() >= deadline.after {
                deadline.set_missed();
                // It fails when the process has ended meanwhile.
                let _ = child.kill();
                return;
            }
            thread::sleep(INTERVAL);
        }
    };
    let started = lifeline.and_then(|lifeline| {
        thread::Builder::new().name("homing-start".into()).spawn(move || watch(lifeline))
    });
    if let Err(error) = started {
        log::warn!(target: "homing::worker", "a worker's start deadline is not watched: {error}");
    }
}

impl PortableProcess {
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn child(&self) -> Arc<SharedChild> {
        Arc::clone(&self.child)
    }

    pub(super) fn kill(&self, running: bool) -> io::Result<()> {
        if !running {
            return Ok(());
        }
        #[cfg(unix)]
        if self.group {
            use rustix::process::{Pid, Signal, kill_process_group};
            // The process was not reaped, so the number is still its own.
            if let Some(id) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
                return Ok(kill_process_group(id, Signal::KILL)?);
            }
        }
        self.child.kill()
    }

    pub(super) fn try_reap(&self) -> Option<Option<Exit>> {
        match self.child.try_wait() {
            Ok(status) => status.map(exit_of),
            // Another thread has reaped it, or the system has.
            Err(_) => Some(None),
        }
    }

    pub(super) fn wait_until(&self, deadline: Instant) {
        thread::sleep(INTERVAL.min(deadline.saturating_duration_since(Instant::now())));
    }

    /// Closes the lifeline only of a process that has ended: no handle is left, but the
    /// process is to run on.
    pub(super) fn release(&mut self, ended: bool) {
        #[cfg(unix)]
        if !ended {
            std::mem::forget(self.lifeline.take());
        }
        #[cfg(not(unix))]
        let _ = ended;
    }
}

/// How a process that was reaped has ended.
fn exit_of(status: ExitStatus) -> Option<Exit> {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return Some(Exit::Signal(signal));
        }
    }
    status.code().map(Exit::Code)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::process::Command;

    use super::*;

    fn status(command: &mut Command) -> ExitStatus {
        SharedChild::spawn(command).unwrap().wait().unwrap()
    }

    #[test]
    fn codes_and_signals_are_told_apart() {
        let code = status(Command::new("sh").args(["-c", "exit 3"]));
        assert_eq!(exit_of(code), Some(Exit::Code(3)));
        let signal = status(Command::new("sh").args(["-c", "kill -9 $$"]));
        assert_eq!(exit_of(signal), Some(Exit::Signal(9)));
    }
}

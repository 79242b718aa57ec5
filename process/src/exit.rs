//! Learning that a worker process has ended, and how.

use std::process::ExitStatus;
#[cfg(unix)]
use std::{io, sync::Arc};

use homing_core::Exit;
#[cfg(unix)]
use shared_child::SharedChild;

/// What becomes readable when a child process has ended. Unix only; elsewhere a thread waits.
#[cfg(unix)]
pub(crate) struct ExitWatch {
    child: Arc<SharedChild>,
    signal: std::os::fd::OwnedFd,
    waiter: Option<std::thread::JoinHandle<()>>,
}

#[cfg(unix)]
impl ExitWatch {
    pub(crate) fn new(child: Arc<SharedChild>) -> io::Result<Self> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use rustix::process::{Pid, PidfdFlags, pidfd_open};
            // The child is not reaped before this watch says so, so the id is still its own.
            if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
                && let Ok(signal) = pidfd_open(pid, PidfdFlags::empty())
            {
                return Ok(Self { child, signal, waiter: None });
            }
        }
        Self::with_thread(child)
    }

    /// The way of systems without `pidfd`: a thread waits, and lets go of the writing end of
    /// an OS pipe.
    pub(crate) fn with_thread(child: Arc<SharedChild>) -> io::Result<Self> {
        let (reader, writer) = os_pipe::pipe()?;
        let waiting = Arc::clone(&child);
        let waiter = std::thread::Builder::new().name("homing-exit".into()).spawn(move || {
            let _writer = writer;
            // It fails only when somebody else has reaped the child; then it has ended too.
            let _ = waiting.wait();
        })?;
        Ok(Self { child, signal: reader.into(), waiter: Some(waiter) })
    }

    pub(crate) fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        self.signal.as_fd()
    }

    /// Whether the child has ended; if so, it is reaped now.
    pub(crate) fn has_ended(&mut self) -> bool {
        let ended = !matches!(self.child.try_wait(), Ok(None));
        if ended && let Some(waiter) = self.waiter.take() {
            // The thread has nothing left to wait for.
            let _ = waiter.join();
        }
        ended
    }
}

/// How a process that was reaped has ended.
pub(crate) fn exit_of(status: ExitStatus) -> Option<Exit> {
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

    /// Both ways of watching, the fallback too: nothing before the end, readable after it.
    #[test]
    fn the_watch_becomes_readable_when_the_child_has_ended() {
        for make in [ExitWatch::new, ExitWatch::with_thread] {
            let child = SharedChild::spawn(Command::new("cat").stdin(std::process::Stdio::piped()));
            let child = Arc::new(child.unwrap());
            let mut watch = make(Arc::clone(&child)).unwrap();
            assert!(!watch.has_ended());
            drop(child.take_stdin());
            let mut poll = mio::Poll::new().unwrap();
            use std::os::fd::AsRawFd as _;
            let fd = watch.fd().as_raw_fd();
            poll.registry()
                .register(&mut mio::unix::SourceFd(&fd), mio::Token(0), mio::Interest::READABLE)
                .unwrap();
            let mut events = mio::Events::with_capacity(1);
            while events.is_empty() {
                poll.poll(&mut events, None).unwrap();
            }
            assert!(watch.has_ended());
        }
    }
}

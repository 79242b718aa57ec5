//! Learning that a worker process has ended, and how.

#[cfg(unix)]
use std::{io, sync::Arc};

#[cfg(unix)]
use shared_child::SharedChild;

#[cfg(unix)]
use crate::ChildProcess;

/// What becomes readable when a child process has ended. Unix only; elsewhere a thread waits.
#[cfg(unix)]
pub(crate) struct ExitWatch {
    child: ChildProcess,
    /// For a process without a pidfd.
    waiter: Option<Waiter>,
}

/// A thread that waits for the process, and then closes the writing end of an OS pipe.
#[cfg(unix)]
struct Waiter {
    signal: std::os::fd::OwnedFd,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[cfg(unix)]
impl ExitWatch {
    pub(crate) fn new(child: ChildProcess) -> io::Result<Self> {
        let waiter = child.process().waitable().map(Waiter::spawn).transpose()?;
        Ok(Self { child, waiter })
    }

    pub(crate) fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        match (&self.waiter, self.child.process().pidfd()) {
            (Some(waiter), _) => waiter.signal.as_fd(),
            (None, Some(pidfd)) => pidfd,
            (None, None) => unreachable!("a process without a pidfd has a waiter"),
        }
    }

    /// Whether the child has ended; if so, it is reaped now.
    pub(crate) fn has_ended(&mut self) -> bool {
        let ended = self.child.try_reap().is_some();
        if ended && let Some(thread) = self.waiter.as_mut().and_then(|waiter| waiter.thread.take())
        {
            // The thread has nothing left to wait for.
            let _ = thread.join();
        }
        ended
    }
}

#[cfg(unix)]
impl Waiter {
    fn spawn(child: Arc<SharedChild>) -> io::Result<Self> {
        let (reader, writer) = os_pipe::pipe()?;
        let thread = std::thread::Builder::new().name("homing-exit".into()).spawn(move || {
            let _writer = writer;
            // It fails only when another part of the program has reaped the child; then it has
            // ended too.
            let _ = child.wait();
        })?;
        Ok(Self { signal: reader.into(), thread: Some(thread) })
    }
}

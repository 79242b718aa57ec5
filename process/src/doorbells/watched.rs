//! What a set of doorbells keeps of one link.

use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use homing_core::Pinger;
use mio::Poll;
use mio::unix::SourceFd;

use super::Waker;
use super::blocking::PumpThread;
use crate::ChildProcess as Worker;
use crate::exit::ExitWatch;
use crate::pump::{PumpStatus, ReadyPump};

/// All that is watched for one link.
pub(super) struct Watched {
    pub(super) source: Watching,
    /// The descriptor of the way back.
    pub(super) second: Option<Box<dyn ReadyPump>>,
    pub(super) process: Process,
    pub(super) pinger: Arc<dyn Pinger + Send + Sync>,
    /// Whether it stands in `Doorbells::again`.
    pub(super) again: bool,
    /// The second pump stopped before all was moved.
    pub(super) second_again: bool,
    /// Whether it is counted in `Waker::full`.
    pub(super) full: bool,
    /// The other end is closed, and the pump has not looked since all else was moved.
    pub(super) closed: bool,
}

/// What moves what comes over the link.
pub(super) enum Watching {
    Readable(Box<dyn ReadyPump>),
    Blocking(PumpThread),
    /// Nothing does, or nothing will come any more.
    Nothing,
}

pub(super) enum Process {
    /// The link's other end is in this process.
    None,
    Running(ExitWatch, Worker),
    Gone,
}

impl Watched {
    /// Both pumps are due.
    pub(super) fn new(
        source: Watching,
        second: Option<Box<dyn ReadyPump>>,
        process: Process,
        pinger: Arc<dyn Pinger + Send + Sync>,
    ) -> Self {
        Self {
            source,
            second,
            process,
            pinger,
            again: true,
            second_again: true,
            full: false,
            closed: false,
        }
    }

    pub(super) fn pump(&mut self) -> PumpStatus {
        // Known before the pump's last look: what it does not find then was not sent.
        let worker_gone = matches!(self.process, Process::Gone);
        let pump = match &mut self.source {
            Watching::Readable(pump) => pump,
            // Its thread says when it ends.
            Watching::Blocking(thread) if !thread.has_ended() => return PumpStatus::WouldBlock,
            Watching::Blocking(_) => return PumpStatus::Closed,
            Watching::Nothing => return PumpStatus::WouldBlock,
        };
        match pump.pump(worker_gone) {
            // Some other process may hold the worker's end, but it is not the worker.
            PumpStatus::WouldBlock if worker_gone => PumpStatus::Closed,
            // It may have stopped just before the end, which makes no other edge.
            PumpStatus::WouldBlock if std::mem::take(&mut self.closed) => PumpStatus::Pending,
            pumped => pumped,
        }
    }

    /// Calls the second pump, if there is one.
    pub(super) fn pump_second(&mut self) -> Option<PumpStatus> {
        let worker_gone = matches!(self.process, Process::Gone);
        self.second.as_mut().map(|pump| pump.pump(worker_gone))
    }

    /// Whether nothing is left to watch.
    pub(super) fn is_done(&self) -> bool {
        let has_ended = match &self.source {
            Watching::Readable(_) => false,
            Watching::Blocking(thread) => thread.has_ended(),
            Watching::Nothing => self.second.is_none(),
        };
        has_ended && matches!(self.process, Process::None | Process::Gone)
    }

    /// Whether a pump that can go on had stopped before all was moved.
    pub(super) fn has_left(&self) -> bool {
        !self.full || self.second_again
    }

    pub(super) fn drop_second(&mut self, poll: &Poll) {
        self.second_again = false;
        if let Some(pump) = self.second.take() {
            deregister(poll, pump.fd());
        }
    }

    pub(super) fn drop_pumps(&mut self, poll: &Poll, waker: &Waker) {
        self.drop_second(poll);
        if std::mem::take(&mut self.full) {
            waker.full.fetch_sub(1, Ordering::Relaxed);
        }
        match std::mem::replace(&mut self.source, Watching::Nothing) {
            Watching::Readable(pump) => deregister(poll, pump.fd()),
            Watching::Blocking(thread) => thread.stop(),
            Watching::Nothing => {}
        }
    }
}

pub(super) fn deregister(poll: &Poll, fd: BorrowedFd<'_>) {
    // A forked copy of the foreground shares the kernel's set with the original.
    if crate::forked() {
        return;
    }
    // Closing the descriptor, which follows, would do the same.
    let _ = poll.registry().deregister(&mut SourceFd(&fd.as_raw_fd()));
}

//! What the keeper tells the foreground, once: whether the worker was started, and the
//! descriptors that were opened for it, which move from the keeper's table to the foreground's.
//!
//! The foreground waits for a message over a socket. A channel of std would wake it too, but
//! a write to a socket tells the kernel that the writer is about to sleep: the kernel runs the
//! foreground where the keeper ran. It would otherwise queue it behind the new process, which
//! has just started where the foreground went to sleep.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, recvmsg, sendmsg, shutdown,
};

use super::Streams;

/// What became of a command.
pub(super) enum Outcome {
    /// The process runs, or has run.
    Started(u32),
    /// The keeper could not get a descriptor table of its own; nothing was started.
    NoTable,
    Failed(io::Error),
}

/// The command comes back with its outcome: its descriptors are those of the process's table.
#[derive(Clone, Default)]
pub(super) struct Report(Arc<Mutex<Option<(Command, Outcome)>>>);

impl Report {
    /// `None` when the keeper has panicked.
    pub(super) fn take(&self) -> Option<(Command, Outcome)> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Command, Outcome)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands in the message: which descriptors it carries, in this order.
const PIDFD: u8 = 1;
const STDIN: u8 = 2;
const STDOUT: u8 = 4;
const STDERR: u8 = 8;

/// The keeper's end. The foreground is woken when it is dropped, if it was not before.
pub(super) struct Teller<'a> {
    socket: BorrowedFd<'a>,
    report: Report,
}

impl<'a> Teller<'a> {
    pub(super) fn new(socket: BorrowedFd<'a>, report: Report) -> Self {
        Self { socket, report }
    }

    /// Tells that nothing was started.
    pub(super) fn not_started(self, command: Command, outcome: Outcome) {
        *self.report.lock() = Some((command, outcome));
    }

    /// Tells of the process, and hands its descriptors over.
    ///
    /// # Errors
    ///
    /// When they cannot be sent. The foreground is told that the start has failed.
    pub(super) fn started(
        self,
        command: Command,
        id: u32,
        pidfd: Option<&OwnedFd>,
        streams: &Streams,
    ) -> Result<(), ()> {
        *self.report.lock() = Some((command, Outcome::Started(id)));
        let (stdin, stdout, stderr) = (&streams.stdin, &streams.stdout, &streams.stderr);
        let sent = self.send([
            (PIDFD, pidfd.map(|end| end.as_fd())),
            (STDIN, stdin.as_ref().map(|end| end.as_fd())),
            (STDOUT, stdout.as_ref().map(|end| end.as_fd())),
            (STDERR, stderr.as_ref().map(|end| end.as_fd())),
        ]);
        sent.map_err(|error| {
            if let Some((_, outcome)) = &mut *self.report.lock() {
                *outcome = Outcome::Failed(error);
            }
        })
    }

    fn send(&self, ends: [(u8, Option<BorrowedFd<'_>>); 4]) -> io::Result<()> {
        let present: u8 = ends.iter().filter(|(_, end)| end.is_some()).map(|(flag, _)| flag).sum();
        let sent: Vec<BorrowedFd<'_>> = ends.iter().filter_map(|(_, end)| *end).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !sent.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&sent));
        }
        let present = [present];
        let parts = [IoSlice::new(&present)];
        sendmsg(self.socket, &parts, &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

impl Drop for Teller<'_> {
    fn drop(&mut self) {
        // A foreground that was sent nothing receives the end of the stream. It needs no memory,
        // and can fail only for what is no connected socket.
        let _ = shutdown(self.socket, Shutdown::Both);
    }
}

/// What the keeper has handed over.
pub(super) struct Received {
    /// `None` when the process had ended, and was reaped, before it could be opened.
    pub(super) pidfd: Option<OwnedFd>,
    pub(super) streams: Streams,
}

/// Waits until the keeper has told.
///
/// # Errors
///
/// When the descriptors cannot be received: this process may open no more.
pub(super) fn receive(socket: &UnixStream) -> io::Result<Received> {
    let mut present = [0u8];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    loop {
        let mut parts = [IoSliceMut::new(&mut present)];
        match recvmsg(socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            other => break other.map(drop)?,
        }
    }
    let mut received = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            received.extend(descriptors);
        }
    }
    let mut received = received.into_iter();
    let mut next = |flag: u8| match present[0] & flag {
        0 => Ok(None),
        // The kernel leaves out what there are no numbers for.
        _ => received.next().map(Some).ok_or(Errno::MFILE),
    };
    let pidfd = next(PIDFD)?;
    let streams = Streams {
        stdin: next(STDIN)?.map(Into::into),
        stdout: next(STDOUT)?.map(Into::into),
        stderr: next(STDERR)?.map(Into::into),
    };
    Ok(Received { pidfd, streams })
}

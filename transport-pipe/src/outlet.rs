//! The worker's end of one pipe.

use std::fmt;
use std::sync::Arc;
use std::thread;

use homing_core::frame::{Head, MAX_BODY, PrefixedHead};
use homing_core::{
    Blocking, CloseReason, ConnectionId, Disconnected, Nonce, Outlet, Overflow, SendError,
    SendErrorKind, SenderCounters, Ticket,
};
use serde::Serialize;

use crate::batch;
use crate::link::Link;
use crate::message::{MessageHead, Scratch};
use crate::stream::PutLossy;
use crate::sys::ATOMIC;
use crate::tail::Put;

/// The sender of a pipe on a link of OS pipes.
pub type Sender<M> = homing_core::Sender<M, PipeOutlet>;

/// The worker's end of one pipe on a link of OS pipes.
///
/// A message whose frame fits an atomic write of the system (`PIPE_BUF`) costs one
/// `write(2)`. Longer ones are written in pieces of up to 64 KiB, between which other pipes
/// of the link may send.
///
/// Where nothing may wait (a [`try_send`](homing_core::Sender::try_send), a pipe that gives
/// back, the foreground's own thread), a message that the OS pipe cannot take as it is at
/// that moment comes back as [`SendErrorKind::Full`]; so one that is larger than the OS pipe nearly
/// always does.
///
/// Under a policy that drops messages, `send` never waits. When there is no room:
///
/// * [`Overflow::DropNewest`] drops the message. One of which a part found room is not
///   dropped; its rest follows.
/// * [`Overflow::DropOldest`] keeps the newest 64 messages, but no more than 64 KiB of them,
///   in this process, and [`Overflow::LatestWins`] the newest one. A thread brings them onto
///   the link as room comes. They are lost if this process is killed before.
pub struct PipeOutlet {
    link: Arc<Link>,
    connection: ConnectionId,
    nonce: Nonce,
    overflow: Overflow,
    head: MessageHead,
    /// Whether the pipe was claimed.
    claimed: bool,
    /// How many messages the policy dropped that were not reported.
    missed: u64,
}

impl PipeOutlet {
    pub(crate) fn new<M>(link: Arc<Link>, ticket: &Ticket<M>) -> Self {
        let connection = ticket.connection();
        Self {
            link,
            connection,
            nonce: ticket.nonce(),
            overflow: ticket.overflow(),
            head: MessageHead::new(connection),
            claimed: false,
            missed: 0,
        }
    }

    /// Puts frames that must not be lost, all at once. Off the foreground's thread it waits
    /// for room.
    fn tell(&self, heads: &[Head]) -> Result<(), Disconnected> {
        let mut frames = Vec::new();
        for head in heads {
            frames.extend_from_slice(head.encode_prefixed(0, &mut PrefixedHead::new()));
        }
        if !self.link.is_foreground() {
            return self.link.send(&frames, &[]).map_err(|_| Disconnected);
        }
        self.link.with(|stream, writer| {
            if stream.put(writer, &frames, &[])? == Put::Full {
                stream.owe(&frames);
            }
            Ok(())
        })?;
        self.link.flush_later();
        Ok(())
    }

    fn claim(&self) -> Head {
        Head::Start { connection: self.connection, nonce: self.nonce }
    }

    /// Whether a message may wait for room.
    fn waits(&self, blocking: Blocking) -> bool {
        self.overflow == Overflow::Wait
            && blocking == Blocking::Allowed
            && !self.link.is_foreground()
    }

    /// Hands over a message that could not be written as a whole at once: its frame, at
    /// whose end are the `len` bytes of its body. Says how many were dropped for it, or
    /// `None` when there is no room.
    #[cold]
    fn put_later(
        &mut self,
        frame: &[u8],
        len: usize,
        blocking: Blocking,
    ) -> Result<Option<u64>, Disconnected> {
        let body = frame.get(frame.len() - len..).unwrap_or(&[]);
        if self.overflow.is_lossy() {
            let (connection, overflow, missed) = (self.connection, self.overflow, &mut self.missed);
            let PutLossy { dropped, left } = self.link.with(|stream, writer| {
                stream.put_lossy(writer, connection, overflow, body, missed)
            })?;
            if left {
                self.link.flush_later();
            }
            return Ok(Some(dropped));
        }
        let sent = if self.waits(blocking) {
            if len <= MAX_BODY {
                self.link.send(frame, &[]).map_err(|_| Disconnected)?;
            } else {
                self.link.send_parts(self.connection, body)?;
            }
            true
        } else if frame.len() <= ATOMIC {
            self.link.with(|stream, writer| Ok(stream.put(writer, frame, &[])? != Put::Full))?
        } else {
            self.link.try_parts(self.connection, body)?
        };
        Ok(sent.then_some(0))
    }

    fn try_put<M: Serialize>(
        &mut self,
        message: &M,
        blocking: Blocking,
    ) -> Result<u64, SendErrorKind> {
        let mut frame = Scratch::take();
        let len = self.head.append(message, self.link.limit, &mut frame)?;
        let put = if frame.len() <= ATOMIC && self.missed == 0 {
            self.link.put_calm(&frame)
        } else {
            Ok(false)
        };
        match put {
            Ok(true) => return Ok(0),
            Ok(false) => {}
            Err(Disconnected) => return Err(SendErrorKind::Disconnected),
        }
        match self.put_later(&frame, len, blocking) {
            Ok(Some(dropped)) => Ok(dropped),
            Ok(None) => Err(SendErrorKind::Full),
            Err(Disconnected) => Err(SendErrorKind::Disconnected),
        }
    }
}

impl<M: Serialize> Outlet<M> for PipeOutlet {
    fn open(&mut self) -> Result<(), Disconnected> {
        self.claimed = true;
        self.tell(&[self.claim()])
    }

    #[inline]
    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        self.try_put(&message, blocking).map_err(|kind| SendError::new(message, kind))
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        let connection = self.connection;
        let behind = self.link.with(|stream, _| Ok(stream.close_behind(connection, reason)))?;
        if behind {
            self.link.flush_later();
            return match self.link.is_foreground() {
                true => Ok(()),
                false => self.link.wait_flushed(connection),
            };
        }
        let stop = Head::Stop { connection, reason };
        let missed = Head::Missed { connection, count: self.missed };
        match (self.claimed, self.missed) {
            // Only who has claimed a pipe can end it.
            (false, _) => self.tell(&[self.claim(), stop]),
            (true, 0) => self.tell(&[stop]),
            (true, _) => self.tell(&[missed, stop]),
        }
    }

    fn is_panicking(&self) -> bool {
        thread::panicking()
    }

    /// Under a policy that waits, messages are gathered and written 64 KiB at a time. So one
    /// is handed over when as much has come from `messages`, or the last one has.
    fn put_all(
        &mut self,
        messages: &mut dyn Iterator<Item = M>,
        counters: &mut SenderCounters,
    ) -> Result<(), SendError<M>> {
        if self.waits(Blocking::Allowed) {
            return batch::send(&self.link, self.connection, &self.head, messages, counters);
        }
        for message in messages {
            counters.dropped += self.put(message, Blocking::Allowed)?;
            counters.sent += 1;
        }
        Ok(())
    }
}

impl fmt::Debug for PipeOutlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeOutlet")
            .field("connection", &self.connection)
            .field("overflow", &self.overflow)
            .finish_non_exhaustive()
    }
}

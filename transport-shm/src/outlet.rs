//! The worker's end of one pipe.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use homing_core::frame::{Head, PrefixedHead};
use homing_core::{
    Blocking, CloseReason, ConnectionId, Disconnected, Nonce, Outlet, Overflow, SendError,
    SendErrorKind, SenderCounters, Ticket,
};
use serde::Serialize;

use crate::batch;
use crate::link::Link;
use crate::message::{Encoded, MessageHead, Room, SHORT, pad};
use crate::pass::Pass;

/// The sender of a pipe on a link of shared memory.
pub type Sender<M> = homing_core::Sender<M, ShmOutlet>;

/// The worker's end of one pipe on a link of shared memory.
///
/// A message is in the shared memory when it has been handed over, where it outlives this
/// process. While the foreground is awake, that costs no system call. A message longer than
/// 64 KiB, or than a quarter of the ring, is put in parts, between which other pipes of the
/// link may send.
///
/// Where nothing may wait (a [`try_send`](homing_core::Sender::try_send), a pipe that gives
/// back, the foreground's own thread), a message for which the ring has no room as it is at
/// that moment comes back as [`SendErrorKind::Full`]; one that is larger than the ring nearly always
/// does.
///
/// Under a policy that drops messages, `send` never waits. When there is no room:
///
/// * [`Overflow::DropNewest`] drops the message. One of which a part found room is not
///   dropped; its rest follows.
/// * [`Overflow::DropOldest`] keeps the newest 64 messages, but no more than 64 KiB of them,
///   in this process, and [`Overflow::LatestWins`] the newest one. A thread brings them onto
///   the link as room comes. They are lost if this process is killed before.
pub struct ShmOutlet {
    link: Arc<Link>,
    connection: ConnectionId,
    nonce: Nonce,
    overflow: Overflow,
    head: MessageHead,
    pass: Arc<Pass>,
    /// Here, as it would have to be zeroed for each message elsewhere.
    room: Room,
    /// Whether the pipe was claimed.
    claimed: bool,
    /// How many messages the policy dropped that were not reported.
    missed: u64,
}

impl ShmOutlet {
    pub(crate) fn new<M>(link: Arc<Link>, ticket: &Ticket<M>) -> Self {
        let connection = ticket.connection();
        link.senders.fetch_add(1, Ordering::Relaxed);
        Self {
            link,
            connection,
            nonce: ticket.nonce(),
            overflow: ticket.overflow(),
            head: MessageHead::new(connection),
            pass: Arc::new(Pass::new()),
            room: [0; SHORT],
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
            pad(&mut frames);
        }
        if !self.link.is_foreground() {
            return self.link.send(&frames, &[]);
        }
        self.link.with(|stream| {
            if !stream.put(&frames, &[])? {
                stream.owe(frames);
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

    /// Hands over a message that could not be put at once, whose encoding is `body`. Says how
    /// many were dropped for it, or `None` when there is no room.
    #[cold]
    fn put_later(&mut self, body: &[u8], blocking: Blocking) -> Result<Option<u64>, Disconnected> {
        let connection = self.connection;
        if self.overflow.is_lossy() {
            let (overflow, missed) = (self.overflow, &mut self.missed);
            let dropped =
                self.link.with(|stream| stream.put_lossy(connection, overflow, body, missed))?;
            self.link.flush_later();
            return Ok(Some(dropped));
        }
        let sent = match (self.waits(blocking), body.len() <= self.link.most) {
            (true, true) => self.link.send_message(connection, body).map(|()| true)?,
            (true, false) => self.link.send_parts(connection, body).map(|()| true)?,
            (false, true) => self.link.try_message(connection, body)?,
            (false, false) => self.link.try_parts(connection, body)?,
        };
        Ok(sent.then_some(0))
    }

    #[inline]
    fn try_put<M: Serialize>(
        &mut self,
        message: &M,
        blocking: Blocking,
    ) -> Result<u64, SendErrorKind> {
        let put = match self.head.encode(message, self.link.limit, &mut self.room)? {
            Encoded::Short(short) => {
                if self.missed == 0 {
                    match self.link.put_calm(&self.pass, short.frame(&self.room)) {
                        Ok(true) => return Ok(0),
                        Ok(false) => {}
                        Err(Disconnected) => return Err(SendErrorKind::Disconnected),
                    }
                }
                let room = self.room;
                self.put_later(short.body(&room), blocking)
            }
            Encoded::Long(body) => self.put_later(&body, blocking),
        };
        match put {
            Ok(Some(dropped)) => Ok(dropped),
            Ok(None) => Err(SendErrorKind::Full),
            Err(Disconnected) => Err(SendErrorKind::Disconnected),
        }
    }
}

impl<M: Serialize> Outlet<M> for ShmOutlet {
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
        let behind = self.link.with(|stream| Ok(stream.close_behind(connection, reason)))?;
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

    /// Under a policy that waits, messages are gathered and put 16 KiB at a time. So one is
    /// handed over when as much has come from `messages`, or the last one has.
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

impl Drop for ShmOutlet {
    fn drop(&mut self) {
        self.link.senders.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for ShmOutlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShmOutlet")
            .field("connection", &self.connection)
            .field("overflow", &self.overflow)
            .finish_non_exhaustive()
    }
}

//! The sending end of one pipe.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use homing_core::{
    Blocking, CloseReason, ConnectionId, Disconnected, MessageType, Nonce, Outlet, Overflow, Panic,
    SendError, SendErrorKind, SenderCounters, Ticket,
};
use serde::Serialize;

use crate::batch;
use crate::biased_lock::BiasedLock;
use crate::close_reason;
use crate::frame::Header;
use crate::message::{Encoded, MessageTemplate, SHORT, ShortFrameBuf, pad};
use crate::mux::Mux;
use crate::reserve::ReserveTarget;
use crate::sink::FrameSink;

/// The sender of a pipe on a link of bytes.
pub type MuxSender<M, S> = homing_core::Sender<M, MuxOutlet<S>>;

/// The sending end of one pipe on a link of bytes.
///
/// A message that has been handed over is on the link, where it outlives this process. One
/// that is longer than a frame is sent in fragments, between which other pipes of the link
/// may send.
///
/// Where nothing may wait (a [`try_send`](homing_core::Sender::try_send), a pipe that gives
/// back, a thread that never blocks), a message for which the link has no space as it is at
/// that moment comes back as [`SendErrorKind::Full`]; so one that is larger than the link
/// nearly always does.
///
/// Under a policy that drops messages, `send` never waits. When there is no space:
///
/// * [`Overflow::DropNewest`] drops the message. One of which a part found space is not
///   dropped; its rest follows.
/// * [`Overflow::DropOldest`] keeps the newest 64 messages, but no more than 64 KiB of them,
///   in this process, and [`Overflow::LatestWins`] the newest one. A thread brings them onto
///   the link as space comes. They are lost if this process is killed before.
pub struct MuxOutlet<S: FrameSink> {
    mux: Arc<Mux<S>>,
    connection: ConnectionId,
    nonce: Nonce,
    message_type: MessageType<'static>,
    overflow: Overflow,
    template: MessageTemplate,
    bias: Arc<BiasedLock>,
    /// For short frames. Kept per sender so that it is zeroed once, not per message.
    short: ShortFrameBuf,
    /// Whether the pipe was claimed.
    claimed: bool,
    /// How many messages the policy dropped that were not reported.
    dropped: u64,
}

impl<S: FrameSink> MuxOutlet<S> {
    pub(crate) fn new<M>(mux: Arc<Mux<S>>, ticket: &Ticket<M>) -> Self {
        let connection = ticket.connection();
        mux.senders.fetch_add(1, Ordering::Relaxed);
        Self {
            mux,
            connection,
            nonce: ticket.nonce(),
            message_type: ticket.message_type(),
            overflow: ticket.overflow(),
            template: MessageTemplate::new(connection),
            bias: Arc::new(BiasedLock::new()),
            short: [0; SHORT],
            claimed: false,
            dropped: 0,
        }
    }

    /// Where messages of this pipe can be written piece by piece, for a
    /// [`ReservingSender`](crate::ReservingSender).
    pub fn reserve_target(&self) -> ReserveTarget {
        let may_wait = self.overflow == Overflow::Wait;
        ReserveTarget::new(Arc::clone(&self.mux), self.connection, may_wait)
    }

    /// Sends frames that must not be lost, all at once. Where this thread may wait, it waits
    /// for space.
    fn send_control(&self, frames: &[(Header, &[u8])]) -> Result<(), Disconnected> {
        let mut bytes = Vec::new();
        for (header, body) in frames {
            bytes.extend_from_slice(&header.frame(body));
            pad(&mut bytes, S::ALIGN);
        }
        if self.mux.may_block() {
            return self.mux.send(&bytes, &[]).map_err(|_| Disconnected);
        }
        self.mux.with(|scheduler, sink| {
            if !scheduler.write(sink, &bytes, &[])?.is_accepted() {
                scheduler.queue_control(bytes);
            }
            Ok(())
        })?;
        self.mux.flush_later();
        Ok(())
    }

    fn start(&self) -> (Header, &'static [u8]) {
        let message_type = self.message_type.shortened(self.mux.max_body);
        Header::start(self.connection, self.nonce, message_type)
    }

    /// Whether a message may wait for space.
    fn may_block(&self, blocking: Blocking) -> bool {
        self.overflow == Overflow::Wait && blocking == Blocking::Allowed && self.mux.may_block()
    }

    /// Hands over a message that could not be written at once. Says how many were dropped for
    /// it, or `None` when there is no space. A `frame` is its whole frame, where one frame can
    /// hold it.
    #[cold]
    fn put_slow(
        &mut self,
        frame: &[u8],
        body: &[u8],
        blocking: Blocking,
    ) -> Result<Option<u64>, Disconnected> {
        let connection = self.connection;
        if self.overflow.is_lossy() {
            let (overflow, dropped) = (self.overflow, &mut self.dropped);
            let written = self.mux.with(|scheduler, sink| {
                scheduler.write_lossy(sink, connection, overflow, body, dropped)
            })?;
            if written.left {
                self.mux.flush_later();
            }
            return Ok(Some(written.dropped));
        }
        let len = body.len();
        let sent = if self.may_block(blocking) {
            match len <= self.mux.max_body {
                true => self.mux.send(frame, &[]).map_err(|_| Disconnected)?,
                false => self.mux.send_fragments(connection, body)?,
            }
            true
        } else if len <= self.mux.max_atomic_body {
            self.mux.try_frame(Header::Message { connection }, body, None)?
        } else {
            self.mux.try_fragments(connection, body)?
        };
        Ok(sent.then_some(0))
    }

    #[inline]
    fn try_put<M: Serialize>(
        &mut self,
        message: &M,
        blocking: Blocking,
    ) -> Result<u64, SendErrorKind> {
        if self.mux.sink.is_forked_copy() {
            return Err(SendErrorKind::Forked);
        }
        let bounds = self.mux.bounds;
        let put = match self.template.encode::<M, S>(message, bounds, &mut self.short)? {
            Encoded::Short(short) => {
                // No sink has a bound as small as a short frame.
                if self.dropped == 0 {
                    match self.mux.try_write_fast(&self.bias, short.frame(&self.short)) {
                        Ok(true) => return Ok(0),
                        Ok(false) => {}
                        Err(Disconnected) => return Err(SendErrorKind::Disconnected),
                    }
                }
                let buf = self.short;
                self.put_slow(short.frame(&buf), short.body(&buf), blocking)
            }
            Encoded::Long(long) => self.put_long(long.frame(), long.body(), blocking),
        };
        match put {
            Ok(Some(dropped)) => Ok(dropped),
            Ok(None) => Err(SendErrorKind::Full),
            Err(Disconnected) => Err(SendErrorKind::Disconnected),
        }
    }

    fn put_long(
        &mut self,
        frame: &[u8],
        body: &[u8],
        blocking: Blocking,
    ) -> Result<Option<u64>, Disconnected> {
        let atomic = body.len() <= self.mux.max_atomic_body;
        if atomic && self.dropped == 0 && self.mux.try_write_fast(&self.bias, frame)? {
            return Ok(Some(0));
        }
        self.put_slow(frame, body, blocking)
    }
}

impl<M: Serialize, S: FrameSink> Outlet<M> for MuxOutlet<S> {
    fn open(&mut self) -> Result<(), Disconnected> {
        homing_panic::install();
        self.claimed = true;
        self.send_control(&[self.start()])
    }

    #[inline]
    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        self.try_put(&message, blocking).map_err(|kind| SendError::new(message, kind))
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        let connection = self.connection;
        let queued =
            self.mux.with(|scheduler, _| Ok(scheduler.close_after_queue(connection, reason)))?;
        let Err(reason) = queued else {
            self.mux.flush_later();
            return match self.mux.may_block() {
                true => self.mux.wait_flushed(connection),
                false => Ok(()),
            };
        };
        let (reason, text) = close_reason::encode(&reason, self.mux.max_body);
        let stop = (Header::Stop { connection, reason }, text.as_slice());
        let dropped = (Header::Dropped { connection, count: self.dropped }, &[][..]);
        match (self.claimed, self.dropped) {
            // Only a pipe that was claimed can be ended.
            (false, _) => self.send_control(&[self.start(), stop]),
            (true, 0) => self.send_control(&[stop]),
            (true, _) => self.send_control(&[dropped, stop]),
        }
    }

    fn panicking(&self) -> Option<Panic> {
        homing_panic::current()
    }

    /// Under a policy that waits, messages are gathered and written
    /// [`batch_len`](FrameSink::batch_len) bytes at a time. So one is handed over when as much
    /// has come from `messages`, or the last one has.
    fn put_all(
        &mut self,
        messages: &mut dyn Iterator<Item = M>,
        counters: &mut SenderCounters,
    ) -> Result<(), SendError<M>> {
        // In a forked copy of the process, `put` says so of the first message.
        if self.may_block(Blocking::Allowed) && !self.mux.sink.is_forked_copy() {
            return batch::send(&self.mux, self.connection, &self.template, messages, counters);
        }
        for message in messages {
            counters.dropped += self.put(message, Blocking::Allowed)?;
            counters.sent += 1;
        }
        Ok(())
    }
}

impl<S: FrameSink> Drop for MuxOutlet<S> {
    fn drop(&mut self) {
        self.mux.senders.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S: FrameSink> fmt::Debug for MuxOutlet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MuxOutlet")
            .field("connection", &self.connection)
            .field("overflow", &self.overflow)
            .finish_non_exhaustive()
    }
}

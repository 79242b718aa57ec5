//! The sending end of one pipe.

mod tasks;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use homing_core::{
    AnswerOutlet, Blocking, CloseReason, ConnectionId, Disconnected, MessageType, Nonce, Outlet,
    Overflow, Panic, SendError, SendErrorKind, SenderCounters, Ticket, Told, ToldCell, codec,
};
use serde::Serialize;

use crate::batch::{self, BatchPipe};
use crate::biased_lock::BiasedLock;
use crate::close_reason;
use crate::frame::Header;
use crate::message::{Encoded, MessageTemplate, SHORT, ShortFrameBuf, pad};
use crate::mux::Mux;
use crate::pending::Accepted;
use crate::reserve::ReserveTarget;
use crate::sink::FrameSink;
use crate::way_back::{PipeEnd, WayBack};

/// The sender of a pipe on a link of bytes.
pub type MuxSender<M, S> = homing_core::Sender<M, MuxOutlet<S>>;

/// With what a pipe is claimed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) connection: ConnectionId,
    nonce: Nonce,
    message_type: MessageType<'static>,
}

impl Claim {
    pub(crate) fn new<M, D>(ticket: &Ticket<M, D>) -> Self {
        let (connection, nonce) = (ticket.connection(), ticket.nonce());
        Self { connection, nonce, message_type: ticket.message_type() }
    }

    /// The frame that claims the pipe, with a body of at most `max` bytes.
    fn start(&self, max: usize) -> (Header, &'static [u8]) {
        Header::start(self.connection, self.nonce, self.message_type.shortened(max))
    }
}

impl<S: FrameSink> Mux<S> {
    /// Claims a pipe. It does not wait.
    pub(crate) fn claim(self: &Arc<Self>, claim: &Claim) -> Result<(), Disconnected> {
        self.send_later(claim.connection, self.frames(&[claim.start(self.max_body)]))
    }

    /// These frames, to be written at once.
    fn frames(&self, frames: &[(Header, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (header, body) in frames {
            bytes.extend_from_slice(&header.frame(body));
            pad(&mut bytes, S::ALIGN);
        }
        bytes
    }

    /// Sends frames that must not be lost, all at once. Where this thread may wait, it waits
    /// for space.
    fn send_control(
        self: &Arc<Self>,
        connection: ConnectionId,
        frames: &[(Header, &[u8])],
    ) -> Result<(), Disconnected> {
        self.send_bytes(connection, self.frames(frames))
    }

    /// As [`send_control`](Mux::send_control), of frames put together.
    fn send_bytes(
        self: &Arc<Self>,
        connection: ConnectionId,
        frames: Vec<u8>,
    ) -> Result<(), Disconnected> {
        match self.may_block() {
            true => self.send(&frames, &[]).map_err(|_| Disconnected),
            false => self.send_later(connection, frames),
        }
    }
}

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
    claim: Claim,
    /// This side's end of the pipe, on a link with a way back.
    pipe: Option<(WayBack, Arc<PipeEnd>)>,
    /// What the worker knows of what the pipe was told: it has looked, or a message that waited
    /// came back.
    heard: ToldCell,
    overflow: Overflow,
    template: MessageTemplate,
    bias: Arc<BiasedLock>,
    /// For short frames. Kept per sender so that it is zeroed once, not per message.
    short: ShortFrameBuf,
    /// Whether the pipe was claimed, by this sender or the receiver beside it.
    claimed: bool,
    /// How many messages the policy dropped that were not reported.
    dropped: u64,
    /// Whether a message of a task's was queued, and the task does not know that it was written.
    has_queued: bool,
    /// The length of the last message, if it has found no space.
    found_full: Option<usize>,
    /// Whether the task waits for space.
    waits_for_space: bool,
}

impl<S: FrameSink> MuxOutlet<S> {
    pub(crate) fn new<M, D>(mux: Arc<Mux<S>>, ticket: &Ticket<M, D>) -> Self {
        let connection = ticket.connection();
        // Beside the pipe, so that a look need not ask the mux.
        let pipe = mux.way_back().map(|back| (back.clone(), back.pipe_end(connection)));
        mux.senders.fetch_add(1, Ordering::Relaxed);
        Self {
            mux,
            connection,
            claim: Claim::new(ticket),
            pipe,
            heard: ToldCell::new(),
            overflow: ticket.overflow(),
            template: MessageTemplate::new(connection),
            bias: Arc::new(BiasedLock::new()),
            short: [0; SHORT],
            claimed: false,
            dropped: 0,
            has_queued: false,
            found_full: None,
            waits_for_space: false,
        }
    }

    /// Where messages of this pipe can be written piece by piece, for a
    /// [`ReservingSender`](crate::ReservingSender).
    pub fn reserve_target(&self) -> ReserveTarget {
        let may_wait = self.overflow == Overflow::Wait;
        ReserveTarget::new(Arc::clone(&self.mux), self.connection, may_wait)
    }

    /// What the peer has told this pipe.
    #[inline]
    fn look(&self) -> Told {
        match &self.pipe {
            Some((way_back, pipe)) => way_back.told(pipe),
            None => Told::NOTHING,
        }
    }

    /// What the peer has told this pipe, which the worker knows from now on.
    #[inline]
    fn hear(&self) -> Told {
        let told = self.look();
        if told != self.heard.get() {
            self.heard.add(told);
        }
        told
    }

    /// Before a message or the end: tells the peer what the receiver beside has taken.
    #[cold]
    fn settle(&self, pipe: &PipeEnd) {
        // A peer that is gone is found by the message.
        let _ = self.mux.settle(self.connection, pipe);
    }

    /// Claims the pipe, unless the receiver beside has done so.
    fn claim(&mut self) -> bool {
        let is_first = self.pipe.as_ref().is_none_or(|(_, pipe)| pipe.claim_for_sender());
        !std::mem::replace(&mut self.claimed, true) && is_first
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
            // What the worker knows already is no reason not to wait.
            let heard = self.heard.get();
            let pipe = self.pipe.as_ref().map(|(_, pipe)| pipe);
            let keep_waiting = || pipe.is_none_or(|pipe| pipe.told() == heard);
            match len <= self.mux.max_body {
                true => {
                    let sent = self.mux.send_while(frame, &[], &keep_waiting);
                    sent.map_err(|_| Disconnected)?
                }
                false => self.mux.send_fragments(connection, None, body, &keep_waiting)?,
            }
        } else if len <= self.mux.max_atomic_body {
            self.mux.try_frame(Header::Message { connection }, body, None)?
        } else {
            self.mux.try_fragments(connection, body)?
        };
        Ok(sent.then_some(0))
    }

    /// Before a message: whether the pipe is open. Tells the peer what the receiver beside has taken.
    #[inline]
    fn check(&self) -> Result<(), SendErrorKind> {
        if self.mux.sink.is_forked_copy() {
            return Err(SendErrorKind::Forked);
        }
        if let Some((_, pipe)) = &self.pipe {
            if self.look().is_closed() {
                return Err(SendErrorKind::Closed);
            }
            if pipe.owes() {
                self.settle(pipe);
            }
        }
        Ok(())
    }

    /// A future that was leaked has left a message: it goes first.
    #[cold]
    fn flush_queued(&mut self, blocking: Blocking) -> Result<(), SendErrorKind> {
        if self.may_block(blocking) {
            let flushed = self.mux.wait_flushed(self.connection);
            flushed.map_err(|Disconnected| SendErrorKind::Disconnected)?;
        } else if self.mux.queued_messages(self.connection) > 0 {
            return Err(SendErrorKind::Full);
        }
        self.has_queued = false;
        Ok(())
    }

    #[inline]
    fn try_put<M: Serialize>(
        &mut self,
        message: &M,
        blocking: Blocking,
    ) -> Result<u64, SendErrorKind> {
        self.check()?;
        if self.has_queued {
            self.flush_queued(blocking)?;
        }
        let bounds = self.mux.bounds;
        let len;
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
                len = short.len();
                self.put_slow(short.frame(&buf), short.body(&buf), blocking)
            }
            Encoded::Long(long) => {
                len = long.frame().len();
                self.put_long(long.frame(), long.body(), blocking)
            }
        };
        match put {
            Ok(Some(dropped)) => Ok(dropped),
            Ok(None) if self.may_block(blocking) => Err(match self.hear().is_closed() {
                true => SendErrorKind::Closed,
                false => SendErrorKind::Cancelled,
            }),
            Ok(None) => {
                self.found_full = Some(len);
                Err(SendErrorKind::Full)
            }
            Err(Disconnected) => Err(SendErrorKind::Disconnected),
        }
    }

    /// Ends the pipe: behind what is queued, or else by these frames, which are to be sent.
    fn end(&mut self, reason: CloseReason) -> Result<Option<Vec<u8>>, Disconnected> {
        let connection = self.connection;
        self.settle_before_end();
        let queued =
            self.mux.with(|scheduler, _| Ok(scheduler.close_after_queue(connection, reason)))?;
        Ok(queued.err().map(|reason| self.end_frames(&reason)))
    }

    fn settle_before_end(&self) {
        if let Some((_, pipe)) = &self.pipe
            && pipe.owes()
        {
            self.settle(pipe);
        }
    }

    /// The frames that end the pipe.
    fn end_frames(&mut self, reason: &CloseReason) -> Vec<u8> {
        let connection = self.connection;
        let (reason, text) = close_reason::encode(reason, self.mux.max_body);
        let stop = (Header::Stop { connection, reason }, text.as_slice());
        let dropped = (Header::Dropped { connection, count: self.dropped }, &[][..]);
        if self.claim() {
            // Only a pipe that was claimed can be ended.
            self.mux.frames(&[self.claim.start(self.mux.max_body), stop])
        } else if self.dropped > 0 {
            self.mux.frames(&[dropped, stop])
        } else {
            self.mux.frames(&[stop])
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
        if self.claim() { self.mux.claim(&self.claim) } else { Ok(()) }
    }

    fn told(&self) -> Told {
        self.hear()
    }

    #[inline]
    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        self.try_put(&message, blocking).map_err(|kind| SendError::new(message, kind))
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        let Some(frames) = self.end(reason)? else {
            self.mux.flush_later();
            return match self.mux.may_block() {
                true => self.mux.wait_flushed(self.connection),
                false => Ok(()),
            };
        };
        self.mux.send_bytes(self.connection, frames)
    }

    fn try_close(&mut self, reason: CloseReason) -> Result<bool, Disconnected> {
        if !self.mux.may_block() {
            // On this thread it never waits.
            return Outlet::<M>::close(self, reason).map(|()| true);
        }
        self.settle_before_end();
        let frames = self.end_frames(&reason);
        let connection = self.connection;
        let accepted = self.mux.with(|scheduler, sink| match scheduler.is_queued(connection) {
            // A thread writes what the policy has queued, and the end may not overtake it.
            true => Ok(Accepted::WouldBlock),
            false => scheduler.write(sink, &frames, &[]),
        })?;
        if let Accepted::Partial { .. } = accepted {
            self.mux.flush_later();
        }
        Ok(accepted.is_accepted())
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
            let end = self.pipe.as_ref().map(|(way_back, pipe)| (way_back, &**pipe));
            let pipe = BatchPipe { connection: self.connection, end, heard: &self.heard };
            return batch::send(&self.mux, pipe, &self.template, messages, counters);
        }
        for message in messages {
            counters.dropped += self.put(message, Blocking::Allowed)?;
            counters.sent += 1;
        }
        Ok(())
    }
}

impl<A: Serialize, S: FrameSink> AnswerOutlet<A> for MuxOutlet<S> {
    fn answer(&mut self, question: u32, answer: A) -> Result<(), SendError<A>> {
        self.try_answer(question, &answer).map_err(|kind| SendError::new(answer, kind))
    }
}

impl<S: FrameSink> MuxOutlet<S> {
    fn try_answer<A: Serialize>(&self, question: u32, answer: &A) -> Result<(), SendErrorKind> {
        if self.mux.sink.is_forked_copy() {
            return Err(SendErrorKind::Forked);
        }
        if self.look().is_closed() {
            return Err(SendErrorKind::Closed);
        }
        let (connection, bounds) = (self.connection, self.mux.bounds);
        let mut encoded = Vec::new();
        codec::append(answer, bounds.len, bounds.depth, &mut encoded)?;
        let sent = if encoded.len() <= self.mux.max_body {
            let answer = (Header::Answer { connection, question }, encoded.as_slice());
            // In one write with what was taken, of which the peer is to be told now: a question that
            // is answered wakes it once.
            match self.pipe.as_ref().map_or(0, |(_, pipe)| pipe.settle()) {
                0 => self.mux.send_control(connection, &[answer]),
                commands => {
                    let taken = (Header::Taken { connection, commands }, &[][..]);
                    self.mux.send_control(connection, &[taken, answer])
                }
            }
            .map(|()| true)
        } else if !self.mux.may_block() {
            Ok(false)
        } else {
            // What the policy has queued may be in the middle of a message.
            self.mux.wait_flushed(connection).and_then(|()| {
                self.mux.send_fragments(connection, Some(question), &encoded, &|| true)
            })
        };
        match sent {
            Ok(true) => Ok(()),
            Ok(false) => Err(SendErrorKind::Full),
            Err(Disconnected) => Err(SendErrorKind::Disconnected),
        }
    }
}

impl<S: FrameSink> Drop for MuxOutlet<S> {
    fn drop(&mut self) {
        if let Some((way_back, pipe)) = &self.pipe
            && !self.mux.sink.is_forked_copy()
        {
            way_back.release(self.connection, pipe);
        }
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

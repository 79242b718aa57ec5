//! A receiver that is read instead of called.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use homing_core::{ConnectionId, Decode, Delivery, End, Event, Overflow, Payload, Undecodable};

use crate::backpressure::{Backpressure, BackpressureGuard};
use crate::pipe::PipeId;
use crate::receiver::{Claim, Receiver};

/// How much waits in a mailbox at most: in messages, and in bytes.
///
/// The default is 1024 messages and 64 MiB. A number converts into that many messages, and
/// 64 MiB. A mailbox that is empty takes any message, so what waits exceeds the limit in bytes
/// by one message at most.
///
/// A message from another process counts with its encoded length, or with the size of its
/// type in memory, if that is more; one that moves as a value counts with the size of its
/// type, whatever it refers to.
///
/// ```
/// use homing_router::Capacity;
///
/// let frames = Capacity::messages(8).bytes(256 << 20);
/// # let _ = frames;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    messages: usize,
    bytes: usize,
}

impl Capacity {
    /// At most so many messages, at least one, and 64 MiB.
    pub const fn messages(messages: usize) -> Self {
        Self { messages: if messages == 0 { 1 } else { messages }, bytes: 64 << 20 }
    }

    /// The same number of messages, and at most so many bytes.
    #[must_use]
    pub const fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    pub(crate) fn is_full(self, messages: usize, bytes: usize) -> bool {
        messages >= self.messages || bytes >= self.bytes
    }
}

impl Default for Capacity {
    fn default() -> Self {
        Self::messages(1024)
    }
}

impl From<usize> for Capacity {
    fn from(messages: usize) -> Self {
        Self::messages(messages)
    }
}

/// The foreground's end of a pipe, to be read with [`try_recv`](Mailbox::try_recv), or to be
/// awaited as a [`Stream`](futures_core::Stream) of [`Event`]s.
///
/// [`dispatch`](crate::Router::dispatch) fills it. It is bounded: what happens when it is
/// full is the pipe's [`Overflow`] policy. Where that is to wait or to give back, the router
/// takes nothing off the link until there is room, so that its senders wait; the other pipes
/// of that link wait with them, those of other links do not.
///
/// Dropping it closes the pipe. It belongs to the foreground's thread.
#[must_use = "dropping a mailbox closes its pipe"]
pub struct Mailbox<M> {
    pipe: PipeId,
    shared: Rc<RefCell<Shared<M>>>,
    router: Weak<dyn ClosePipe>,
}

/// What both ends of a mailbox hold.
struct Shared<M> {
    waiting: VecDeque<(M, usize)>,
    /// The bytes of what waits.
    bytes: usize,
    capacity: Capacity,
    overflow: Overflow,
    dropped: u64,
    end: Option<End>,
    /// The end was read.
    over: bool,
    reader: Option<Waker>,
    /// Held while the mailbox is full and senders are to wait.
    full: Option<BackpressureGuard>,
}

/// A router, as its mailboxes know it.
pub(crate) trait ClosePipe {
    /// Closes a pipe whose mailbox was dropped.
    fn close_pipe(&self, connection: ConnectionId);
}

impl<M> Mailbox<M> {
    /// Makes both ends, and has `add` put the one that is filled into the routing table.
    pub(crate) fn add<D, T, E>(
        overflow: Overflow,
        capacity: Capacity,
        router: Weak<dyn ClosePipe>,
        add: impl FnOnce(MailboxWriter<D, M>) -> Result<(T, PipeId), E>,
    ) -> Result<(T, Self), E> {
        let latest = Capacity { messages: 1, ..capacity };
        let capacity = if overflow == Overflow::LatestWins { latest } else { capacity };
        let shared = Rc::new(RefCell::new(Shared {
            waiting: VecDeque::new(),
            bytes: 0,
            capacity,
            overflow,
            dropped: 0,
            end: None,
            over: false,
            reader: None,
            full: None,
        }));
        let (ticket, pipe) =
            add(MailboxWriter { shared: Rc::clone(&shared), claim: None, _codec: PhantomData })?;
        Ok((ticket, Self { pipe, shared, router }))
    }

    /// The pipe that ends here.
    pub fn pipe(&self) -> PipeId {
        self.pipe
    }

    /// Takes the next event, or `None` when there is none now, or the end has been taken.
    pub fn try_recv(&mut self) -> Option<Event<M>> {
        let mut shared = self.shared.borrow_mut();
        let event = shared.take();
        let opened = if shared.is_full() { None } else { shared.full.take() };
        drop(shared);
        // Puts the link back into the run queue.
        drop(opened);
        event
    }

    /// Takes the messages that wait, one after another.
    pub fn drain(&mut self) -> impl Iterator<Item = Event<M>> + '_ {
        std::iter::from_fn(|| self.try_recv())
    }

    /// The number of messages that wait.
    pub fn len(&self) -> usize {
        self.shared.borrow().waiting.len()
    }

    /// The bytes of the messages that wait, as [`Capacity`] counts them.
    pub fn bytes(&self) -> usize {
        self.shared.borrow().bytes
    }

    /// Whether no message waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the end has been taken: no event will come any more.
    pub fn is_over(&self) -> bool {
        self.shared.borrow().over
    }

    /// The number of messages that the overflow policy dropped here.
    pub fn dropped(&self) -> u64 {
        self.shared.borrow().dropped
    }
}

impl<M> Shared<M> {
    fn take(&mut self) -> Option<Event<M>> {
        if let Some(message) = self.pop() {
            return Some(Event::Message(message));
        }
        if self.over {
            return None;
        }
        let end = self.end.clone()?;
        self.over = true;
        Some(Event::Ended(end))
    }

    fn pop(&mut self) -> Option<M> {
        let (message, bytes) = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(message)
    }

    fn is_full(&self) -> bool {
        self.capacity.is_full(self.waiting.len(), self.bytes)
    }

    /// Whether one more message of so many bytes is too much. An empty mailbox takes any.
    fn is_too_much(&self, bytes: usize) -> bool {
        let bytes = self.bytes.saturating_add(bytes);
        !self.waiting.is_empty()
            && (self.waiting.len() >= self.capacity.messages || bytes > self.capacity.bytes)
    }

    /// Stores a message, and returns those that are dropped for it.
    fn push(&mut self, message: M, bytes: usize) -> Vec<M> {
        let mut dropped = Vec::new();
        if self.overflow == Overflow::DropNewest && self.is_too_much(bytes) {
            self.dropped += 1;
            dropped.push(message);
            return dropped;
        }
        if matches!(self.overflow, Overflow::DropOldest | Overflow::LatestWins) {
            while self.is_too_much(bytes) {
                self.dropped += 1;
                dropped.extend(self.pop());
            }
        }
        // Otherwise backpressure was closed when the last place was taken.
        self.waiting.push_back((message, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        dropped
    }

    fn must_close(&self) -> bool {
        !self.overflow.is_lossy() && self.is_full() && self.full.is_none()
    }
}

impl<M> futures_core::Stream for Mailbox<M> {
    type Item = Event<M>;

    /// Yields messages, then the end, then nothing. The router has to be dispatched
    /// for messages to come.
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event<M>>> {
        if let Some(event) = self.try_recv() {
            return Poll::Ready(Some(event));
        }
        let mut shared = self.shared.borrow_mut();
        if shared.over {
            return Poll::Ready(None);
        }
        shared.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<M> futures_core::stream::FusedStream for Mailbox<M> {
    fn is_terminated(&self) -> bool {
        self.is_over()
    }
}

impl<M> Drop for Mailbox<M> {
    fn drop(&mut self) {
        if let Some(router) = self.router.upgrade() {
            router.close_pipe(self.pipe.connection());
        }
        let full = self.shared.borrow_mut().full.take();
        drop(full);
    }
}

impl<M> fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared.borrow();
        f.debug_struct("Mailbox")
            .field("pipe", &self.pipe)
            .field("waiting", &shared.waiting.len())
            .field("capacity", &shared.capacity)
            .field("end", &shared.end)
            .finish_non_exhaustive()
    }
}

/// The end of a mailbox that the router fills.
pub(crate) struct MailboxWriter<D, M> {
    claim: Option<Claim>,
    shared: Rc<RefCell<Shared<M>>>,
    _codec: PhantomData<fn(D)>,
}

impl<D, M> MailboxWriter<D, M> {
    /// Says with what the pipe is claimed.
    pub(crate) fn claimed_by(self, claim: Claim) -> Self {
        Self { claim: Some(claim), ..self }
    }
}

impl<C, D: Decode<M>, M> Receiver<C> for MailboxWriter<D, M> {
    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn on_message(&self, payload: &mut Payload<'_>) -> Result<Delivery, Undecodable> {
        let bytes = payload.len().max(size_of::<M>());
        let message = D::decode(payload.reborrow())?;
        let dropped = self.shared.borrow_mut().push(message, bytes);
        // They may be anything of the application's: nothing is borrowed.
        drop(dropped);
        Ok(Delivery::Immediate)
    }

    fn on_end(&self, end: End) {
        let mut shared = self.shared.borrow_mut();
        shared.end = Some(end);
        // Nothing more comes: it need not hold up the link's other pipes.
        let full = shared.full.take();
        drop(shared);
        drop(full);
    }

    fn flush(&self, _: &mut C, backpressure: Option<&Backpressure>) -> bool {
        let mut shared = self.shared.borrow_mut();
        if shared.end.is_none() && shared.must_close() {
            shared.full = backpressure.map(Backpressure::close);
        }
        let reader = shared.reader.take();
        drop(shared);
        if let Some(reader) = reader {
            reader.wake();
        }
        false
    }

    fn has_pending(&self) -> bool {
        // Everything is where the application finds it.
        false
    }
}

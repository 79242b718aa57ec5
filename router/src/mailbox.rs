//! A receiver that is read instead of called.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use homing_core::{
    Authorize, ConnectionId, Decode, Delivery, End, Event, Nonce, Overflow, Payload, Receive,
    Undecodable,
};

use crate::gate::{Closed, Gate};
use crate::pipe::PipeId;
use crate::receiver::Deliver;

/// How many messages wait in a mailbox unless a capacity is chosen.
pub(crate) const DEFAULT_CAPACITY: usize = 1024;

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
    router: Weak<dyn Forget>,
}

/// What both ends of a mailbox hold.
struct Shared<M> {
    waiting: VecDeque<M>,
    capacity: usize,
    overflow: Overflow,
    dropped: u64,
    end: Option<End>,
    /// The end was read.
    over: bool,
    reader: Option<Waker>,
    /// Held while the mailbox is full and senders are to wait.
    closed: Option<Closed>,
}

/// A router, as its mailboxes know it.
pub(crate) trait Forget {
    /// Closes a pipe whose receiver is gone: nobody needs to be told.
    fn forget(&self, connection: ConnectionId);
}

impl<M> Mailbox<M> {
    /// Makes both ends, and has `add` put the one that is filled into the routing table.
    pub(crate) fn add<D, T, E>(
        overflow: Overflow,
        capacity: usize,
        router: Weak<dyn Forget>,
        add: impl FnOnce(Slot<D, M>) -> Result<(T, PipeId), E>,
    ) -> Result<(T, Self), E> {
        let capacity = if overflow == Overflow::LatestWins { 1 } else { capacity.max(1) };
        let shared = Rc::new(RefCell::new(Shared {
            waiting: VecDeque::new(),
            capacity,
            overflow,
            dropped: 0,
            end: None,
            over: false,
            reader: None,
            closed: None,
        }));
        let (ticket, pipe) =
            add(Slot { shared: Rc::clone(&shared), nonce: None, _codec: PhantomData })?;
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
        let opened =
            if shared.waiting.len() < shared.capacity { shared.closed.take() } else { None };
        drop(shared);
        // Opening the gate puts the link in line again.
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
        if let Some(message) = self.waiting.pop_front() {
            return Some(Event::Message(message));
        }
        if self.over {
            return None;
        }
        let end = self.end.clone()?;
        self.over = true;
        Some(Event::Ended(end))
    }

    fn push(&mut self, message: M) {
        if self.waiting.len() >= self.capacity {
            match self.overflow {
                Overflow::DropNewest => {
                    self.dropped += 1;
                    return;
                }
                Overflow::DropOldest | Overflow::LatestWins => {
                    self.dropped += 1;
                    self.waiting.pop_front();
                }
                // The gate was closed when the last place was taken.
                _ => {}
            }
        }
        self.waiting.push_back(message);
    }

    fn must_close(&self) -> bool {
        !self.overflow.is_lossy() && self.waiting.len() >= self.capacity && self.closed.is_none()
    }
}

impl<M> futures_core::Stream for Mailbox<M> {
    type Item = Event<M>;

    /// Yields messages, then the end, then nothing. Whoever polls must see to it that the
    /// router is dispatched.
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
            router.forget(self.pipe.connection());
        }
        let closed = self.shared.borrow_mut().closed.take();
        drop(closed);
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
pub(crate) struct Slot<D, M> {
    nonce: Option<Nonce>,
    shared: Rc<RefCell<Shared<M>>>,
    _codec: PhantomData<fn(D)>,
}

impl<D, M> Slot<D, M> {
    /// Says by which nonce the pipe is claimed.
    pub(crate) fn claimed_by(self, nonce: Nonce) -> Self {
        Self { nonce: Some(nonce), ..self }
    }
}

impl<D: Decode<M>, M> Authorize for Slot<D, M> {
    fn authorizes(&self, nonce: Nonce) -> bool {
        self.nonce == Some(nonce)
    }
}

impl<D: Decode<M>, M> Receive for Slot<D, M> {
    fn accept(&mut self, payload: Payload<'_>) -> Result<Delivery, Undecodable> {
        self.shared.borrow_mut().push(D::decode(payload)?);
        Ok(Delivery::Immediate)
    }
}

impl<C, D: Decode<M>, M> Deliver<C> for Slot<D, M> {
    fn deliver(&mut self, _: &mut C, gate: &Gate) {
        let mut shared = self.shared.borrow_mut();
        if shared.must_close() {
            shared.closed = Some(gate.close());
        }
        let reader = shared.reader.take();
        drop(shared);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn handle(
        &mut self,
        payload: &mut Payload<'_>,
        context: &mut C,
        gate: &Gate,
    ) -> Result<(), Undecodable> {
        self.accept(payload.reborrow())?;
        self.deliver(context, gate);
        Ok(())
    }

    fn holds(&self) -> bool {
        false
    }

    fn end(self: Box<Self>, _: &mut C, end: End) {
        let mut shared = self.shared.borrow_mut();
        shared.end = Some(end);
        let reader = shared.reader.take();
        // Nothing more comes: it need not hold up the link's other pipes.
        let closed = shared.closed.take();
        drop(shared);
        drop(closed);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

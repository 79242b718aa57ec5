//! Senders on a link whose transport was registered.

mod background;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use homing_core::{
    AsyncOutlet, Blocking, CloseReason, Disconnected, Outgoing, Outlet, Overflow, Panic, SendError,
    SendErrorKind, Ticket, codec,
};
use homing_process::{AdoptedLink, ForkGuard};
use serde::Serialize;

use self::background::Place;

/// Memory that a sender keeps for its next message.
const SCRATCH_KEEP: usize = 64 * 1024;

/// A link that was adopted by a registered transport.
#[derive(Clone)]
pub(super) struct Adopted {
    pub(super) link: Arc<dyn AdoptedLink>,
    /// The most bytes of one message.
    pub(super) limit: usize,
    /// How many levels deep a message may nest.
    pub(super) depth: u32,
    pub(super) guard: ForkGuard,
}

impl Adopted {
    pub(super) fn outlet<M, D>(&self, ticket: Ticket<M, D>) -> AdoptedOutlet {
        let (message_type, overflow) = (ticket.message_type(), ticket.overflow());
        let outlet = self.link.outlet(ticket.cast().with_message_type(message_type));
        let place = Place::Here(outlet);
        let Self { limit, depth, guard, .. } = *self;
        AdoptedOutlet { place, overflow, limit, depth, guard, encoded: Vec::new(), closing: None }
    }
}

impl fmt::Debug for Adopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adopted").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Encodes messages, and hands them to the transport's own end of a pipe.
pub(super) struct AdoptedOutlet {
    place: Place,
    overflow: Overflow,
    limit: usize,
    depth: u32,
    /// Senders do not reach the transport in a forked copy of this process.
    guard: ForkGuard,
    encoded: Vec<u8>,
    /// The end of the pipe, while a message goes first.
    closing: Option<CloseReason>,
}

impl AdoptedOutlet {
    fn put_encoded<M: Serialize>(
        &mut self,
        message: &M,
        blocking: Blocking,
    ) -> Result<u64, SendErrorKind> {
        if self.guard.is_forked_copy() {
            return Err(SendErrorKind::Forked);
        }
        self.encoded.clear();
        // One large message is no reason to keep as much memory for good.
        self.encoded.shrink_to(SCRATCH_KEEP);
        codec::append(message, self.limit, self.depth, &mut self.encoded)?;
        let outlet = self.place.wait().ok_or(SendErrorKind::Disconnected)?;
        outlet.put(&self.encoded, blocking)
    }
}

impl<M: Serialize> Outlet<M> for AdoptedOutlet {
    fn open(&mut self) -> Result<(), Disconnected> {
        if self.guard.is_forked_copy() {
            return Err(Disconnected);
        }
        homing_panic::install();
        self.place.wait().ok_or(Disconnected)?.open()
    }

    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        self.put_encoded(&message, blocking).map_err(|kind| SendError::new(message, kind))
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        if self.guard.is_forked_copy() {
            return Err(Disconnected);
        }
        self.place.wait().ok_or(Disconnected)?.close(reason)
    }

    fn try_close(&mut self, reason: CloseReason) -> Result<bool, Disconnected> {
        if self.guard.is_forked_copy() {
            return Err(Disconnected);
        }
        // While a thread sends a message, the end would have to wait for it.
        match self.place.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(_) => self.place.wait().ok_or(Disconnected)?.try_close(reason),
            Poll::Pending => Ok(false),
        }
    }

    fn panicking(&self) -> Option<Panic> {
        homing_panic::current()
    }
}

/// The transport knows no tasks. What has to wait is called on a thread, and the message is sent
/// then also when its future is dropped.
impl<M: Serialize> AsyncOutlet<M> for AdoptedOutlet {
    fn poll_put(
        &mut self,
        message: &mut Outgoing<M>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u64, SendError<M>>> {
        if self.overflow.is_lossy() {
            return message.try_with(|message| self.put(message, Blocking::Allowed));
        }
        loop {
            let Poll::Ready(outcome) = self.place.poll(cx) else { return Poll::Pending };
            // The outcome of an earlier future's message is of no use.
            let put = match outcome.filter(|_| message.is_accepted()) {
                Some(outcome) => outcome,
                None => match message.message() {
                    Some(new) => self.put_encoded(new, Blocking::Never),
                    None => return Poll::Pending,
                },
            };
            match put {
                Ok(dropped) => return Poll::Ready(Ok(dropped)),
                Err(SendErrorKind::Full) if !message.is_accepted() => {
                    let encoded = std::mem::take(&mut self.encoded);
                    if !self.place.call(move |outlet| outlet.put(&encoded, Blocking::Allowed)) {
                        // The system gives no thread: the task tries as often as it is polled.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    message.set_accepted();
                }
                Err(kind) => return message.fail(kind),
            }
        }
    }

    /// There is nothing to wait for: a message may find room at any time.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// A thread sends it.
    fn withdraw(&mut self) -> bool {
        true
    }

    fn poll_close(
        &mut self,
        reason: &mut Option<CloseReason>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Disconnected>> {
        if self.guard.is_forked_copy() {
            return Poll::Ready(Err(Disconnected));
        }
        if let Some(reason) = reason.take() {
            self.closing = Some(reason);
        }
        loop {
            // A message comes first whose future was dropped.
            let Poll::Ready(_) = self.place.poll(cx) else { return Poll::Pending };
            let Some(reason) = self.closing.take() else { return Poll::Ready(Ok(())) };
            let close = reason.clone();
            let is_away = self.place.call(move |outlet| match outlet.close(close) {
                Ok(()) => Ok(0),
                Err(Disconnected) => Err(SendErrorKind::Disconnected),
            });
            if !is_away {
                // The system gives no thread, so this one may have to wait.
                let outlet = self.place.wait().ok_or(Disconnected)?;
                return Poll::Ready(outlet.close(reason));
            }
        }
    }
}

impl Drop for AdoptedOutlet {
    fn drop(&mut self) {
        // The future that closes the pipe was dropped before it came to that.
        if let Some(reason) = self.closing.take()
            && !self.guard.is_forked_copy()
            && let Some(outlet) = self.place.wait()
        {
            let _ = outlet.close(reason);
        }
    }
}

impl fmt::Debug for AdoptedOutlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdoptedOutlet").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! The workers' side of a link, and the senders on it.

use core::cell::RefCell;
use core::fmt;
#[cfg(feature = "task")]
use core::sync::atomic::{AtomicBool, Ordering, fence};
#[cfg(feature = "task")]
use core::task::Waker;

use critical_section::Mutex;
use heapless::spsc::Producer;
use homing_core::{
    Authorization, CloseReason, ConnectionId, Decode, MakeSender, Overflow, Payload, Pinger,
    Receiver, SendErrorKind, Sender, Ticket, Undecodable,
};

use crate::command_queue::{CommandQueue, DuplexPipe};
use crate::commands::{StaticCommands, StaticReceiver};
use crate::element::{Element, Encode};
use crate::item::Item;
use crate::outlet::{StaticOutlet, StaticSender};
use crate::remote::StaticRemote;
#[cfg(feature = "task")]
use crate::tasks::RoomWakers;

/// The workers' side of a link. `None` while there is no foreground.
pub(crate) struct Shared<C: Element> {
    workers: Mutex<RefCell<Option<Workers<C>>>>,
    /// Tasks wait for room.
    #[cfg(feature = "task")]
    has_waiting: AtomicBool,
}

struct Workers<C: Element> {
    producer: Producer<'static, Item<C>>,
    /// Places that are set aside for the ends of pipes.
    ends: usize,
    bell: &'static (dyn Pinger + Sync),
    #[cfg(feature = "task")]
    waiting: RoomWakers,
}

impl<C: Element> Workers<C> {
    /// The places that are free.
    #[inline]
    fn free(&self) -> usize {
        if has_no_place(self.producer.capacity()) {
            return 0;
        }
        self.producer.capacity() - self.producer.len()
    }

    #[inline]
    fn enqueue(&mut self, item: Item<C>) -> Result<(), Item<C>> {
        if has_no_place(self.producer.capacity()) {
            return Err(item);
        }
        self.producer.enqueue(item)
    }
}

/// Whether a queue of this capacity would have no place at all, which no queue has. Asked
/// right before a queue is used, it keeps heapless' division by the number of places from having a
/// way to panic.
#[inline]
pub(crate) fn has_no_place(capacity: usize) -> bool {
    capacity == usize::MAX
}

impl<C: Element> Shared<C> {
    pub(crate) const fn new() -> Self {
        Self {
            workers: Mutex::new(RefCell::new(None)),
            #[cfg(feature = "task")]
            has_waiting: AtomicBool::new(false),
        }
    }

    pub(crate) fn open(
        &self,
        producer: Producer<'static, Item<C>>,
        bell: &'static (dyn Pinger + Sync),
    ) {
        self.set(Some(Workers {
            producer,
            ends: 0,
            bell,
            #[cfg(feature = "task")]
            waiting: RoomWakers::new(),
        }));
    }

    /// The foreground is gone.
    pub(crate) fn close(&self) {
        #[cfg(feature = "task")]
        let waiting = self.with(|workers| workers.waiting.take());
        self.set(None);
        #[cfg(feature = "task")]
        waiting.into_iter().flatten().for_each(Waker::wake);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.with(|_| ()).is_some()
    }

    fn set(&self, workers: Option<Workers<C>>) {
        critical_section::with(|section| {
            // It is borrowed only in critical sections, and never in one within another.
            if let Ok(mut place) = self.workers.borrow(section).try_borrow_mut() {
                *place = workers;
            }
        });
    }

    #[inline]
    fn with<T>(&self, work: impl FnOnce(&mut Workers<C>) -> T) -> Option<T> {
        critical_section::with(|section| {
            self.workers.borrow(section).try_borrow_mut().ok()?.as_mut().map(work)
        })
    }

    /// Sets a place aside for the end of one more pipe, and says whether there was one.
    /// `None` when the foreground is gone.
    fn set_aside(&self) -> Option<bool> {
        self.with(|workers| {
            let free = workers.free() > workers.ends;
            workers.ends += usize::from(free);
            free
        })
    }

    #[inline]
    pub(crate) fn push(
        &self,
        connection: ConnectionId,
        element: C,
    ) -> Result<(), (C, SendErrorKind)> {
        let bell = critical_section::with(|section| {
            let mut place = self.workers.borrow(section).try_borrow_mut();
            let Ok(Some(workers)) = place.as_deref_mut().map(Option::as_mut) else {
                return Err((element, SendErrorKind::Disconnected));
            };
            if workers.free() <= workers.ends {
                return Err((element, SendErrorKind::Full));
            }
            match workers.enqueue(Item::Message(connection, element)) {
                Err(Item::Message(_, element)) => Err((element, SendErrorKind::Full)),
                _ => Ok(workers.bell),
            }
        })?;
        // Push first, ring second.
        bell.ping();
        Ok(())
    }

    /// Puts an end into the place that was set aside for it. False when the foreground is
    /// gone.
    pub(crate) fn close_pipe(
        &self,
        connection: ConnectionId,
        reason: CloseReason,
        missed: u32,
    ) -> bool {
        let bell = self.with(|workers| {
            workers.ends = workers.ends.saturating_sub(1);
            // There is room: pushes leave that many places free.
            let _ = workers.enqueue(Item::Closed(connection, reason, missed));
            workers.bell
        });
        bell.map(Pinger::ping).is_some()
    }
}

#[cfg(feature = "task")]
impl<C: Element> Shared<C> {
    /// Whether there is room for a message, or no foreground that it could wait for.
    pub(crate) fn has_room(&self) -> bool {
        self.with(|workers| workers.free() > workers.ends).unwrap_or(true)
    }

    /// Has a task woken when there is room. It looks afterwards.
    pub(crate) fn wake_on_room(&self, waker: &Waker) {
        let displaced = self.with(|workers| {
            self.has_waiting.store(true, Ordering::Relaxed);
            workers.waiting.add(waker)
        });
        // Pairs with the fence in `made_room`: see `tasks`.
        fence(Ordering::SeqCst);
        displaced.flatten().into_iter().for_each(Waker::wake);
    }

    /// The main loop has taken something: wakes the tasks that wait for room. Interrupts are masked
    /// only when there are some.
    #[inline]
    pub(crate) fn made_room(&self) {
        fence(Ordering::SeqCst);
        if self.has_waiting.load(Ordering::Relaxed) {
            self.wake_waiting();
        }
    }

    #[cold]
    fn wake_waiting(&self) {
        let waiting = self.with(|workers| {
            self.has_waiting.store(false, Ordering::Relaxed);
            workers.waiting.take()
        });
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

/// The ends of a duplex pipe: that of the main loop, and those of the worker.
pub type DuplexEnds<D, M, C> = (StaticRemote<D>, StaticReceiver<D>, StaticSender<M, C>);

/// Makes the senders of a link. A copy is the same factory.
pub struct StaticFactory<C: Element> {
    shared: &'static Shared<C>,
}

impl<C: Element> StaticFactory<C> {
    pub(crate) const fn new(shared: &'static Shared<C>) -> Self {
        Self { shared }
    }

    /// Makes the sender of a pipe that a router has made for this link, with
    /// [`trusted_pipe`](homing_core::Router::trusted_pipe). It can be moved to any task or
    /// interrupt handler.
    ///
    /// Under [`Overflow::GiveBack`], and under [`Overflow::Wait`], a send without room gives
    /// the message back. Under [`Overflow::DropNewest`] the message is dropped; how many were
    /// is counted by the sender, and by the router when the sender has closed.
    ///
    /// # Errors
    ///
    /// When no place can be set aside for the pipe's end, or under a policy that would take
    /// back what lies in the queue, which belongs to the foreground.
    pub fn sender<M>(
        &self,
        connection: ConnectionId,
        overflow: Overflow,
    ) -> Result<StaticSender<M, C>, MakeSenderError>
    where
        C: Encode<M>,
    {
        self.make_sender_of(connection, overflow, None)
    }

    /// Makes the three ends of a duplex pipe: that of the main loop, and the receiver and the sender,
    /// which go to a task or an interrupt handler. `commands` is the pipe's own.
    ///
    /// # Errors
    ///
    /// As [`sender`](Self::sender), and when the queue of commands belongs to another pipe.
    pub fn duplex<D: Send, M, const K: usize>(
        &self,
        connection: ConnectionId,
        overflow: Overflow,
        commands: &'static CommandQueue<D, K>,
    ) -> Result<DuplexEnds<D, M, C>, MakeSenderError>
    where
        C: Encode<M>,
    {
        let pipe = &commands.pipe;
        let sender = self.make_sender_of(connection, overflow, Some(pipe))?;
        // A sender that is dropped here has the pipe end as lost.
        let (producer, consumer) = commands.split().ok_or(MakeSenderError::CommandsTaken)?;
        let receiver = Receiver::new(connection, StaticCommands::new(consumer, pipe));
        Ok((StaticRemote::new(producer, pipe, connection), receiver, sender))
    }

    fn make_sender_of<M>(
        &self,
        connection: ConnectionId,
        overflow: Overflow,
        pipe: Option<&'static DuplexPipe>,
    ) -> Result<StaticSender<M, C>, MakeSenderError>
    where
        C: Encode<M>,
    {
        let lossy = match overflow {
            Overflow::Wait | Overflow::GiveBack => false,
            Overflow::DropNewest => true,
            other => return Err(MakeSenderError::Overflow(other)),
        };
        // Without a foreground it finds that out when it starts.
        if self.shared.set_aside() == Some(false) {
            return Err(MakeSenderError::NoRoom);
        }
        Ok(Sender::new(connection, StaticOutlet::new(self.shared, connection, lossy, pipe)))
    }
}

impl<M, C: Encode<M>> Decode<M> for StaticFactory<C> {
    fn decode(payload: Payload<'_>) -> Result<M, Undecodable> {
        C::decode(payload)
    }
}

impl<M, C: Encode<M>> MakeSender<M> for StaticFactory<C> {
    type Sender = Result<StaticSender<M, C>, MakeSenderError>;
    type Codec = Self;
    /// The holder of the sender may use it.
    const AUTHORIZATION: Authorization = Authorization::Trusted;

    fn make_sender(&self, ticket: Ticket<M>) -> Self::Sender {
        self.sender(ticket.connection(), ticket.overflow())
    }
}

impl<C: Element> Clone for StaticFactory<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Element> Copy for StaticFactory<C> {}

impl<C: Element> fmt::Debug for StaticFactory<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticFactory").finish_non_exhaustive()
    }
}

/// Why no sender was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MakeSenderError {
    /// Each pipe takes one place of the link's queue for its end, and none is free now.
    NoRoom,
    /// This policy cannot be kept here.
    Overflow(Overflow),
    /// The queue of commands belongs to another pipe.
    CommandsTaken,
}

impl fmt::Display for MakeSenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MakeSenderError::NoRoom => "the link has no room for the end of another pipe",
            MakeSenderError::CommandsTaken => "the queue of commands belongs to another pipe",
            MakeSenderError::Overflow(_) => "a static link cannot take back what lies in its queue",
        })
    }
}

impl core::error::Error for MakeSenderError {}

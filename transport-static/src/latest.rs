//! The latest value: a cell instead of a queue.

use core::cell::RefCell;
use core::fmt;

use critical_section::Mutex;
use homing_core::{
    Arrival, Authorization, Blocking, ByValue, CloseReason, ConnectionId, Disconnected, Inlet,
    LinkEnd, MakeSender, NewLink, Outlet, Overflow, Panic, Payload, Pinger, SendError,
    SendErrorKind, Sender, Ticket, Transport,
};

use crate::factory::MakeSenderError;
use crate::link::AlreadySplit;
use crate::shared::Life;

/// A link of one pipe that holds the latest message only, in a `static`: of a sensor whose readings
/// the main loop shows when it comes to it.
///
/// A send never finds it full. A message that was not taken is overwritten, which the sender counts,
/// and the router when it takes the next one. Interrupts are masked while a message is moved, also
/// by the main loop.
///
/// ```
/// use homing_core::wake::PollPingee;
/// use homing_core::{Authorize, FixedRouter, Overflow, Polled, Router};
/// use homing_transport_static::{LatestInlet, LatestLink};
///
/// struct Display;
/// impl Authorize for Display {}
///
/// static PINGED: PollPingee = PollPingee::new();
/// static CELSIUS: LatestLink<i16> = LatestLink::new();
///
/// let mut router: FixedRouter<LatestInlet<i16>, Display, 1, 1> = Router::fixed();
/// router.start()?;
/// let (factory, inlet) = CELSIUS.split(&PINGED)?;
/// let link = router.attach(inlet)?;
/// let pipe = router.trusted_pipe(link, Display)?;
/// let mut sender = factory.sender(pipe, Overflow::LatestWins)?;
/// sender.start()?;
/// for celsius in 20..23 {
///     sender.send(celsius)?;
/// }
/// let mut shown = None;
/// while !matches!(
///     router.poll_with(link, |Display, payload| {
///         shown = Some(payload.take::<i16>()?);
///         Ok(())
///     }),
///     Polled::Empty
/// ) {}
/// assert_eq!(shown, Some(22));
/// assert_eq!(sender.counters().dropped, 2);
/// assert_eq!(router.counters().missed, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LatestLink<M>(Mutex<RefCell<Cell<M>>>);

struct Cell<M> {
    /// That of the inlet that there is, or of the last one.
    life: Life,
    /// `None` while there is no foreground.
    bell: Option<&'static (dyn Pinger + Sync)>,
    has_sender: bool,
    message: Option<(ConnectionId, M)>,
    /// Messages that were overwritten since the last was taken.
    missed: u32,
    closed: Option<(ConnectionId, CloseReason)>,
}

impl<M: Send + 'static> LatestLink<M> {
    /// A link that is not split yet.
    pub const fn new() -> Self {
        Self(Mutex::new(RefCell::new(Cell {
            life: 0,
            bell: None,
            has_sender: false,
            message: None,
            missed: 0,
            closed: None,
        })))
    }

    /// Splits the link into what makes its sender and what the router gets. `bell` is rung after
    /// each send, in the context that sends.
    ///
    /// When the inlet was dropped, the link can be split again.
    ///
    /// # Errors
    ///
    /// While there is an inlet of the link.
    pub fn split(
        &'static self,
        bell: &'static (dyn Pinger + Sync),
    ) -> Result<(LatestFactory<M>, LatestInlet<M>), AlreadySplit> {
        let life = self.with(|cell| {
            if cell.bell.is_some() {
                return None;
            }
            cell.bell = Some(bell);
            cell.life = cell.life.wrapping_add(1);
            cell.has_sender = false;
            cell.missed = 0;
            Some(cell.life)
        });
        let life = life.flatten().ok_or(AlreadySplit)?;
        let inlet = LatestInlet { link: self, slot: None, pending: None };
        Ok((LatestFactory { link: self, life }, inlet))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Cell<M>) -> T) -> Option<T> {
        critical_section::with(|section| {
            // It is borrowed only here, where no code of the application's runs.
            Some(work(&mut *self.0.borrow(section).try_borrow_mut().ok()?))
        })
    }

    /// As [`with`](Self::with), if this is the life of the link that the caller belongs to.
    fn in_life<T>(&self, life: Life, work: impl FnOnce(&mut Cell<M>) -> T) -> Option<T> {
        self.with(|cell| (cell.life == life && cell.bell.is_some()).then(|| work(cell))).flatten()
    }
}

impl<M: Send + 'static> Default for LatestLink<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> fmt::Debug for LatestLink<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestLink").finish_non_exhaustive()
    }
}

impl<P: Pinger + Sync, M: Send + 'static> Transport<&'static P> for &'static LatestLink<M> {
    type Factory = LatestFactory<M>;
    type Inlet = LatestInlet<M>;
    type Doorbell = ();
    type Error = AlreadySplit;

    fn link(
        &mut self,
        bell: &'static P,
    ) -> Result<NewLink<LatestFactory<M>, LatestInlet<M>, ()>, AlreadySplit> {
        let (factory, inlet) = self.split(bell)?;
        Ok(NewLink { factory, inlet, doorbell: () })
    }
}

/// Makes the sender of a [`LatestLink`].
pub struct LatestFactory<M: 'static> {
    link: &'static LatestLink<M>,
    life: Life,
}

impl<M: Send + 'static> LatestFactory<M> {
    /// Makes the sender of the pipe that a router has made for this link.
    ///
    /// # Errors
    ///
    /// Under any policy but [`Overflow::LatestWins`], and when the link has a sender: it holds the
    /// latest message of one pipe.
    pub fn sender(
        &self,
        connection: ConnectionId,
        overflow: Overflow,
    ) -> Result<LatestSender<M>, MakeSenderError> {
        if overflow != Overflow::LatestWins {
            return Err(MakeSenderError::Overflow(overflow));
        }
        let had =
            self.link.in_life(self.life, |cell| core::mem::replace(&mut cell.has_sender, true));
        // Without a foreground it finds that out when it starts.
        if had == Some(true) {
            return Err(MakeSenderError::NoRoom);
        }
        let (link, life) = (self.link, self.life);
        Ok(Sender::new(connection, LatestOutlet { link, life, connection }))
    }
}

impl<M: Send + 'static> MakeSender<M> for LatestFactory<M> {
    type Sender = Result<LatestSender<M>, MakeSenderError>;
    type Codec = ByValue;
    const AUTHORIZATION: Authorization = Authorization::Trusted;

    fn make_sender(&self, ticket: Ticket<M>) -> Self::Sender {
        self.sender(ticket.connection(), ticket.overflow())
    }
}

impl<M> fmt::Debug for LatestFactory<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestFactory").finish_non_exhaustive()
    }
}

/// The sender of a [`LatestLink`].
pub type LatestSender<M> = Sender<M, LatestOutlet<M>>;

/// The worker's end of a [`LatestLink`].
pub struct LatestOutlet<M: Send + 'static> {
    link: &'static LatestLink<M>,
    life: Life,
    connection: ConnectionId,
}

impl<M: Send> Outlet<M> for LatestOutlet<M> {
    fn open(&mut self) -> Result<(), Disconnected> {
        self.link.in_life(self.life, |_| ()).ok_or(Disconnected)
    }

    fn put(&mut self, message: M, _: Blocking) -> Result<u64, SendError<M>> {
        let mut message = Some(message);
        let put = self.link.in_life(self.life, |cell| {
            let message = message.take().map(|message| (self.connection, message));
            let overwritten = core::mem::replace(&mut cell.message, message);
            cell.missed = cell.missed.saturating_add(u32::from(overwritten.is_some()));
            (overwritten, cell.bell)
        });
        match (put, message) {
            (Some((overwritten, bell)), _) => {
                // Put first, ring second.
                if let Some(bell) = bell {
                    bell.ping();
                }
                // Dropped here, where no interrupts are masked.
                Ok(u64::from(overwritten.is_some()))
            }
            (None, Some(message)) => Err(SendError::new(message, SendErrorKind::Disconnected)),
            // A message is taken only where it is put.
            (None, None) => Ok(0),
        }
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        let connection = self.connection;
        let bell = self.link.in_life(self.life, |cell| {
            cell.closed = Some((connection, reason));
            cell.bell
        });
        bell.flatten().map(Pinger::ping).ok_or(Disconnected)
    }

    /// There is no unwinding, so no drop comes from a panic.
    fn panicking(&self) -> Option<Panic> {
        None
    }
}

impl<M: Send> fmt::Debug for LatestOutlet<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestOutlet").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// The foreground's end of a [`LatestLink`].
pub struct LatestInlet<M: Send + 'static> {
    link: &'static LatestLink<M>,
    slot: Option<M>,
    /// A message of which it was told how many it has overwritten.
    pending: Option<(ConnectionId, M)>,
}

/// What a poll has found.
enum Found<M> {
    Message(ConnectionId, M, u32),
    Closed(ConnectionId, CloseReason),
}

impl<M: Send> Inlet for LatestInlet<M> {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        let found = match self.pending.take() {
            Some((connection, message)) => Some(Found::Message(connection, message, 0)),
            None => self.link.with(Cell::take).flatten(),
        };
        Ok(match found {
            None => None,
            Some(Found::Closed(connection, reason)) => {
                Some(Arrival::Stopped { connection, end: reason.end() })
            }
            Some(Found::Message(connection, message, 0)) => {
                self.slot = Some(message);
                Some(Arrival::Message { connection, payload: Payload::Value(&mut self.slot) })
            }
            Some(Found::Message(connection, message, missed)) => {
                self.pending = Some((connection, message));
                Some(Arrival::Missed { connection, count: missed.into() })
            }
        })
    }
}

impl<M> Cell<M> {
    /// Takes the message, and then the end.
    fn take(&mut self) -> Option<Found<M>> {
        match self.message.take() {
            Some((connection, message)) => {
                let missed = core::mem::take(&mut self.missed);
                Some(Found::Message(connection, message, missed))
            }
            None => {
                self.closed.take().map(|(connection, reason)| Found::Closed(connection, reason))
            }
        }
    }
}

impl<M: Send> Drop for LatestInlet<M> {
    fn drop(&mut self) {
        let left = self.link.with(|cell| {
            cell.bell = None;
            (cell.message.take(), cell.closed.take())
        });
        // Dropped here, where no interrupts are masked.
        drop(left);
    }
}

impl<M: Send> fmt::Debug for LatestInlet<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestInlet").finish_non_exhaustive()
    }
}

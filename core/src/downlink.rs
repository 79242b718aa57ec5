//! The seam of the way back, on the foreground's side.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::task::Waker;

use serde::Serialize;

use crate::MakeSender;
use crate::codec;
use crate::event::ProtocolError;
use crate::id::ConnectionId;
use crate::send_error::{SendError, SendErrorKind};
use crate::ticket::Ticket;

/// Tells the workers of one link what the foreground has decided: what every link with a way back
/// has, also for pipes without commands.
///
/// Nothing here waits, and any thread may call it.
pub trait Notifier: Send + Sync {
    /// The foreground has closed a pipe that has no [`RemoteEnd`]: its sender is to be told.
    fn close(&self, connection: ConnectionId);

    /// The foreground is about to stop: all senders and receivers of the link are to be told.
    fn announce_stop(&self);

    /// Writes what found no space before. The router calls it when the link was woken, before it
    /// lets the link sleep, and now and then while messages come: it is to be cheap where there is
    /// nothing to write.
    fn flush(&self);

    /// The same link's sending side for commands, where they travel as bytes: for pipes that a
    /// worker claims over a link that they were not made on. `None` where there is none.
    fn downlink(self: Arc<Self>) -> Option<Arc<dyn Downlink>> {
        None
    }
}

/// The foreground's sending side of a link, for commands that travel as bytes.
///
/// Nothing here waits, and any thread may call it.
pub trait Downlink: Notifier {
    /// Makes the sending end of the way back of one pipe, which keeps at most `capacity` bytes of
    /// commands that the worker has not taken.
    fn remote(&self, connection: ConnectionId, capacity: usize) -> Arc<dyn EncodedRemote>;

    /// The most bytes of one command.
    fn limit(&self) -> usize;

    /// How many levels deep a command may nest.
    fn depth(&self) -> u32;
}

/// The foreground's sending end of one pipe's way back, for encoded commands.
///
/// Nothing here waits, and any thread may call it.
pub trait EncodedRemote: Send + Sync {
    /// The worker has claimed the pipe: what waits for that is sent.
    fn note_started(&self);

    /// Accepts a command, within the capacity.
    ///
    /// # Errors
    ///
    /// [`SendErrorKind::Full`], [`SendErrorKind::Closed`] after the pipe was closed or has ended,
    /// [`SendErrorKind::Disconnected`] when the worker is gone.
    fn send(&self, command: &[u8]) -> Result<(), SendErrorKind>;

    /// As [`RemoteEnd::cancel`].
    fn cancel(&self);

    /// As [`RemoteEnd::close`].
    fn close(&self);

    /// As [`RemoteEnd::note_taken`].
    ///
    /// # Errors
    ///
    /// When that is more than there was to take.
    fn note_taken(&self, commands: u64) -> Result<(), ProtocolError>;

    /// As [`RemoteEnd::untaken`].
    fn untaken(&self) -> u64;

    /// As [`RemoteEnd::has_room`].
    fn has_room(&self) -> bool;

    /// As [`RemoteEnd::wake_on_room`].
    fn wake_on_room(&self, waker: &Waker);
}

/// The foreground's sending end of one pipe's way back.
///
/// Nothing here waits, and any thread may call it.
pub trait RemoteEnd<D>: Send + Sync {
    /// The worker has claimed the pipe. Nothing is sent before: a transport whose pipes are not
    /// claimed has no use for it.
    fn note_started(&self) {}

    /// The worker has claimed the pipe, over the link that `downlink` is the foreground's side of,
    /// and [`note_started`](RemoteEnd::note_started) follows. `None` for a link without one.
    ///
    /// A remote of a ticket, which may be claimed over any link, sends over this one from now on.
    /// One that sends over a link of its own has no use for it.
    ///
    /// # Errors
    ///
    /// When the pipe cannot be used over that link, which is cut off then.
    fn bind(&self, downlink: Option<&dyn Downlink>) -> Result<(), ProtocolError> {
        let _ = downlink;
        Ok(())
    }

    /// Accepts a command, which arrives in order after those before it, unless the worker dies or
    /// the pipe is closed.
    ///
    /// # Errors
    ///
    /// The command comes back: [`SendErrorKind::Full`] when as much as the capacity was accepted
    /// and not taken, [`SendErrorKind::Closed`] after the pipe was closed or has ended, and others.
    fn send(&self, command: D) -> Result<(), SendError<D>>;

    /// Tells the worker that the pipe's work is not wanted any more. The pipe stays open.
    fn cancel(&self);

    /// The pipe is closed, or has ended: nothing is sent any more, and a worker that still has its
    /// end is told.
    fn close(&self);

    /// The worker has taken so many more commands.
    ///
    /// # Errors
    ///
    /// When that is more than there was to take: the worker's link is to be cut off.
    fn note_taken(&self, commands: u64) -> Result<(), ProtocolError>;

    /// How many accepted commands the worker has not taken, as far as that is known.
    fn untaken(&self) -> u64;

    /// Whether a short command would be accepted, or would come back for another reason than want
    /// of room.
    fn has_room(&self) -> bool;

    /// Wakes the task once, when the worker takes commands or the pipe is closed. Several tasks may
    /// wait. The caller looks at the room after this call, or sends: what was taken before wakes no
    /// task.
    fn wake_on_room(&self, waker: &Waker);
}

/// Encodes commands for an [`EncodedRemote`].
pub struct EncodingRemote {
    remote: Arc<dyn EncodedRemote>,
    limit: usize,
    depth: u32,
}

impl EncodingRemote {
    /// The sending end of one pipe's way back, as [`Downlink::remote`] makes it.
    pub fn new(downlink: &dyn Downlink, connection: ConnectionId, capacity: usize) -> Self {
        let remote = downlink.remote(connection, capacity);
        Self { remote, limit: downlink.limit(), depth: downlink.depth() }
    }
}

impl<D: Serialize> RemoteEnd<D> for EncodingRemote {
    fn note_started(&self) {
        self.remote.note_started();
    }

    fn send(&self, command: D) -> Result<(), SendError<D>> {
        let mut encoded = Vec::new();
        codec::append(&command, self.limit, self.depth, &mut encoded)
            .map_err(SendErrorKind::from)
            .and_then(|_| self.remote.send(&encoded))
            .map_err(|kind| SendError::new(command, kind))
    }

    fn cancel(&self) {
        self.remote.cancel();
    }

    fn close(&self) {
        self.remote.close();
    }

    fn note_taken(&self, commands: u64) -> Result<(), ProtocolError> {
        self.remote.note_taken(commands)
    }

    fn untaken(&self) -> u64 {
        self.remote.untaken()
    }

    fn has_room(&self) -> bool {
        self.remote.has_room()
    }

    fn wake_on_room(&self, waker: &Waker) {
        self.remote.wake_on_room(waker);
    }
}

impl fmt::Debug for EncodingRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodingRemote").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// The ends of a duplex pipe.
#[non_exhaustive]
pub struct Duplex<E, D> {
    /// Go to the worker.
    pub ends: E,
    /// Stays with the foreground.
    pub remote: Arc<dyn RemoteEnd<D>>,
}

impl<E, D> Duplex<E, D> {
    /// Puts the ends together.
    pub const fn new(ends: E, remote: Arc<dyn RemoteEnd<D>>) -> Self {
        Self { ends, remote }
    }
}

impl<E, D> fmt::Debug for Duplex<E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Duplex")
    }
}

/// Makes the ends of duplex pipes.
///
/// `D` is the type of the commands, which go down to the worker; `U` that of messages, which go up
/// to the foreground.
pub trait MakeDuplex<D, U>: MakeSender<U> {
    /// What goes to the worker: a [`Receiver`](crate::Receiver) and a [`Sender`](crate::Sender), in
    /// this order, or the ticket for both.
    type Ends;

    /// Makes the ends of a pipe. `capacity` bounds the commands that the worker has not taken, in
    /// bytes. `None` where this link has no way back.
    fn make_duplex(&self, ticket: Ticket<U, D>, capacity: usize) -> Option<Duplex<Self::Ends, D>>;
}

/// Makes, in the foreground's own process, the ends that a ticket is for. For factories of links of
/// bytes, whose pipes are [claimed](crate::Authorization::Nonce): such a ticket may come from any link of
/// the same router, or from none.
///
/// The sender alone is what [`make_sender`](MakeSender::make_sender) makes.
pub trait OpenTicket<D, U>: MakeDuplex<D, U> {
    /// Makes a receiver and a sender. The receiver gets nothing where this link has no way back.
    fn open_ticket(&self, ticket: Ticket<U, D>) -> Self::Ends;
}

//! The way back of one pipe: a queue of commands, from the foreground to a worker.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};
use homing_core::{
    AsyncCommands, Commands, ConnectionId, ProtocolError, RecvError, RemoteEnd, SendError,
    SendErrorKind, Told, Wait,
};

use crate::notice::Notice;
use crate::notices::{Notices, PipeEnd};
use crate::waker_list::WakerList;

/// The receiver of a duplex pipe on a [`Channel`](crate::Channel).
pub type CommandReceiver<D> = homing_core::Receiver<D, ChannelCommands<D>>;

/// What a command counts of the capacity at least, in bytes.
const MIN_COST: usize = 16;

/// The commands of one pipe, between the foreground and the worker.
///
/// Both ends hold both ends of the channel, so that either can drop what waits when the other is
/// not interested any more: a command may hold what another thread waits for.
pub(crate) struct CommandQueue<D> {
    sender: Sender<Entry<D>>,
    receiver: Receiver<Entry<D>>,
    /// How many commands may wait.
    capacity: u64,
    /// How many were accepted and not taken. Those that were dropped stay among them.
    untaken: AtomicU64,
    /// The worker has dropped its receiver.
    left: AtomicBool,
    notice: Arc<Notice>,
    /// The foreground's tasks that wait for room.
    senders: WakerList,
    /// The worker's task that waits for a command.
    receiver_task: WakerList,
    registration: Registration,
}

/// Removes a pipe from those of its link when it is dropped.
pub(crate) struct Registration {
    pub(crate) connection: ConnectionId,
    pub(crate) notices: Arc<Notices>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.notices.remove(self.connection);
    }
}

/// What waits in the channel.
enum Entry<D> {
    Command(D),
    /// Makes a receiver that waits look at the notice.
    Look,
}

impl<D: Send + 'static> CommandQueue<D> {
    /// A queue for as many commands as have `capacity` bytes, at least one.
    pub(crate) fn new(capacity: usize, notice: Arc<Notice>, registration: Registration) -> Self {
        // Its blocks are allocated as they are needed: an idle pipe has none.
        let (sender, receiver) = unbounded();
        let commands = capacity / size_of::<D>().max(MIN_COST);
        Self {
            sender,
            receiver,
            capacity: commands.max(1) as u64,
            untaken: AtomicU64::new(0),
            left: AtomicBool::new(false),
            notice,
            senders: WakerList::default(),
            receiver_task: WakerList::default(),
            registration,
        }
    }

    fn connection(&self) -> ConnectionId {
        self.registration.connection
    }

    /// Whether commands that wait are to be dropped.
    fn is_over(&self) -> bool {
        self.notice.told().is_closed() || self.notice.is_gone() || self.left.load(Ordering::Acquire)
    }

    /// After the queue has become [over](Self::is_over), or a push to one that is: drops what
    /// waits, and makes the receiver look.
    ///
    /// The thread that ends the queue sets a flag and then pops; one that pushes does so and then
    /// reads the flags. Both have a `SeqCst` fence between, so at least one of them finds the other.
    fn discard(&self) {
        fence(Ordering::SeqCst);
        while let Ok(entry) = self.receiver.try_recv() {
            // A destructor may use this queue: no lock is held.
            drop(entry);
        }
        // Last: another thread that discards may have dropped its own.
        self.look();
        // The fence above orders the flag before it.
        self.senders.wake_all();
    }

    /// Makes a receiver that waits look at the notice.
    fn look(&self) {
        // The channel is never disconnected.
        let _ = self.sender.send(Entry::Look);
        fence(Ordering::SeqCst);
        self.receiver_task.wake_all();
    }

    /// Counts a command, unless as many wait as may.
    fn reserve(&self) -> bool {
        // It counts, and orders nothing.
        let more = |untaken| (untaken < self.capacity).then_some(untaken + 1);
        self.untaken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// A command was taken: there is room.
    fn note_taken(&self) {
        // SeqCst: see `WakerList`.
        self.untaken.fetch_sub(1, Ordering::SeqCst);
        self.senders.wake_all();
    }
}

impl<D: Send + 'static> RemoteEnd<D> for CommandQueue<D> {
    fn send(&self, command: D) -> Result<(), SendError<D>> {
        if self.notice.told().is_closed() {
            return Err(SendError::new(command, SendErrorKind::Closed));
        }
        if self.notice.is_gone() {
            return Err(SendError::new(command, SendErrorKind::Disconnected));
        }
        if !self.reserve() {
            return Err(SendError::new(command, SendErrorKind::Full));
        }
        // The channel is never disconnected.
        let _ = self.sender.send(Entry::Command(command));
        fence(Ordering::SeqCst);
        self.receiver_task.wake_all();
        if self.is_over() {
            self.discard();
        }
        Ok(())
    }

    fn cancel(&self) {
        PipeEnd::tell(self, Told::CANCELLED);
    }

    fn close(&self) {
        PipeEnd::tell(self, Told::CLOSED);
    }

    /// Within one process commands are counted when they are taken: no worker says so.
    fn note_taken(&self, _: u64) -> Result<(), ProtocolError> {
        Err(ProtocolError::OutOfTurn)
    }

    fn untaken(&self) -> u64 {
        self.untaken.load(Ordering::Relaxed)
    }

    fn has_room(&self) -> bool {
        self.untaken() < self.capacity || self.notice.told().is_closed() || self.notice.is_gone()
    }

    fn wake_on_room(&self, waker: &Waker) {
        self.senders.add(None, waker);
    }
}

impl<D: Send + 'static> PipeEnd for CommandQueue<D> {
    fn tell(&self, told: Told) {
        if !self.notice.tell(told) {
            return;
        }
        if told.is_closed() {
            self.discard();
        } else {
            self.look();
        }
    }

    fn disconnect(&self) {
        self.notice.disconnect();
        self.discard();
    }
}

/// The worker's end of the way back of one pipe on a [`Channel`](crate::Channel).
pub struct ChannelCommands<D: Send + 'static> {
    queue: Arc<CommandQueue<D>>,
    foreground: ThreadId,
}

impl<D: Send + 'static> ChannelCommands<D> {
    pub(crate) fn new(queue: Arc<CommandQueue<D>>, foreground: ThreadId) -> Self {
        Self { queue, foreground }
    }

    /// Takes the next entry, and waits for it until the deadline. `None` when there is none by
    /// then.
    fn wait(&self, deadline: Option<Instant>) -> Option<Entry<D>> {
        let receiver = &self.queue.receiver;
        match deadline {
            None => receiver.recv().ok(),
            Some(deadline) => receiver.recv_deadline(deadline).ok(),
        }
    }
}

impl<D: Send + 'static> Commands<D> for ChannelCommands<D> {
    /// On the foreground's own thread it never waits: that would be for itself.
    fn recv(&mut self, wait: Wait) -> Result<D, RecvError> {
        let is_foreground = thread::current().id() == self.foreground;
        let may_wait = wait != Wait::Never && !is_foreground;
        let deadline = match wait {
            Wait::AtMost(time) => Instant::now().checked_add(time),
            Wait::Never | Wait::Forever => None,
        };
        let notice = &self.queue.notice;
        loop {
            if notice.is_gone() {
                return Err(RecvError::Disconnected);
            }
            let told = notice.told();
            if told.is_closed() {
                return Err(RecvError::Closed);
            }
            let entry = match self.queue.receiver.try_recv() {
                Ok(entry) => entry,
                Err(_) if told.is_cancelled() => return Err(RecvError::Cancelled),
                Err(_) if !may_wait => return Err(RecvError::Empty),
                // Whatever is told from now on is followed by a `Look`.
                Err(_) => self.wait(deadline).ok_or(RecvError::Empty)?,
            };
            if let Entry::Command(command) = entry {
                self.queue.note_taken();
                return Ok(command);
            }
        }
    }

    #[inline]
    fn told(&self) -> Told {
        self.queue.notice.told()
    }
}

impl<D: Send + 'static> AsyncCommands<D> for ChannelCommands<D> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<D, RecvError>> {
        match self.recv(Wait::Never) {
            Err(RecvError::Empty) => {}
            received => return Poll::Ready(received),
        }
        let connection = self.queue.connection();
        self.queue.receiver_task.add(Some(connection), cx.waker());
        match self.recv(Wait::Never) {
            Err(RecvError::Empty) => Poll::Pending,
            received => Poll::Ready(received),
        }
    }
}

impl<D: Send + 'static> Drop for ChannelCommands<D> {
    fn drop(&mut self) {
        self.queue.left.store(true, Ordering::Release);
        self.queue.discard();
    }
}

impl<D: Send + 'static> fmt::Debug for ChannelCommands<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelCommands")
            .field("untaken", &self.queue.untaken())
            .finish_non_exhaustive()
    }
}

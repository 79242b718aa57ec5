//! The worker side of a link: its one ring, and how threads share it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use homing_core::frame::{Head, PrefixedHead};
use homing_core::{ConnectionId, Disconnected};

use crate::bell::Socket;
use crate::message::{most_body, part, room_in_parts};
use crate::pass::{Pass, patiently};
use crate::region::Region;
use crate::ring::{Memory as _, Producer, padded};
use crate::room::Room;
use crate::stream::Stream;
use crate::words::{GONE, RUNG, Words as _};

/// The worker side of a link. Every handle of the worker's end and every outlet holds it,
/// and so does the thread that flushes, while there is one. When the last of them lets go,
/// the foreground is told.
///
/// The lock is held for one frame at a time, and while no code of a message's runs. Whoever
/// waits for room waits without it.
pub(crate) struct Link {
    region: Arc<Region>,
    socket: Arc<Socket>,
    /// The most bytes of one message, and of the body of one frame.
    pub(crate) limit: usize,
    pub(crate) most: usize,
    /// The foreground's thread, when it is one of this process.
    foreground: Option<ThreadId>,
    /// For whoever holds the lock, or has entered by the pass.
    ring: Arc<Producer>,
    /// How many senders there are.
    pub(crate) senders: AtomicUsize,
    stream: Mutex<Stream>,
    /// Notified after [`Stream::changed`] was set.
    changed: Condvar,
    room: Room,
}

impl Link {
    /// `foreground` is the foreground's thread, when it is one of this process. When it is
    /// another process, a thread watches for its death.
    pub(crate) fn new(
        region: Arc<Region>,
        socket: Socket,
        limit: usize,
        foreground: Option<ThreadId>,
    ) -> Arc<Self> {
        let ring = Arc::new(Producer::new());
        let link = Arc::new(Self {
            socket: Arc::new(socket),
            limit,
            most: most_body(region.len()),
            foreground,
            stream: Mutex::new(Stream::new(Arc::clone(&region), Arc::clone(&ring), limit)),
            ring,
            senders: AtomicUsize::new(0),
            changed: Condvar::new(),
            room: Room::new(),
            region,
        });
        if foreground.is_none() {
            link.watch();
        }
        link
    }

    /// Watches for the foreground's death, so that whoever sends learns of it without looking.
    fn watch(self: &Arc<Self>) {
        let (socket, link) = (Arc::clone(&self.socket), Arc::downgrade(self));
        // Without such a thread it is still found whenever a sender rings or waits.
        let _ = thread::Builder::new().name("homing-watch".into()).spawn(move || {
            socket.wait_gone();
            if let Some(link) = link.upgrade() {
                let _ = link.with(|_| Err::<(), _>(Disconnected));
            }
        });
    }

    /// Whether this is the foreground's own thread, which would wait for itself.
    pub(crate) fn is_foreground(&self) -> bool {
        self.foreground.is_some_and(|foreground| thread::current().id() == foreground)
    }

    /// Puts whole frames if nothing comes before them and there is room, and says whether it
    /// did. It does not wait.
    ///
    /// `pass` is the sender's own. The sender gets it when it is the only one.
    #[inline]
    pub(crate) fn put_calm(&self, pass: &Arc<Pass>, frames: &[u8]) -> Result<bool, Disconnected> {
        if !pass.enter() {
            return self.put_locked(pass, frames);
        }
        let put = self.ring.put(&*self.region, frames, &[]);
        pass.leave();
        match put {
            Some(seen) if seen.has(RUNG) && !seen.has(GONE) => Ok(true),
            Some(seen) if seen.has(GONE) => self.after(Err(Disconnected), false, false),
            Some(_) => self.after(Ok(true), false, true),
            None => Ok(false),
        }
    }

    #[cold]
    fn put_locked(&self, pass: &Arc<Pass>, frames: &[u8]) -> Result<bool, Disconnected> {
        let mut stream = self.lock();
        if !stream.is_calm() {
            return Ok(false);
        }
        let put = stream.writer.put(frames, &[]);
        let must_ring = std::mem::take(&mut stream.writer.must_ring);
        // Relaxed: a sender that has come since takes the lock before it touches anything.
        if put == Ok(true) && self.senders.load(Ordering::Relaxed) == 1 {
            pass.give();
            stream.pass = Some(Arc::clone(pass));
        }
        drop(stream);
        match put {
            Ok(put) if !must_ring => Ok(put),
            put => self.after(put, false, must_ring),
        }
    }

    /// Puts whole frames on the ring, in two pieces, waiting for room.
    pub(crate) fn send(&self, first: &[u8], second: &[u8]) -> Result<(), Disconnected> {
        while !self.with(|stream| stream.put(first, second))? {
            self.wait_for_room(first.len() + second.len())?;
        }
        Ok(())
    }

    /// Sends a message that one frame can hold, waiting for room.
    pub(crate) fn send_message(
        &self,
        connection: ConnectionId,
        message: &[u8],
    ) -> Result<(), Disconnected> {
        let head = Head::Message { connection };
        self.send(head.encode_prefixed(message.len(), &mut PrefixedHead::new()), message)
    }

    /// Puts such a message without waiting, and says whether there was room.
    pub(crate) fn try_message(
        &self,
        connection: ConnectionId,
        message: &[u8],
    ) -> Result<bool, Disconnected> {
        self.try_part(connection, Head::Message { connection }, message, false)
    }

    /// Sends a message that one frame cannot hold, waiting for room. Between two of its
    /// frames others may send.
    pub(crate) fn send_parts(
        self: &Arc<Self>,
        connection: ConnectionId,
        message: &[u8],
    ) -> Result<(), Disconnected> {
        self.begin(message.len())?;
        let mut at = 0;
        let mut sent = Ok(());
        while at < message.len() && sent.is_ok() {
            let (head, body) = part(connection, message, at, self.most);
            sent = self.send(head.encode_prefixed(body.len(), &mut PrefixedHead::new()), body);
            at += body.len();
        }
        self.end(message.len());
        sent
    }

    /// Takes room for a message in parts: waits for its turn and for others to be through.
    pub(crate) fn begin(self: &Arc<Self>, len: usize) -> Result<(), Disconnected> {
        let mut stream = self.lock();
        let turn = stream.came;
        stream.came += 1;
        loop {
            if stream.gone {
                return Err(Disconnected);
            }
            if stream.served == turn && stream.shipping.begin(len) {
                stream.served += 1;
                drop(stream);
                // The next may find room too.
                self.changed.notify_all();
                return Ok(());
            }
            stream = self.wait_for_change(stream);
        }
    }

    pub(crate) fn end(&self, len: usize) {
        // It fails only if the foreground is gone, and that is known by then.
        let _ = self.with(|stream| {
            stream.shipping.end(len);
            stream.changed = true;
            Ok(())
        });
    }

    /// Puts a message in parts without waiting, and says whether there was room for all of
    /// it.
    pub(crate) fn try_parts(
        &self,
        connection: ConnectionId,
        message: &[u8],
    ) -> Result<bool, Disconnected> {
        if !self.try_begin(message.len())? {
            return Ok(false);
        }
        let mut at = 0;
        let mut sent = Ok(true);
        while at < message.len() && sent == Ok(true) {
            let (head, body) = part(connection, message, at, self.most);
            sent = self.try_part(connection, head, body, at > 0);
            at += body.len();
        }
        self.end(message.len());
        sent
    }

    /// Takes room for a message in parts that does not wait, if there is any.
    pub(crate) fn try_begin(&self, len: usize) -> Result<bool, Disconnected> {
        self.with(|stream| {
            let room = room_in_parts(len, stream.writer.most);
            // Not past those who wait; and not in vain. One that is longer than the ring may
            // still get through while the foreground takes the beginning off.
            Ok(stream.settle()?
                && stream.came == stream.served
                && (stream.writer.has_room(room) || room > stream.writer.ring_len())
                && stream.shipping.begin(len))
        })
    }

    /// Puts one part without waiting. When others have taken the room, what was put before is
    /// taken back.
    pub(crate) fn try_part(
        &self,
        connection: ConnectionId,
        head: Head,
        body: &[u8],
        begun: bool,
    ) -> Result<bool, Disconnected> {
        let mut buffer = PrefixedHead::new();
        let head = head.encode_prefixed(body.len(), &mut buffer);
        self.with(|stream| {
            let put = stream.put(head, body)?;
            if !put && begun {
                // Whoever writes next writes it first; there is no hurry.
                let abort = Head::Abort { connection };
                stream.owe(abort.encode_prefixed(0, &mut PrefixedHead::new()).to_vec());
            }
            Ok(put)
        })
    }

    /// Takes back a message in parts of which some were put. It does not wait.
    pub(crate) fn take_back(&self, connection: ConnectionId) {
        // When the foreground is gone there is nothing to be taken back.
        let _ = self.with(|stream| {
            let mut buffer = PrefixedHead::new();
            let abort = Head::Abort { connection }.encode_prefixed(0, &mut buffer);
            if !stream.put(abort, &[])? {
                stream.owe(abort.to_vec());
            }
            Ok(())
        });
    }

    /// Works on the ring, makes known what has changed for others, and rings.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Stream) -> Result<T, Disconnected>,
    ) -> Result<T, Disconnected> {
        let mut stream = self.lock();
        let outcome = work(&mut stream);
        let changed = std::mem::take(&mut stream.changed);
        let must_ring = std::mem::take(&mut stream.writer.must_ring);
        stream.changes += u64::from(changed);
        drop(stream);
        self.after(outcome, changed, must_ring)
    }

    fn after<T>(
        &self,
        outcome: Result<T, Disconnected>,
        changed: bool,
        must_ring: bool,
    ) -> Result<T, Disconnected> {
        if changed {
            self.changed.notify_all();
        }
        let outcome = match outcome {
            Ok(done) if must_ring => self.ring().map(|()| done),
            outcome => outcome,
        };
        if outcome.is_err() {
            // Whoever else sends learns it with its next message.
            self.region.let_go();
            let mut stream = self.lock();
            stream.give_up();
            stream.changed = false;
            stream.changes += 1;
            drop(stream);
            self.changed.notify_all();
        }
        outcome
    }

    /// Rings the bell, unless somebody has, or the foreground has woken by itself.
    #[cold]
    fn ring(&self) -> Result<(), Disconnected> {
        self.region.ring(|| self.socket.ring())
    }

    /// Waits until there may be room for frames of `len` bytes.
    pub(crate) fn wait_for_room(&self, len: usize) -> Result<(), Disconnected> {
        let waited = self.room.wait(&*self.region, &self.socket, padded(len));
        self.after(waited, false, false)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Stream> {
        // Nothing in here panics half-way through a change.
        take_back(self.stream.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something has changed. Spurious wakes are the caller's.
    pub(crate) fn wait_changed<'a>(
        &self,
        stream: MutexGuard<'a, Stream>,
    ) -> MutexGuard<'a, Stream> {
        take_back(self.changed.wait(stream).unwrap_or_else(PoisonError::into_inner))
    }
}

/// Nobody else changes anything from now on, as long as the lock is held.
fn take_back(mut stream: MutexGuard<'_, Stream>) -> MutexGuard<'_, Stream> {
    if let Some(pass) = stream.pass.take() {
        pass.take_back(patiently());
    }
    stream
}

impl Drop for Link {
    fn drop(&mut self) {
        // Ends the thread that watches, too.
        self.socket.let_go();
    }
}

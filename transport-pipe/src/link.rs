//! The worker side of a link: its one writer, and how threads share it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use homing_core::frame::{Head, PrefixedHead};
use homing_core::{ConnectionId, Disconnected, frame};

use crate::message::{ATOMIC_BODY, part};
use crate::stream::Stream;
use crate::sys::Writer;
use crate::tail::Put;

/// The worker side of a link. Every handle of the worker's end and every outlet holds it,
/// and so does the thread that flushes, while there is one. The OS pipe is closed when the
/// last of them lets go.
///
/// The lock is held for one write at a time, and while no code of a message's runs. Writes do
/// not block (but on Windows), so whoever may not wait may take it; whoever waits for room
/// waits without it.
pub(crate) struct Link {
    writer: Writer,
    /// The most bytes of one message.
    pub(crate) limit: usize,
    /// The foreground's thread, when it is one of this process.
    foreground: Option<ThreadId>,
    stream: Mutex<Stream>,
    /// Notified after [`Stream::changed`] was set.
    changed: Condvar,
}

impl Link {
    pub(crate) fn new(writer: Writer, limit: usize, foreground: Option<ThreadId>) -> Arc<Self> {
        let stream = Mutex::new(Stream::new(limit));
        Arc::new(Self { writer, limit, foreground, stream, changed: Condvar::new() })
    }

    /// Whether this is the foreground's own thread, which would wait for itself.
    pub(crate) fn is_foreground(&self) -> bool {
        self.foreground.is_some_and(|foreground| thread::current().id() == foreground)
    }

    /// Writes a frame if nothing comes before it and there is room, and says whether it did.
    /// The frame is short enough for an atomic write. It does not wait.
    #[inline]
    pub(crate) fn put_calm(&self, frame: &[u8]) -> Result<bool, Disconnected> {
        let mut stream = self.lock();
        if !stream.is_calm() {
            return Ok(false);
        }
        match stream.tail.put(&self.writer, frame, &[]) {
            Ok(put) => Ok(put != Put::Full),
            Err(Disconnected) => {
                drop(stream);
                self.with(|_, _| Err(Disconnected))
            }
        }
    }

    /// Puts frames on the stream, waiting for room. `first` and `second` follow each other.
    ///
    /// On an error, some of the bytes may have been written: as many as it says.
    pub(crate) fn send(&self, first: &[u8], second: &[u8]) -> Result<(), Lost> {
        let put = self.accept(first, second).map_err(|Disconnected| Lost { written: 0 })?;
        let Put::Cut(mark) = put else { return Ok(()) };
        while self
            .with(|stream, writer| stream.tail.flush(writer).map(|_| stream.tail.before(mark)))
            .map_err(|Disconnected| {
                let unwritten = usize::try_from(self.lock().tail.before(mark));
                let len = first.len() + second.len();
                Lost { written: len.saturating_sub(unwritten.unwrap_or(len)) }
            })?
            > 0
        {
            self.writer.wait();
        }
        Ok(())
    }

    /// Waits until there was room for the beginning of a frame.
    fn accept(&self, first: &[u8], second: &[u8]) -> Result<Put, Disconnected> {
        loop {
            match self.with(|stream, writer| stream.put(writer, first, second))? {
                Put::Full => self.writer.wait(),
                put => return Ok(put),
            }
        }
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
            let (head, body) = part(connection, message, at, frame::MAX_BODY);
            let mut buffer = PrefixedHead::new();
            let head = head.encode_prefixed(body.len(), &mut buffer);
            at += body.len();
            // Only the last must be all written; the next one writes the rest of another.
            sent = if at < message.len() {
                self.accept(head, body).map(drop)
            } else {
                self.send(head, body).map_err(|_| Disconnected)
            };
        }
        self.end(message.len());
        sent
    }

    /// Takes room for a message in parts: waits for its turn and for others to be through.
    fn begin(self: &Arc<Self>, len: usize) -> Result<(), Disconnected> {
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

    fn end(&self, len: usize) {
        // It fails only if it is gone, and that is known by then.
        let _ = self.with(|stream, _| {
            stream.shipping.end(len);
            stream.changed = true;
            Ok(())
        });
    }

    /// Puts a message on the stream without waiting, and says whether there was room for all
    /// of it. It goes in frames that are written as a whole or not at all, so that it can be
    /// taken back in the middle.
    pub(crate) fn try_parts(
        &self,
        connection: ConnectionId,
        message: &[u8],
    ) -> Result<bool, Disconnected> {
        let may = self.with(|stream, writer| {
            // Not past those who wait.
            Ok(stream.settle(writer)?
                && stream.came == stream.served
                && stream.shipping.begin(message.len()))
        })?;
        if !may {
            return Ok(false);
        }
        let mut at = 0;
        let mut sent = Ok(true);
        while at < message.len() && sent == Ok(true) {
            let (head, body) = part(connection, message, at, ATOMIC_BODY);
            let mut buffer = PrefixedHead::new();
            let head = head.encode_prefixed(body.len(), &mut buffer);
            sent = self.with(|stream, writer| {
                let put = stream.put(writer, head, body)?;
                if put == Put::Full && at > 0 {
                    // Whoever writes next writes it first; there is no hurry.
                    let abort = Head::Abort { connection };
                    stream.owe(abort.encode_prefixed(0, &mut PrefixedHead::new()));
                }
                Ok(put != Put::Full)
            });
            at += body.len();
        }
        self.end(message.len());
        sent
    }

    /// Works on the stream, and makes known what has changed for others.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Stream, &Writer) -> Result<T, Disconnected>,
    ) -> Result<T, Disconnected> {
        let mut stream = self.lock();
        let outcome = work(&mut stream, &self.writer);
        if outcome.is_err() {
            stream.give_up();
        }
        let changed = std::mem::take(&mut stream.changed);
        stream.changes += u64::from(changed);
        drop(stream);
        if changed {
            self.changed.notify_all();
        }
        outcome
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Stream> {
        // Nothing in here panics half-way through a change.
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has changed. Spurious wakes are the caller's.
    pub(crate) fn wait_changed<'a>(
        &self,
        stream: MutexGuard<'a, Stream>,
    ) -> MutexGuard<'a, Stream> {
        self.changed.wait(stream).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room in the OS pipe.
    pub(crate) fn wait_for_room(&self) {
        self.writer.wait();
    }
}

/// The reader went before all was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) written: usize,
}

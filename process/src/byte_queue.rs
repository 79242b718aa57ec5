//! Bytes on their way from the thread that reads a link to the link's inlet.
//!
//! A queue is bounded in bytes of memory, not in pieces, so that a worker that writes one byte
//! at a time costs no more than one that writes large pieces. It ends in one of two ways: the
//! writer says that the [end](Writer::end) was read, or is dropped without having said so, by
//! which the reader learns that the link is broken.
//!
//! ```
//! use homing_core::LinkEnd;
//! use homing_process::byte_queue::{self, Capacity};
//!
//! let (writer, mut reader) = byte_queue::bounded(1000);
//! assert_eq!(writer.capacity(), Capacity::Available);
//! writer.write(b"homing");
//! writer.end();
//! assert_eq!(reader.read(), Ok(Some(b"homing".to_vec())));
//! assert_eq!(reader.read(), Err(LinkEnd::gone()));
//! ```

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use homing_core::{LinkEnd, ProtocolError};

/// What a piece costs beside its bytes: so many pieces of one byte are bounded too.
const OVERHEAD: usize = 64;

/// Makes both ends of a queue that is full once its pieces take `capacity` bytes of memory, at
/// least one. The last piece may exceed it.
pub fn bounded(capacity: usize) -> (Writer, Reader) {
    let (sender, pieces) = unbounded();
    let gauge = Arc::new(Gauge {
        queued: AtomicUsize::new(0),
        reader_gone: AtomicBool::new(false),
        writer_waits: AtomicBool::new(false),
        lock: Mutex::new(()),
        changed: Condvar::new(),
        capacity: capacity.max(1),
    });
    (Writer { pieces: sender, gauge: Arc::clone(&gauge) }, Reader { pieces, gauge })
}

enum Piece {
    Bytes(Vec<u8>),
    /// Nothing will come any more, and all that was read came before.
    End,
}

fn cost(bytes: &Vec<u8>) -> usize {
    bytes.capacity().saturating_add(OVERHEAD)
}

/// How much waits between the two ends.
struct Gauge {
    /// In bytes of memory. The channel publishes the bytes; this only counts them.
    queued: AtomicUsize,
    reader_gone: AtomicBool,
    /// The writer waits for `changed`, or is about to.
    writer_waits: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
    capacity: usize,
}

impl Gauge {
    fn capacity(&self) -> Capacity {
        // Neither publishes anything.
        if self.reader_gone.load(Ordering::Relaxed) {
            Capacity::Closed
        } else if self.queued.load(Ordering::Relaxed) >= self.capacity {
            Capacity::Full
        } else {
            Capacity::Available
        }
    }

    /// Waits while the queue is full.
    fn wait(&self) -> Capacity {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.writer_waits.store(true, Ordering::Relaxed);
        // Pairs with the fence in `notify`: either this look sees what the reader has changed,
        // or the reader sees that the writer waits. The lock is held from this look until the
        // wait begins, so that a notification cannot come in between.
        fence(Ordering::SeqCst);
        let capacity = loop {
            match self.capacity() {
                Capacity::Full => {
                    guard = self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
                }
                capacity => break capacity,
            }
        };
        self.writer_waits.store(false, Ordering::Relaxed);
        capacity
    }

    /// Wakes the writer, if it waits, after something was changed.
    fn notify(&self) {
        fence(Ordering::SeqCst);
        if self.writer_waits.load(Ordering::Relaxed) {
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.changed.notify_one();
        }
    }
}

/// Whether a [`Writer`] may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capacity {
    /// There is room.
    Available,
    /// As much waits as may. A pump that may not wait returns
    /// [`PumpStatus::Backpressured`](crate::PumpStatus::Backpressured).
    Full,
    /// The reader is gone.
    Closed,
}

/// The end of the thread that reads the link.
pub struct Writer {
    pieces: Sender<Piece>,
    gauge: Arc<Gauge>,
}

impl Writer {
    /// Whether there is room. Does not wait.
    ///
    /// A pump that returns `Backpressured` is called once more after a fence, which pairs with
    /// the one in [`Waker::notify_capacity`](crate::Waker::notify_capacity): either that call
    /// sees the room that [`Reader::read`] has made, or the waker sees that the pump waits.
    pub fn capacity(&self) -> Capacity {
        self.gauge.capacity()
    }

    /// Waits while the queue is full. For a thread of one's own.
    pub fn wait_capacity(&self) -> Capacity {
        match self.gauge.capacity() {
            Capacity::Full => self.gauge.wait(),
            capacity => capacity,
        }
    }

    /// Hands a copy of `bytes` to the reader. Neither waits nor fails, whatever
    /// [`capacity`](Writer::capacity) is: the caller asks first.
    pub fn write(&self, bytes: &[u8]) {
        self.write_vec(bytes.to_vec());
    }

    /// As [`write`](Writer::write), without a copy. The queue counts all memory that `bytes`
    /// has, so a vector that is filled to a small part is better copied.
    pub fn write_vec(&self, bytes: Vec<u8>) {
        // Before the reader can subtract it.
        self.gauge.queued.fetch_add(cost(&bytes), Ordering::Relaxed);
        // It fails when the reader is gone, which `capacity` says.
        let _ = self.pieces.send(Piece::Bytes(bytes));
    }

    /// Says that the end was read: nothing follows, and nothing is missing.
    pub fn end(&self) {
        let _ = self.pieces.send(Piece::End);
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

/// The inlet's end. When it is dropped, [`Writer::capacity`] says so.
pub struct Reader {
    pieces: Receiver<Piece>,
    gauge: Arc<Gauge>,
}

impl Reader {
    /// Takes what one [`write`](Writer::write) has put there, or `None` when there is nothing
    /// now. So a queue may carry datagrams as well as a stream.
    ///
    /// # Errors
    ///
    /// After the last byte: [`LinkEnd::Gone`] when the writer has said that it read the end,
    /// [`ProtocolError::Broken`] when it was dropped without having said so.
    pub fn read(&mut self) -> Result<Option<Vec<u8>>, LinkEnd> {
        match self.pieces.try_recv() {
            Ok(Piece::Bytes(bytes)) => {
                // A pump that waits for room is woken by `Waker::notify_capacity`, which the
                // foreground calls after this. Its fence orders this before its look.
                self.gauge.queued.fetch_sub(cost(&bytes), Ordering::Relaxed);
                self.gauge.notify();
                Ok(Some(bytes))
            }
            Ok(Piece::End) => Err(LinkEnd::gone()),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(LinkEnd::Refused(ProtocolError::Broken)),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.gauge.reader_gone.store(true, Ordering::Relaxed);
        self.gauge.notify();
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queued = self.gauge.queued.load(Ordering::Relaxed);
        f.debug_struct("Reader").field("queued", &queued).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn memory_is_bounded_whatever_the_size_of_the_pieces() {
        for len in [1usize, 10, 1000] {
            let (writer, mut reader) = bounded(10_000);
            let mut pieces = 0;
            while writer.capacity() == Capacity::Available {
                writer.write(&vec![7; len]);
                pieces += 1;
            }
            assert!(pieces * (len + OVERHEAD) < 10_000 + len + OVERHEAD, "{len}");
            assert_eq!(reader.read(), Ok(Some(vec![7; len])));
            assert_eq!(writer.capacity(), Capacity::Available);
        }
    }

    #[test]
    fn a_vector_counts_with_all_its_memory() {
        let (writer, _reader) = bounded(1000);
        let mut bytes = Vec::with_capacity(1000);
        bytes.push(1);
        writer.write_vec(bytes);
        assert_eq!(writer.capacity(), Capacity::Full);
    }

    #[test]
    fn a_writer_that_is_dropped_without_an_end_is_broken() {
        let (writer, mut reader) = bounded(1000);
        writer.write(b"last");
        drop(writer);
        assert_eq!(reader.read(), Ok(Some(b"last".to_vec())));
        assert_eq!(reader.read(), Err(LinkEnd::Refused(ProtocolError::Broken)));

        let (writer, mut reader) = bounded(1000);
        assert_eq!(reader.read(), Ok(None));
        writer.end();
        drop(writer);
        assert_eq!(reader.read(), Err(LinkEnd::gone()));
    }

    /// Room that is made at any moment wakes a writer that waits.
    #[test]
    fn no_room_is_overlooked() {
        const PIECES: usize = 100_000;
        let (writer, mut reader) = bounded(1);
        let writing = thread::spawn(move || {
            for _ in 0..PIECES {
                assert_eq!(writer.wait_capacity(), Capacity::Available);
                writer.write(&[7]);
            }
            writer.wait_capacity()
        });
        let mut read = 0;
        while read < PIECES {
            match reader.read() {
                Ok(Some(bytes)) => read += bytes.len(),
                Ok(None) => thread::yield_now(),
                Err(end) => panic!("{end:?} after {read}"),
            }
        }
        assert_eq!(writing.join().unwrap(), Capacity::Available);
    }

    #[test]
    fn a_reader_that_is_dropped_wakes_a_writer_that_waits() {
        let (writer, reader) = bounded(1);
        writer.write(&[7]);
        let writing = thread::spawn(move || writer.wait_capacity());
        drop(reader);
        assert_eq!(writing.join().unwrap(), Capacity::Closed);
    }
}

//! The seam between the multiplexer and a link: where its bytes go.
//!
//! An implementor brings two things: a [`FrameSink`] for the side that writes, and an
//! [`Inlet`](homing_core::Inlet) for the side that reads, which gives each frame to a
//! [`Reassembler`](crate::Reassembler). A [`MuxHandle`](crate::MuxHandle) of the sink makes
//! the senders.
//!
//! # A complete sink and inlet
//!
//! A bounded queue of bytes in memory. It passes the suite in `testing`, as yours should:
//! `homing_mux::sink_suite!(MyRig);`
//!
//! ```
#![doc = include_str!("../tests/memory/sink.rs")]
//! #
//! # use homing_core::{ConnectionId, Nonce, Ticket};
//! # use homing_mux::{MuxConfig, MuxHandle};
//! # let (sink, mut inlet) = memory_link(1 << 20, 1 << 20);
//! # let handle = MuxHandle::new(sink, MuxConfig::new());
//! # let ticket = Ticket::new(ConnectionId::from_parts(0, 0), Nonce::new(0));
//! # let mut sender = handle.sender::<u8>(ticket);
//! # sender.start().unwrap();
//! # sender.send(7).unwrap();
//! # loop {
//! #     match inlet.poll().unwrap() {
//! #         Some(Arrival::Message { payload, .. }) => break assert_eq!(payload.decode(), Ok(7u8)),
//! #         Some(_) => {}
//! #         None => panic!("the message did not arrive"),
//! #     }
//! # }
//! ```

use homing_core::Disconnected;

use crate::frame::MAX_BODY;

/// Where the frames of one link go.
///
/// # What an implementor must know
///
/// [`try_write`](FrameSink::try_write), [`may_fit`](FrameSink::may_fit) and
/// [`notify_when_writable`](FrameSink::notify_when_writable) are *serialized*:
/// the mux calls them from one thread at a time, and each call happens after the one before.
/// They take `&self` all the same, as the mux has more than one way to make sure of that. All
/// other methods may be called from several threads at once.
///
/// Serialized methods must not wait: other threads need the link meanwhile, one of which may
/// be one that must never wait. No method may call back into the link.
///
/// Bytes must arrive whole, in order, and even if this process is killed after the write. The
/// first write of a link begins with the preface. Dropping the sink closes this side of the
/// link.
pub trait FrameSink: Send + Sync + 'static {
    /// Each frame begins at a multiple of this many bytes, a power of two up to 8. What lies
    /// between two frames of one write is filled with zeroes; a sink accounts itself for what
    /// follows the last one.
    const ALIGN: usize = 1;

    /// Whether the only sender of a link may write without the mux's lock, which costs as much
    /// as putting a short message into memory.
    ///
    /// For sinks that write a frame as a whole or not at all; a part is taken for a broken
    /// link there.
    const BIASED: bool = false;

    /// The longest body of one frame, at most [`MAX_BODY`] bytes. Messages that are longer
    /// travel in fragments, between which other pipes of the link may send.
    fn max_body(&self) -> usize {
        MAX_BODY
    }

    /// The longest body of a frame that is written as a whole or not at all, together with a
    /// prefix and header of [`MAX_PREFIX`](crate::frame::MAX_PREFIX) and
    /// [`MAX_MESSAGE_HEADER`](crate::frame::MAX_MESSAGE_HEADER) bytes.
    ///
    /// Messages that must not wait are cut into such frames, so that one that finds no space
    /// in the middle can be taken back.
    fn max_atomic_body(&self) -> usize {
        self.max_body()
    }

    /// How many bytes of frames are gathered for one write where many messages are sent at
    /// once. A quarter more may come.
    fn batch_len(&self) -> usize {
        64 * 1024
    }

    /// Serialized: writes as much of `first` and then `second` as there is space for.
    /// Together they are whole frames with their length prefixes, or the rest of some.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] when the peer is gone. No further bytes are written then.
    fn try_write(&self, first: &[u8], second: &[u8]) -> Result<Written, Disconnected>;

    /// Serialized: whether a message of `len` bytes in fragments has a chance to be written
    /// without waiting. A hint, to spare a message that is too large now the way there and
    /// back.
    fn may_fit(&self, len: usize) -> bool {
        let _ = len;
        true
    }

    /// Waits until there may be space for frames of `len` bytes. Several threads may wait at
    /// once, and none of them may be left behind. Returning early is allowed, never is not: it
    /// returns also when the peer goes.
    ///
    /// `keep_waiting` says whether the wait is still wanted. An implementor asks once it is sure
    /// to be woken by [`interrupt`](FrameSink::interrupt), and does not wait when the answer is
    /// no. To ask takes no lock.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] when the peer is gone.
    fn wait_writable(
        &self,
        len: usize,
        keep_waiting: &dyn Fn() -> bool,
    ) -> Result<(), Disconnected>;

    /// Makes all waits return that are going on: one of them may not be wanted any more.
    ///
    /// A sink of a link without a way back needs none.
    fn interrupt(&self) {}

    /// Serialized: after [`try_write`](FrameSink::try_write) found no space, on a side that does not
    /// wait, has
    /// this side's doorbell ring when there is space. Returns true when there is some already.
    ///
    /// For sinks of a way back, whose system does not do so by itself.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] when the peer is gone.
    fn notify_when_writable(&self) -> Result<bool, Disconnected> {
        Ok(false)
    }

    /// Wakes the peer, after a write that asked for it.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] when the peer is gone.
    fn notify_peer(&self) -> Result<(), Disconnected> {
        Ok(())
    }

    /// The link has been found disconnected: from now on `try_write` should return
    /// [`Disconnected`].
    fn disconnect(&self) {}

    /// Whether this process is a copy, made by `fork` without `exec`, of the one that the sink
    /// was made in. It shares the link with the original, and its locks may be held by threads
    /// that do not exist in it.
    ///
    /// The mux asks before anything else, once a message: it takes no lock and writes nothing
    /// in such a copy, where all senders fail. Dropping the sink there must not close the
    /// original's side of the link.
    ///
    /// `homing_process::ForkGuard` tells it at the cost of two loads.
    fn is_forked_copy(&self) -> bool {
        false
    }
}

/// The result of [`FrameSink::try_write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// There was no space, and nothing was written.
    WouldBlock,
    /// All was written.
    Complete {
        /// Whether the peer sleeps: the mux calls [`FrameSink::notify_peer`].
        notify: bool,
    },
    /// Only the first `len` bytes were written, not 0 and not all. The mux keeps the rest, and
    /// writes it before anything else.
    Partial {
        /// How many bytes.
        len: usize,
        /// As in `Complete`.
        notify: bool,
    },
}

//! Many messages of one pipe, few writes.

use std::cell::Cell;
use std::sync::Arc;

use homing_core::{
    ConnectionId, Disconnected, SendError, SendErrorKind, SenderCounters, Told, ToldCell,
};
use serde::Serialize;

use crate::frame;
use crate::message::{Encoded, LongFrame, MessageTemplate, SHORT};
use crate::mux::{KeepWaiting, Lost, Mux};
use crate::sink::FrameSink;
use crate::way_back::{PipeEnd, WayBack};

/// The pipe that the messages are sent by.
pub(crate) struct BatchPipe<'a> {
    pub(crate) connection: ConnectionId,
    /// On a link with a way back.
    pub(crate) end: Option<(&'a WayBack, &'a PipeEnd)>,
    /// What the worker knows of what the pipe was told.
    pub(crate) heard: &'a ToldCell,
}

impl BatchPipe<'_> {
    fn look(&self) -> Told {
        self.end.map_or(Told::NOTHING, |(way_back, pipe)| way_back.told(pipe))
    }

    /// Whether the pipe is open, as far as that was drained: this can be asked while a sink waits.
    fn is_open(&self) -> bool {
        self.end.is_none_or(|(_, pipe)| !pipe.told().is_closed())
    }
}

/// Sends everything that `messages` yields, waiting for space.
///
/// On an error, the last message that was taken from `messages` comes back. All before it
/// have been handed over, unless the peer is gone or the pipe was closed. When the pipe was
/// cancelled while a batch waited, the batch is still handed over, and the next message comes back.
pub(crate) fn send<M: Serialize, S: FrameSink>(
    mux: &Arc<Mux<S>>,
    pipe: BatchPipe<'_>,
    template: &MessageTemplate,
    messages: &mut dyn Iterator<Item = M>,
    counters: &mut SenderCounters,
) -> Result<(), SendError<M>> {
    let enough = mux.sink.batch_len();
    let frames = Vec::new();
    let mut batch =
        Batch { mux, pipe, counters, frames, filled: 0, messages: 0, is_cancelled: false };
    // What comes back when the batch that it closes cannot be handed over.
    let mut last = None;
    for message in messages {
        if batch.is_cancelled {
            return Err(SendError::new(message, SendErrorKind::Cancelled));
        }
        let sent = match template.encode::<M, S>(&message, mux.bounds, batch.room(SHORT)) {
            Ok(Encoded::Short(short)) => {
                batch.add(short.len());
                if batch.filled < enough {
                    last = Some(message);
                    continue;
                }
                batch.write()
            }
            Ok(Encoded::Long(long)) if long.frame().len() <= enough / 4 => {
                batch.add_long(&long);
                if batch.filled < enough {
                    last = Some(message);
                    continue;
                }
                batch.write()
            }
            Ok(Encoded::Long(long)) => batch.write_before_long(&long),
            Err(kind) => {
                let kind = batch.write().map_or_else(|refused| refused, |()| kind);
                return Err(SendError::new(message, kind));
            }
        };
        if let Err(kind) = sent {
            return Err(SendError::new(message, kind));
        }
        last = None;
    }
    match (batch.write(), last) {
        (Err(kind), Some(last)) => Err(SendError::new(last, kind)),
        // Without a last message there was nothing to write.
        _ => Ok(()),
    }
}

/// Messages that were taken and not yet handed over.
///
/// Dropped while the iterator or a message panics, it still hands them over: no other copy of
/// them is left.
struct Batch<'a, S: FrameSink> {
    mux: &'a Arc<Mux<S>>,
    pipe: BatchPipe<'a>,
    counters: &'a mut SenderCounters,
    /// Frames, each filled up to where the next may begin, in the first `filled` bytes.
    frames: Vec<u8>,
    filled: usize,
    messages: u64,
    /// Whether the pipe was told something while a batch waited.
    is_cancelled: bool,
}

impl<S: FrameSink> Batch<'_, S> {
    /// Room for a frame of `len` bytes.
    #[inline]
    fn room(&mut self, len: usize) -> &mut [u8] {
        let wanted = self.filled + len;
        if self.frames.len() < wanted {
            self.frames.resize(2 * wanted, 0);
        }
        self.frames.get_mut(self.filled..).unwrap_or(&mut [])
    }

    /// Takes the frame that was written to the room.
    #[inline]
    fn add(&mut self, len: usize) {
        self.filled += len;
        self.messages += 1;
    }

    fn add_long(&mut self, long: &LongFrame) {
        let frame = long.frame();
        let len = frame.len().next_multiple_of(S::ALIGN);
        if let Some((place, rest)) = self.room(len).split_at_mut_checked(frame.len()) {
            place.copy_from_slice(frame);
            rest.iter_mut().take(len - frame.len()).for_each(|byte| *byte = 0);
        }
        self.add(len);
    }

    /// Writes the frames.
    fn write(&mut self) -> Result<(), SendErrorKind> {
        let messages = std::mem::take(&mut self.messages);
        let filled = std::mem::take(&mut self.filled);
        if messages == 0 {
            return Ok(());
        }
        let mux = self.mux;
        let frames = std::mem::take(&mut self.frames);
        let filled = frames.get(..filled).unwrap_or(&[]);
        let sent = match self.while_open(|keep_waiting| mux.send_while(filled, &[], keep_waiting)) {
            Ok(true) => {
                self.counters.sent += messages;
                Ok(())
            }
            Ok(false) => Err(SendErrorKind::Closed),
            Err(Lost { written }) => {
                // Those that were written are as much handed over as if each had been sent by
                // itself.
                self.counters.sent += whole_frames(filled.get(..written).unwrap_or(&[]), S::ALIGN);
                Err(SendErrorKind::Disconnected)
            }
        };
        self.frames = frames;
        sent
    }

    /// Calls `send` unless the pipe is closed, and lets it wait until that is so. False: the pipe is
    /// closed.
    fn while_open<E>(
        &mut self,
        send: impl FnOnce(KeepWaiting<'_>) -> Result<bool, E>,
    ) -> Result<bool, E> {
        if self.pipe.look().is_closed() {
            return Ok(false);
        }
        if let Some((_, end)) = self.pipe.end {
            // A peer that is gone is found by the messages.
            let _ = self.mux.settle(self.pipe.connection, end);
        }
        let has_waited = Cell::new(false);
        let sent = send(&|| {
            has_waited.set(true);
            self.pipe.is_open()
        })?;
        if has_waited.get() {
            let told = self.pipe.look();
            self.is_cancelled |= told != self.pipe.heard.get();
            self.pipe.heard.add(told);
        }
        Ok(sent)
    }

    /// Writes the frames, and then a message that would make the batch too large.
    fn write_before_long(&mut self, long: &LongFrame) -> Result<(), SendErrorKind> {
        self.write()?;
        let (mux, connection) = (self.mux, self.pipe.connection);
        let sent = self.while_open(|keep_waiting| match long.body().len() <= mux.max_body {
            true => {
                mux.send_while(long.frame(), &[], keep_waiting).map_err(|Lost { .. }| Disconnected)
            }
            false => mux.send_fragments(connection, None, long.body(), keep_waiting),
        });
        match sent {
            Ok(true) => {
                self.counters.sent += 1;
                Ok(())
            }
            Ok(false) => Err(SendErrorKind::Closed),
            Err(Disconnected) => Err(SendErrorKind::Disconnected),
        }
    }
}

/// How many frames there are in bytes of which the last may be cut.
fn whole_frames(mut bytes: &[u8], align: usize) -> u64 {
    let mut count = 0;
    while let Ok(Some(len)) = frame::measure(bytes) {
        if len > bytes.len() {
            break;
        }
        count += 1;
        bytes = bytes.get(len.next_multiple_of(align)..).unwrap_or(&[]);
    }
    count
}

impl<S: FrameSink> Drop for Batch<'_, S> {
    fn drop(&mut self) {
        // When the peer is gone or the pipe is closed there is no reader to hand them to.
        let _ = self.write();
    }
}

//! Many messages of one pipe, few writes.

use std::sync::Arc;

use homing_core::{ConnectionId, Disconnected, SendError, SendErrorKind, SenderCounters};
use serde::Serialize;

use crate::frame;
use crate::message::{Encoded, LongFrame, MessageTemplate, SHORT};
use crate::mux::{Lost, Mux};
use crate::sink::FrameSink;

/// Sends everything that `messages` yields, waiting for space.
///
/// On an error, the last message that was taken from `messages` comes back. All before it
/// have been handed over, unless the peer is gone.
pub(crate) fn send<M: Serialize, S: FrameSink>(
    mux: &Arc<Mux<S>>,
    connection: ConnectionId,
    template: &MessageTemplate,
    messages: &mut dyn Iterator<Item = M>,
    counters: &mut SenderCounters,
) -> Result<(), SendError<M>> {
    let enough = mux.sink.batch_len();
    let mut batch = Batch { mux, counters, frames: Vec::new(), filled: 0, messages: 0 };
    // What comes back when the batch that it closes cannot be handed over.
    let mut last = None;
    for message in messages {
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
            Ok(Encoded::Long(long)) => batch.write_before_long(connection, &long),
            Err(kind) => {
                let kind = batch.write().map_or(SendErrorKind::Disconnected, |()| kind);
                return Err(SendError::new(message, kind));
            }
        };
        if let Err(Disconnected) = sent {
            return Err(SendError::new(message, SendErrorKind::Disconnected));
        }
        last = None;
    }
    match (batch.write(), last) {
        (Err(Disconnected), Some(last)) => Err(SendError::new(last, SendErrorKind::Disconnected)),
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
    counters: &'a mut SenderCounters,
    /// Frames, each filled up to where the next may begin, in the first `filled` bytes.
    frames: Vec<u8>,
    filled: usize,
    messages: u64,
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
    fn write(&mut self) -> Result<(), Disconnected> {
        let messages = std::mem::take(&mut self.messages);
        let filled = std::mem::take(&mut self.filled);
        if messages == 0 {
            return Ok(());
        }
        let frames = self.frames.get(..filled).unwrap_or(&[]);
        match self.mux.send(frames, &[]) {
            Ok(()) => {
                self.counters.sent += messages;
                Ok(())
            }
            Err(Lost { written }) => {
                // Those that were written are as much handed over as if each had been sent by
                // itself.
                self.counters.sent += whole_frames(frames.get(..written).unwrap_or(&[]), S::ALIGN);
                Err(Disconnected)
            }
        }
    }

    /// Writes the frames, and then a message that would make the batch too large.
    fn write_before_long(
        &mut self,
        connection: ConnectionId,
        long: &LongFrame,
    ) -> Result<(), Disconnected> {
        self.write()?;
        match long.body().len() <= self.mux.max_body {
            true => self.mux.send(long.frame(), &[]).map_err(|_| Disconnected)?,
            false => {
                self.mux.send_fragments(connection, None, long.body(), &|| true)?;
            }
        }
        self.counters.sent += 1;
        Ok(())
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
        // When the peer is gone there is no reader to hand them to.
        let _ = self.write();
    }
}

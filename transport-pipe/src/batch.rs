//! Many messages of one pipe, few writes.

use std::sync::Arc;

use homing_core::frame::{self, MAX_BODY};
use homing_core::{ConnectionId, Disconnected, SendError, SendErrorKind, SenderCounters};
use serde::Serialize;

use crate::link::{Link, Lost};
use crate::message::{MessageHead, Scratch};

/// A batch of this many bytes is written.
const ENOUGH: usize = 64 * 1024;

/// Sends everything that `messages` yields, waiting for room.
///
/// On an error, the last message that was taken from `messages` comes back. All before it
/// have been handed over, unless the reader is gone.
pub(crate) fn send<M: Serialize>(
    link: &Arc<Link>,
    connection: ConnectionId,
    head: &MessageHead,
    messages: &mut dyn Iterator<Item = M>,
    counters: &mut SenderCounters,
) -> Result<(), SendError<M>> {
    let mut batch = Batch { link, counters, frames: Scratch::take(), whole: 0, messages: 0 };
    // What comes back when the batch that it closes cannot be written.
    let mut last = None;
    for message in messages {
        let sent = match head.append(&message, link.limit, &mut batch.frames) {
            Ok(len) if len <= MAX_BODY => {
                batch.whole = batch.frames.len();
                batch.messages += 1;
                if batch.whole < ENOUGH {
                    last = Some(message);
                    continue;
                }
                batch.write()
            }
            Ok(len) => batch.write_before_large(connection, len),
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
/// Dropped while the iterator or a message panics, it still hands them over: nobody has them
/// any more.
struct Batch<'a> {
    link: &'a Arc<Link>,
    counters: &'a mut SenderCounters,
    frames: Scratch,
    /// How far there are whole frames, and how many.
    whole: usize,
    messages: u64,
}

impl Batch<'_> {
    /// Writes the whole frames.
    fn write(&mut self) -> Result<(), Disconnected> {
        let sent = self.write_whole();
        self.frames.clear();
        sent
    }

    /// Writes the whole frames, and then a large message whose body of `len` bytes follows
    /// them.
    fn write_before_large(
        &mut self,
        connection: ConnectionId,
        len: usize,
    ) -> Result<(), Disconnected> {
        self.write_whole()?;
        let body = self.frames.get(self.frames.len() - len..).unwrap_or(&[]);
        self.link.send_parts(connection, body)?;
        self.counters.sent += 1;
        self.frames.clear();
        Ok(())
    }

    fn write_whole(&mut self) -> Result<(), Disconnected> {
        let frames = self.frames.get(..std::mem::take(&mut self.whole)).unwrap_or(&[]);
        let messages = std::mem::take(&mut self.messages);
        if frames.is_empty() {
            return Ok(());
        }
        match self.link.send(frames, &[]) {
            Ok(()) => {
                self.counters.sent += messages;
                Ok(())
            }
            Err(Lost { written }) => {
                // Those that were written are as much handed over as if each had been sent
                // by itself.
                let mut rest = frames.get(..written).unwrap_or(&[]);
                while let Ok(Some((_, after))) = frame::split(rest) {
                    self.counters.sent += 1;
                    rest = after;
                }
                Err(Disconnected)
            }
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        // When the reader is gone there is nobody to hand them to.
        let _ = self.write();
    }
}

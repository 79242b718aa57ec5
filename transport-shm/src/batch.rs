//! Many messages of one pipe, few looks at the ring.

use std::sync::Arc;

use homing_core::{ConnectionId, Disconnected, Reason, SendError, SenderCounters};
use serde::Serialize;

use crate::link::Link;
use crate::message::{MessageHead, Scratch, pad};

/// A batch of this many bytes is put on the ring, and one of an eighth of the ring. With one
/// more frame, which takes a quarter of the ring at most, it takes less than half.
const ENOUGH: usize = 16 * 1024;

/// Sends everything that `messages` yields, waiting for room.
///
/// On an error, the last message that was taken from `messages` comes back. All before it
/// have been handed over, unless the foreground is gone.
pub(crate) fn send<M: Serialize>(
    link: &Arc<Link>,
    connection: ConnectionId,
    head: &MessageHead,
    messages: &mut dyn Iterator<Item = M>,
    counters: &mut SenderCounters,
) -> Result<(), SendError<M>> {
    let enough = ENOUGH.min(link.most / 2);
    let mut batch = Batch { link, counters, frames: Scratch::take(), whole: 0, messages: 0 };
    // What comes back when the batch that it closes cannot be handed over.
    let mut last = None;
    for message in messages {
        let sent = match head.append(&message, link.limit, &mut batch.frames) {
            Ok(len) if len <= link.most => {
                pad(&mut batch.frames);
                batch.whole = batch.frames.len();
                batch.messages += 1;
                if batch.whole < enough {
                    last = Some(message);
                    continue;
                }
                batch.put()
            }
            Ok(len) => batch.put_before_large(connection, len),
            Err(reason) => {
                let reason = batch.put().map_or(Reason::Disconnected, |()| reason);
                return Err(SendError::new(message, reason));
            }
        };
        if let Err(Disconnected) = sent {
            return Err(SendError::new(message, Reason::Disconnected));
        }
        last = None;
    }
    match (batch.put(), last) {
        (Err(Disconnected), Some(last)) => Err(SendError::new(last, Reason::Disconnected)),
        // Without a last message there was nothing to put.
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
    /// Puts the whole frames on the ring.
    fn put(&mut self) -> Result<(), Disconnected> {
        let put = self.put_whole();
        self.frames.clear();
        put
    }

    /// Puts the whole frames on the ring, and then a large message whose body of `len` bytes
    /// follows them.
    fn put_before_large(
        &mut self,
        connection: ConnectionId,
        len: usize,
    ) -> Result<(), Disconnected> {
        self.put_whole()?;
        let body = self.frames.get(self.frames.len() - len..).unwrap_or(&[]);
        self.link.send_parts(connection, body)?;
        self.counters.sent += 1;
        self.frames.clear();
        Ok(())
    }

    fn put_whole(&mut self) -> Result<(), Disconnected> {
        let frames = self.frames.get(..std::mem::take(&mut self.whole)).unwrap_or(&[]);
        let messages = std::mem::take(&mut self.messages);
        if !frames.is_empty() {
            self.link.send(frames, &[])?;
            self.counters.sent += messages;
        }
        Ok(())
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        // When the foreground is gone there is nobody to hand them to.
        let _ = self.put();
    }
}

//! Many messages of one pipe, few looks at the ring.

use std::sync::Arc;

use homing_core::{ConnectionId, Disconnected, SendError, SendErrorKind, SenderCounters};
use serde::Serialize;

use crate::link::Link;
use crate::message::{Encoded, MessageHead, SHORT};

/// A batch of this many bytes is put on the ring, or of about an eighth of the ring: with one
/// more frame, it takes less than half.
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
    let mut batch = Batch { link, counters, frames: Vec::new(), filled: 0, messages: 0 };
    // What comes back when the batch that it closes cannot be handed over.
    let mut last = None;
    for message in messages {
        let sent = match head.encode(&message, link.limit, batch.room()) {
            Ok(Encoded::Short(short)) => {
                batch.filled += short.len();
                batch.messages += 1;
                if batch.filled < enough {
                    last = Some(message);
                    continue;
                }
                batch.put()
            }
            Ok(Encoded::Long(body)) => batch.put_and_then(connection, &body),
            Err(kind) => {
                let kind = batch.put().map_or(SendErrorKind::Disconnected, |()| kind);
                return Err(SendError::new(message, kind));
            }
        };
        if let Err(Disconnected) = sent {
            return Err(SendError::new(message, SendErrorKind::Disconnected));
        }
        last = None;
    }
    match (batch.put(), last) {
        (Err(Disconnected), Some(last)) => Err(SendError::new(last, SendErrorKind::Disconnected)),
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
    /// Short frames, each filled up to where the next may begin, in the first `filled` bytes.
    frames: Vec<u8>,
    filled: usize,
    messages: u64,
}

impl Batch<'_> {
    /// Room for the next frame.
    #[inline]
    fn room(&mut self) -> &mut [u8] {
        let wanted = self.filled + SHORT;
        if self.frames.len() < wanted {
            self.frames.resize(2 * wanted, 0);
        }
        self.frames.get_mut(self.filled..).unwrap_or(&mut [])
    }

    /// Puts the frames on the ring.
    fn put(&mut self) -> Result<(), Disconnected> {
        let messages = std::mem::take(&mut self.messages);
        if messages == 0 {
            return Ok(());
        }
        let filled = std::mem::take(&mut self.filled);
        let put = self.link.send(self.frames.get(..filled).unwrap_or(&[]), &[]);
        put.map(|()| self.counters.sent += messages)
    }

    /// Puts the frames on the ring, and then a message that is not short.
    fn put_and_then(&mut self, connection: ConnectionId, body: &[u8]) -> Result<(), Disconnected> {
        self.put()?;
        if body.len() <= self.link.most {
            self.link.send_message(connection, body)?;
        } else {
            self.link.send_parts(connection, body)?;
        }
        self.counters.sent += 1;
        Ok(())
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        // When the foreground is gone there is nobody to hand them to.
        let _ = self.put();
    }
}

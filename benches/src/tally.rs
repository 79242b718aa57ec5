//! What the handlers of most figures do: as little as can be.

use anyhow::ensure;
use homing::Event;

/// A message of 16 bytes, in memory as on the wire.
pub(crate) type Message = (u64, u64);

/// The message with this number.
#[inline]
pub(crate) fn message(number: u64) -> Message {
    // postcard writes numbers between 2^49 and 2^56 as 8 bytes.
    (1 << 50 | number, 1 << 51 | number)
}

/// Counts messages, and adds up their numbers.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) got: u64,
    pub(crate) sum: u64,
    pub(crate) ended: usize,
}

impl Tally {
    #[inline]
    pub(crate) fn count(&mut self, (first, second): Message) {
        self.got += 1;
        self.sum = self.sum.wrapping_add(first ^ second);
    }

    /// As a pipe's handler.
    #[inline]
    pub(crate) fn hear(&mut self, event: Event<Message>) {
        match event {
            Event::Message(message) => self.count(message),
            Event::Ended(_) => self.ended += 1,
        }
    }

    /// What was counted must be all that was sent.
    pub(crate) fn check(&self, sent: u64) -> anyhow::Result<()> {
        let Self { got, .. } = self;
        ensure!(*got == sent, "{got} of {sent} messages came");
        Ok(())
    }
}

//! The transport: how its links are made.

use std::convert::Infallible;
use std::num::NonZeroUsize;

use homing_core::{NewLink, Pinger, Transport};

use crate::factory::ChannelFactory;
use crate::inlet::ChannelInlet;
use crate::link;

/// What may wait in one queue unless a capacity is chosen, in bytes.
const DEFAULT_BYTES: usize = 64 * 1024;

/// Bounds of the default capacity, in messages.
const MIN_DEFAULT: usize = 16;
const MAX_DEFAULT: usize = 1024;

/// The in-process transport: makes links between threads of one process.
///
/// The thread that makes a link is taken for the foreground's: on it no sender of the link
/// ever waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Channel {
    capacity: Capacity,
}

impl Channel {
    /// Makes links on which, for each type of message, as many wait as fit in 64 KiB, but
    /// at least 16 and at most 1024.
    pub const fn new() -> Self {
        Self { capacity: Capacity(None) }
    }

    /// Makes links on which at most `messages` wait for each type of message, and on a pipe
    /// with [`Overflow::DropOldest`](homing_core::Overflow::DropOldest) as many of its own.
    /// At least one does.
    pub const fn with_capacity(messages: usize) -> Self {
        let messages = match NonZeroUsize::new(messages) {
            Some(messages) => messages,
            None => NonZeroUsize::MIN,
        };
        Self { capacity: Capacity(Some(messages)) }
    }
}

impl<P: Pinger + Send + Sync + 'static> Transport<P> for Channel {
    type Factory = ChannelFactory;
    type Inlet = ChannelInlet;
    type Doorbell = ();
    type Error = Infallible;

    fn link(&mut self, bell: P) -> Result<NewLink<ChannelFactory, ChannelInlet, ()>, Infallible> {
        let (factory, inlet) = link::make(Box::new(bell), self.capacity);
        Ok(NewLink { factory, inlet, doorbell: () })
    }
}

/// How many messages may wait in one queue: as chosen, or by the size of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Capacity(Option<NonZeroUsize>);

impl Capacity {
    /// For messages of type `M`. Never 0.
    pub(crate) fn of<M>(self) -> usize {
        match self.0 {
            Some(messages) => messages.get(),
            None => (DEFAULT_BYTES / size_of::<M>().max(1)).clamp(MIN_DEFAULT, MAX_DEFAULT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_capacity_depends_on_the_size_of_a_message() {
        let capacity = Channel::new().capacity;
        assert_eq!(capacity.of::<()>(), 1024);
        assert_eq!(capacity.of::<[u8; 64]>(), 1024);
        assert_eq!(capacity.of::<[u8; 1024]>(), 64);
        assert_eq!(capacity.of::<[u8; 1 << 20]>(), 16);
    }

    #[test]
    fn a_chosen_capacity_is_at_least_one() {
        assert_eq!(Channel::with_capacity(0).capacity.of::<u8>(), 1);
        assert_eq!(Channel::with_capacity(5000).capacity.of::<[u8; 1024]>(), 5000);
    }
}

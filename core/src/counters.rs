//! What a router and a sender have counted.

/// What a router has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Counters {
    /// Messages that were handed to their receivers.
    pub routed: u64,
    /// Bytes of encoded messages that arrived; messages that move as values count none.
    pub bytes: u64,
    /// Messages discarded because their pipe had been closed.
    pub discarded_closed: u64,
    /// Messages that a newer one of the same pipe replaced before the receiver saw them
    /// (see [`Overflow::LatestWins`](crate::Overflow::LatestWins)).
    pub superseded: u64,
    /// Messages that senders or links reported as dropped on the way.
    pub missed: u64,
    /// Links that were cut off.
    pub refused_links: u64,
    /// The most pipes that were open at once.
    pub most_pipes: usize,
}

/// What a sender has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SenderCounters {
    /// Messages that `send` accepted.
    pub sent: u64,
    /// Messages among them, or older ones, that the overflow policy dropped.
    pub dropped: u64,
}

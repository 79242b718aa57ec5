//! What the foreground watches for a link.

use std::fmt;

use crate::pump::BlockingPump;
#[cfg(unix)]
use crate::pump::ReadyPump;

/// What the foreground watches for a link: nothing, a descriptor, or a source that a thread
/// has to wait for.
///
/// All three mean the same to the foreground: when something has been moved to the link's
/// inlet, or the pump was dropped because nothing will come any more, the link is woken.
///
/// A link with a way back may have [a second one](Doorbell::and).
#[derive(Default)]
pub struct Doorbell {
    pub(crate) source: Source,
    pub(crate) second: Option<Second>,
}

#[derive(Default)]
pub(crate) enum Source {
    #[default]
    None,
    #[cfg(unix)]
    Readable(Box<dyn ReadyPump>),
    Blocking(Box<dyn BlockingPump>),
}

/// A pump of the kind that the system's own sources have.
#[cfg(unix)]
type Second = Box<dyn ReadyPump>;
#[cfg(not(unix))]
type Second = Box<dyn BlockingPump>;

impl Doorbell {
    const fn of(source: Source) -> Self {
        Self { source, second: None }
    }

    /// Nothing to watch: the transport pings the waker that it was given.
    pub const fn none() -> Self {
        Self::of(Source::None)
    }

    /// A descriptor, whose pump is called when it is [ready](ReadyPump::interest). Unix.
    #[cfg(unix)]
    pub fn readable(pump: impl ReadyPump + 'static) -> Self {
        Self::of(Source::Readable(Box::new(pump)))
    }

    /// A source that cannot be watched: a thread is started for its pump.
    pub fn blocking(pump: impl BlockingPump + 'static) -> Self {
        Self::of(Source::Blocking(Box::new(pump)))
    }

    /// Adds a second descriptor, which replaces an earlier second one: that of the link's way
    /// back. Its events call its pump and wake the link, as those of the first.
    ///
    /// The pump's result is read differently in two points. [`PumpStatus::Closed`] drops the
    /// pump, and ends nothing else: whether the link has ended is for the first source to say,
    /// and the second pump is dropped with the first one. [`PumpStatus::Backpressured`] is taken
    /// for [`PumpStatus::WouldBlock`].
    ///
    /// [`PumpStatus::Closed`]: crate::PumpStatus::Closed
    /// [`PumpStatus::Backpressured`]: crate::PumpStatus::Backpressured
    /// [`PumpStatus::WouldBlock`]: crate::PumpStatus::WouldBlock
    #[cfg(unix)]
    #[must_use]
    pub fn and(mut self, pump: impl ReadyPump + 'static) -> Self {
        self.second = Some(Box::new(pump));
        self
    }

    /// Adds a second source, which replaces an earlier second one: that of the link's way back. It
    /// has a thread of its own, which wakes the link when the pump has moved something, and which
    /// ends when the pump returns [`PumpStatus::Closed`](crate::PumpStatus::Closed).
    #[cfg(not(unix))]
    #[must_use]
    pub fn and(mut self, pump: impl BlockingPump + 'static) -> Self {
        self.second = Some(Box::new(pump));
        self
    }

    /// Whether there is nothing to watch.
    pub fn is_none(&self) -> bool {
        matches!(self.source, Source::None) && self.second.is_none()
    }

    /// Whether a thread is started for it, which then wakes the link.
    pub fn is_blocking(&self) -> bool {
        matches!(self.source, Source::Blocking(_)) || (cfg!(not(unix)) && self.second.is_some())
    }
}

/// The doorbell of a link whose transport pings the waker that it was given.
impl From<()> for Doorbell {
    fn from((): ()) -> Self {
        Self::none()
    }
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::None => "None",
            #[cfg(unix)]
            Source::Readable(_) => "Readable",
            Source::Blocking(_) => "Blocking",
        };
        f.debug_struct("Doorbell")
            .field("source", &format_args!("{source}"))
            .field("second", &self.second.is_some())
            .finish()
    }
}

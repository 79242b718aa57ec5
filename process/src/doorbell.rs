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
#[derive(Default)]
pub struct Doorbell(pub(crate) Source);

#[derive(Default)]
pub(crate) enum Source {
    #[default]
    None,
    #[cfg(unix)]
    Readable(Box<dyn ReadyPump>),
    Blocking(Box<dyn BlockingPump>),
}

impl Doorbell {
    /// Nothing to watch: the transport pings the waker that it was given.
    pub const fn none() -> Self {
        Self(Source::None)
    }

    /// A descriptor, whose pump is called when it is readable. Unix.
    #[cfg(unix)]
    pub fn readable(pump: impl ReadyPump + 'static) -> Self {
        Self(Source::Readable(Box::new(pump)))
    }

    /// A source that cannot be watched: a thread is started for its pump.
    pub fn blocking(pump: impl BlockingPump + 'static) -> Self {
        Self(Source::Blocking(Box::new(pump)))
    }

    /// Whether there is nothing to watch.
    pub fn is_none(&self) -> bool {
        matches!(self.0, Source::None)
    }

    /// Whether a thread is started for it, which then wakes the link.
    pub fn is_blocking(&self) -> bool {
        matches!(self.0, Source::Blocking(_))
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
        let source = match self.0 {
            Source::None => "None",
            #[cfg(unix)]
            Source::Readable(_) => "Readable",
            Source::Blocking(_) => "Blocking",
        };
        f.debug_tuple("Doorbell").field(&format_args!("{source}")).finish()
    }
}

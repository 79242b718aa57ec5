//! What is done on the thread that watches, when a link's doorbell rings.

use std::fmt;

/// Moves what waits at a link's doorbell to where the link's inlet finds it.
///
/// It runs on the thread that watches the doorbells: the foreground's own, or a monitor's.
pub trait Pump: Send {
    /// The descriptor to watch. It becomes readable when there is something to move, or
    /// when the worker's end is gone.
    #[cfg(unix)]
    fn fd(&self) -> std::os::fd::BorrowedFd<'_>;

    /// Moves a bounded amount.
    ///
    /// On Unix it does not wait. It is watched for edges: having said
    /// [`Pumped::Drained`], it is called again when something new has come. It may say so
    /// after a read that was not filled: when the other end is closed, it is called once
    /// more.
    ///
    /// On Windows it runs on a thread of its own, and waits for something to move, and for
    /// room: it does not say [`Pumped::Full`].
    ///
    /// `worker_gone` says that the worker process has ended: what has not come by now will
    /// not come, even if some other process still holds the worker's end. To say
    /// [`Pumped::Drained`] then is to say [`Pumped::Ended`].
    fn pump(&mut self, worker_gone: bool) -> Pumped;
}

/// How far a [`Pump`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    /// Nothing is left to move.
    Drained,
    /// There is more, and room for it: call it again soon.
    More,
    /// The inlet has no room. Call it again once the foreground has taken something.
    Full,
    /// Nothing will come any more. The pump is dropped.
    Ended,
}

/// What the foreground watches for a link.
#[derive(Default)]
pub struct Doorbell(pub(crate) Option<Box<dyn Pump>>);

impl Doorbell {
    /// Watches what this pump says.
    pub fn new(pump: impl Pump + 'static) -> Self {
        Self(Some(Box::new(pump)))
    }

    /// Whether there is nothing to watch.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

/// The doorbell of a link that rings the bell it was given: nothing to watch.
impl From<()> for Doorbell {
    fn from((): ()) -> Self {
        Self(None)
    }
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Doorbell").field(&self.0.is_some()).finish()
    }
}

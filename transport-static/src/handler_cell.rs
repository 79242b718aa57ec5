//! What an interrupt handler owns, in a `static`.

use core::cell::RefCell;
use core::fmt;

use critical_section::Mutex;

/// What one interrupt handler owns, such as its sender: a `static` that the main loop puts it into.
///
/// Interrupts are masked while the content is moved out and in again, not while it is used. So a
/// handler of a higher priority may interrupt the use; one that uses the same cell finds it empty
/// then.
///
/// ```
/// use homing_transport_static::{HandlerCell, StaticSender};
///
/// static SENDER: HandlerCell<StaticSender<u16>> = HandlerCell::new();
///
/// // In the interrupt handler. Nothing happens before the main loop has put a sender there.
/// SENDER.with(|sender| sender.send(21));
/// ```
pub struct HandlerCell<T>(Mutex<RefCell<Option<T>>>);

impl<T: Send> HandlerCell<T> {
    /// An empty cell.
    pub const fn new() -> Self {
        Self(Mutex::new(RefCell::new(None)))
    }

    /// Puts the content there. What was there before comes back, unless it is in use: then it is
    /// dropped when it was used.
    pub fn put(&self, content: T) -> Option<T> {
        self.swap(|place| place.replace(content))
    }

    /// Takes the content out. `None` when there is none, or it is in use.
    pub fn take(&self) -> Option<T> {
        self.swap(Option::take)
    }

    /// Uses the content. `None` when there is none, or it is in use: by this handler further up the
    /// stack, or by one that this one has interrupted.
    pub fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut content = self.take()?;
        let result = use_it(&mut content);
        let unused = self.swap(|place| match place {
            // Something was put there in the meantime.
            Some(_) => Some(content),
            None => place.replace(content),
        });
        drop(unused);
        Some(result)
    }

    fn swap(&self, swap: impl FnOnce(&mut Option<T>) -> Option<T>) -> Option<T> {
        critical_section::with(|section| {
            // It is borrowed only here, where no code of the application's runs.
            let mut place = self.0.borrow(section).try_borrow_mut().ok()?;
            swap(&mut place)
        })
    }
}

impl<T: Send> Default for HandlerCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for HandlerCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerCell").finish_non_exhaustive()
    }
}

//! Who may use a line at the same time.

/// Keeps what the senders of a line share. With the standard library they may be on several
/// threads; without it, they are on one.
pub(crate) struct Lock<T>(Inner<T>);

#[cfg(feature = "std")]
type Inner<T> = std::sync::Mutex<T>;
#[cfg(not(feature = "std"))]
type Inner<T> = core::cell::RefCell<T>;

impl<T> Lock<T> {
    pub(crate) const fn new(content: T) -> Self {
        Self(Inner::new(content))
    }

    pub(crate) fn into_inner(self) -> T {
        #[cfg(feature = "std")]
        let content = self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        #[cfg(not(feature = "std"))]
        let content = self.0.into_inner();
        content
    }

    /// Uses the content. `None` when a caller further up the stack uses it: waiting for that
    /// would not end.
    pub(crate) fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> Option<R> {
        // What a panic of the writer's leaves behind is a frame that is cut off, and is noted
        // before it is written.
        #[cfg(feature = "std")]
        let content = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        #[cfg(not(feature = "std"))]
        let content = self.0.try_borrow_mut().ok()?;
        let mut content = content;
        Some(use_it(&mut content))
    }
}

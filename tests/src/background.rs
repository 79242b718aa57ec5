//! Work on other threads, joined with a deadline.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};

use crate::deadline::{chosen, deadline, with_deadline};
use crate::event_loops::WakeFn;

/// Work that runs on a thread of its own.
pub struct Background<T> {
    result: mpsc::Receiver<T>,
    done: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Runs `work` on a thread of its own.
pub fn background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Background<T> {
    background_with(Arc::new(|| {}), work)
}

/// As [`background`], and calls `nudge` when the work is done.
pub(crate) fn background_with<T: Send + 'static>(
    nudge: WakeFn,
    work: impl FnOnce() -> T + Send + 'static,
) -> Background<T> {
    let (send, result) = mpsc::channel();
    let done = Arc::new(AtomicBool::new(false));
    let at_last = AtLast(Arc::clone(&done), nudge);
    let chosen = chosen();
    let thread = thread::spawn(move || {
        let _at_last = at_last;
        let result = match chosen {
            Some(deadline) => with_deadline(deadline, work),
            None => work(),
        };
        // It fails when the waiting side has given up.
        let _ = send.send(result);
    });
    Background { result, done, thread }
}

/// Says, on every way out, that the work is done.
struct AtLast(Arc<AtomicBool>, WakeFn);

impl Drop for AtLast {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        (self.1)();
    }
}

impl<T> Background<T> {
    /// Whether the work is done, or has panicked.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Waits for the work's result. Its panic goes on here.
    pub fn join(self) -> T {
        match self.try_join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Waits for the work's result, or its panic.
    ///
    /// # Errors
    ///
    /// What it panicked with.
    pub fn try_join(self) -> thread::Result<T> {
        match self.result.recv_timeout(deadline()) {
            Ok(result) => self.thread.join().map(|()| result),
            Err(RecvTimeoutError::Disconnected) => {
                let panic = self.thread.join().expect_err("it ended without a result");
                Err(panic)
            }
            Err(RecvTimeoutError::Timeout) => panic!("a worker hangs"),
        }
    }
}

impl<T> fmt::Debug for Background<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").field("done", &self.is_done()).finish_non_exhaustive()
    }
}

/// Unwinds without the message that a panic prints.
pub(crate) fn panic_quietly() -> ! {
    std::panic::resume_unwind(Box::new("on purpose"))
}

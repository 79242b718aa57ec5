//! An executor for one future, which can stop half-way.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Ends a check that hangs. Nothing is measured with it.
const HANG: Duration = Duration::from_secs(60);

/// Runs a future on this thread, which sleeps until the future is woken.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    poll_at_most(usize::MAX, future).expect("it is polled until it is ready")
}

/// As [`block_on`], but drops the future after so many polls.
pub(super) fn poll_at_most<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let wakes = Arc::new(Wakes { thread: thread::current(), is_woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&wakes));
    let mut future = pin!(future);
    for poll in 1..=polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        if poll < polls {
            wakes.wait();
        }
    }
    None
}

struct Wakes {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wakes {
    fn wait(&self) {
        let deadline = Instant::now() + HANG;
        while !self.is_woken.swap(false, Ordering::SeqCst) {
            assert!(Instant::now() < deadline, "a task is not woken");
            thread::park_timeout(HANG);
        }
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

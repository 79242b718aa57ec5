//! The threads of sources that cannot be watched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, thread};

use homing_core::Pinger;

use crate::pump::{BlockingPump, PumpStatus};

/// The name of the threads that read.
pub(super) const READER: &str = "homing-reader";

/// Starts a thread (`homing-reader`) that runs a pump until the source ends, and pings
/// `pinger` whenever something was moved, and after the pump was dropped.
///
/// For a transport whose links have no [`Doorbell`](crate::Doorbell): a set of doorbells
/// starts the threads of blocking ones itself. The thread is stopped by the pump alone, which
/// has to return [`PumpStatus::Closed`] when the link's inlet is gone.
///
/// # Errors
///
/// When the system gives no thread.
pub fn spawn_pump(
    pump: impl BlockingPump + 'static,
    pinger: impl Pinger + Send + 'static,
) -> io::Result<()> {
    PumpThread::start(READER, Box::new(pump), pinger).map(drop)
}

/// The thread of one blocking pump. Dropping this detaches it.
#[derive(Debug)]
pub(super) struct PumpThread {
    stop: Arc<AtomicBool>,
}

impl PumpThread {
    pub(super) fn start(
        name: &str,
        mut pump: Box<dyn BlockingPump>,
        pinger: impl Pinger + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::Builder::new().name(name.into()).spawn(move || {
            // Made before the pump is moved here, so that it is dropped after it, also when
            // the pump panics: an inlet may learn of the end from the pump's drop alone.
            let last = PingOnDrop(pinger);
            let mut pump = move || pump.pump();
            // The flag publishes nothing.
            while !stopped.load(Ordering::Relaxed) {
                match pump() {
                    PumpStatus::Pending => last.0.ping(),
                    PumpStatus::WouldBlock | PumpStatus::Backpressured => {}
                    PumpStatus::Closed => break,
                }
            }
        })?;
        Ok(Self { stop })
    }

    /// Ends the thread once its pump returns.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the thread has dropped its pump.
    pub(super) fn has_ended(&self) -> bool {
        Arc::strong_count(&self.stop) == 1
    }
}

struct PingOnDrop<P: Pinger>(P);

impl<P: Pinger> Drop for PingOnDrop<P> {
    fn drop(&mut self) {
        self.0.ping();
    }
}

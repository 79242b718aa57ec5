//! Bringing onto the ring what a sender has left behind.

use std::sync::{Arc, MutexGuard};
use std::thread;

use homing_core::frame::{MAX_HEAD, MAX_PREFIX};
use homing_core::{ConnectionId, Disconnected};

use crate::backlog::Step;
use crate::link::Link;
use crate::stream::Stream;

impl Link {
    /// Sees to it that somebody flushes what is left, if anything is: a thread that ends when
    /// nothing is left, and keeps the link open until then. It returns false when the system
    /// gives no thread; then whoever writes next flushes, and asks again.
    pub(crate) fn flush_later(self: &Arc<Self>) -> bool {
        let mut stream = self.lock();
        if stream.is_calm() || stream.flushing || stream.gone {
            return true;
        }
        let link = Arc::clone(self);
        let spawned =
            thread::Builder::new().name("homing-flush".into()).spawn(move || link.flush());
        // The thread waits for the lock before it looks.
        stream.flushing = spawned.is_ok();
        stream.flushing
    }

    /// Flushes until nothing is left, or the foreground is gone.
    fn flush(&self) {
        loop {
            let seen = self.with(|stream| {
                if stream.gone {
                    return Err(Disconnected);
                }
                let step = if stream.put_owed()? { stream.step()? } else { Step::Full };
                if step == Step::Done {
                    stream.flushing = false;
                }
                Ok((step, stream.changes))
            });
            let waited = match seen {
                Ok((Step::Done, _)) | Err(Disconnected) => return,
                Ok((Step::Wrote, _)) => Ok(()),
                Ok((Step::Full, _)) => self.wait_for_room(MAX_PREFIX + MAX_HEAD + self.most),
                Ok((Step::Later, changes)) => {
                    let mut stream = self.lock();
                    while stream.changes == changes {
                        stream = self.wait_changed(stream);
                    }
                    Ok(())
                }
            };
            if waited.is_err() {
                return;
            }
        }
    }

    /// Waits for a change that whoever flushes may have to bring about. It may return early.
    pub(crate) fn wait_for_change<'a>(
        self: &'a Arc<Self>,
        mut stream: MutexGuard<'a, Stream>,
    ) -> MutexGuard<'a, Stream> {
        if stream.is_calm() || stream.flushing {
            return self.wait_changed(stream);
        }
        drop(stream);
        if self.flush_later() {
            return self.lock();
        }
        // No thread to be had: this one may wait as well.
        stream = self.lock();
        stream.flushing = true;
        drop(stream);
        self.flush();
        self.lock()
    }

    /// Waits until nothing of a pipe is left behind.
    pub(crate) fn wait_flushed(
        self: &Arc<Self>,
        connection: ConnectionId,
    ) -> Result<(), Disconnected> {
        let mut stream = self.lock();
        while !stream.gone && stream.has_backlog(connection) {
            stream = self.wait_for_change(stream);
        }
        if stream.gone { Err(Disconnected) } else { Ok(()) }
    }
}

//! The foreground's end of a link's way back.

use std::fmt;
use std::io;
use std::sync::Arc;

use homing_core::{Disconnected, Downlink};
use homing_mux::{FrameSink, MuxConfig, MuxDownlink, Written};
use homing_process::{Doorbell, ForkGuard, OwnedHandle};

use crate::sink::{self, MAX_ATOMIC_BODY};
use crate::sys::{self, DownWriter};

/// What the foreground has of a way back.
pub(crate) struct DownEnd {
    pub(crate) writer: Arc<DownWriter>,
    pub(crate) downlink: Arc<dyn Downlink>,
}

impl DownEnd {
    /// Takes over the writing end of the OS pipe.
    pub(crate) fn new(handle: OwnedHandle, config: MuxConfig) -> io::Result<Self> {
        let writer = Arc::new(DownWriter::new(handle)?);
        let sink = DownSink { writer: Arc::clone(&writer), guard: ForkGuard::new() };
        Ok(Self { writer, downlink: Arc::new(MuxDownlink::new(sink, config)) })
    }

    /// Adds to the link's doorbell that there is space again. What waits for it is written then.
    pub(crate) fn watched_by(&self, doorbell: Doorbell) -> Doorbell {
        sys::watch_space(doorbell, &self.writer, Arc::clone(&self.downlink))
    }
}

/// The writing end of the OS pipe of the way back. It never waits.
pub(crate) struct DownSink {
    writer: Arc<DownWriter>,
    guard: ForkGuard,
}

impl FrameSink for DownSink {
    fn max_atomic_body(&self) -> usize {
        MAX_ATOMIC_BODY
    }

    fn try_write(&self, first: &[u8], second: &[u8]) -> Result<Written, Disconnected> {
        Ok(sink::written(self.writer.write(first, second)?, first.len() + second.len()))
    }

    /// Not called: the foreground does not wait.
    fn wait_writable(&self, _: usize, _: &dyn Fn() -> bool) -> Result<(), Disconnected> {
        Ok(())
    }

    fn is_forked_copy(&self) -> bool {
        self.guard.is_forked_copy()
    }
}

impl fmt::Debug for DownSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownSink").finish_non_exhaustive()
    }
}

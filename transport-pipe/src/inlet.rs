//! The foreground's end of a link.

use std::fmt;
use std::sync::Arc;

use homing_core::{Arrival, Inlet, LinkEnd, Notifier};
use homing_mux::Reassembler;
use homing_process::byte_queue;

use crate::frames::Frames;
use crate::sys::DownWriter;

/// The foreground's end of a link.
///
/// Each [`poll`](Inlet::poll) takes one frame. A frame is read where it lies in what the
/// pump has brought; only one that began in an earlier piece is copied together first.
///
/// When it is dropped, the pumps end, and close the foreground's ends of both OS pipes. Until they
/// are called once more, or [unwatched](homing_process::Doorbells::unwatch), the worker notices
/// nothing.
pub struct PipeInlet {
    frames: Frames<byte_queue::Reader>,
    way_back: Arc<DownWriter>,
    notifier: Arc<dyn Notifier>,
}

impl PipeInlet {
    pub(crate) fn new(
        bytes: byte_queue::Reader,
        reassembler: Reassembler,
        way_back: Arc<DownWriter>,
        notifier: Arc<dyn Notifier>,
    ) -> Self {
        Self { frames: Frames::new(bytes, reassembler), way_back, notifier }
    }
}

impl Inlet for PipeInlet {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        self.frames.poll()
    }

    fn notifier(&self) -> Option<Arc<dyn Notifier>> {
        Some(Arc::clone(&self.notifier))
    }
}

impl Drop for PipeInlet {
    fn drop(&mut self) {
        self.way_back.close();
    }
}

impl fmt::Debug for PipeInlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeInlet").finish_non_exhaustive()
    }
}

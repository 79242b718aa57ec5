//! What the worker side of a link shares: the way to the inlet, and the bell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};

use crossbeam_channel::{Sender, unbounded};
use homing_core::{Disconnected, Pinger};

use crate::channel::Capacity;
use crate::control::Control;
use crate::factory::ChannelFactory;
use crate::inlet::ChannelInlet;
use crate::notices::Notices;

/// Makes both ends of a link.
pub(crate) fn make(
    bell: Box<dyn Pinger + Send + Sync>,
    capacity: Capacity,
) -> (ChannelFactory, ChannelInlet) {
    let (controls, taken_controls) = unbounded();
    let (freed, free) = unbounded();
    let gone = Gone::default();
    let foreground = thread::current().id();
    let notices = Arc::<Notices>::default();
    let shared = Shared {
        controls,
        gone: gone.clone(),
        foreground,
        notices: Arc::clone(&notices),
        bell: PingOnDrop(bell),
    };
    (
        ChannelFactory::new(Arc::new(shared), capacity, free),
        ChannelInlet::new(taken_controls, freed, gone, notices),
    )
}

/// The worker side of a link. The factory and every outlet hold it; the link ends when the
/// last of them is dropped.
///
/// The fields' order matters: `controls` is dropped before `bell`, which rings as it is
/// dropped. So a foreground that this wakes finds the controls disconnected.
pub(crate) struct Shared {
    controls: Sender<Control>,
    gone: Gone,
    foreground: ThreadId,
    notices: Arc<Notices>,
    bell: PingOnDrop,
}

impl Shared {
    /// Tells the inlet. It neither waits nor fails while there is one.
    #[cold]
    pub(crate) fn tell(&self, control: Control) -> Result<(), Disconnected> {
        self.controls.send(control).map_err(|_| Disconnected)?;
        self.bell.0.ping();
        Ok(())
    }

    /// Tells the inlet something that it need not be woken for.
    pub(crate) fn tell_quietly(&self, control: Control) {
        // An inlet that is gone needs to know nothing.
        let _ = self.controls.send(control);
    }

    /// Whether the inlet is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// The link's pipes, as the foreground tells them something.
    pub(crate) fn notices(&self) -> &Arc<Notices> {
        &self.notices
    }

    /// The foreground's thread.
    pub(crate) fn foreground(&self) -> ThreadId {
        self.foreground
    }

    /// Whether this is the foreground's own thread, which would wait for itself.
    pub(crate) fn is_foreground(&self) -> bool {
        thread::current().id() == self.foreground
    }
}

/// Rings as it is dropped.
struct PingOnDrop(Box<dyn Pinger + Send + Sync>);

impl Drop for PingOnDrop {
    fn drop(&mut self) {
        self.0.ping();
    }
}

/// Set when the inlet is dropped.
///
/// A hint that spares senders the work, and publishes nothing: Relaxed will do.
#[derive(Clone, Default)]
pub(crate) struct Gone(Arc<AtomicBool>);

impl Gone {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

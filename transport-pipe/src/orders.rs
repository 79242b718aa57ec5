//! The worker's end of a link's way back.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use homing_core::{Arrival, Inlet, LinkEnd};
use homing_mux::{MuxConfig, WayBack, WayBackSource};
use homing_process::OwnedHandle;

use crate::frames::Frames;
use crate::sys::{OrderReader, Orders};

/// Takes over the reading end of the OS pipe. Who holds the result [detaches](Orders::detach) it
/// when the link is dropped.
pub(crate) fn open(handle: OwnedHandle, config: &MuxConfig) -> io::Result<(WayBack, Arc<Orders>)> {
    let (orders, reader) = Orders::open(handle)?;
    let frames = Frames::new(reader, config.reassembler());
    let inlet = OrderInlet { frames, orders: Arc::clone(&orders) };
    let way_back = WayBack::new(inlet, OrderSource(Arc::clone(&orders)));
    orders.attach(way_back.clone());
    Ok((way_back, orders))
}

struct OrderInlet {
    frames: Frames<OrderReader>,
    orders: Arc<Orders>,
}

impl Inlet for OrderInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        self.frames.poll().inspect_err(|_| self.orders.end())
    }
}

struct OrderSource(Arc<Orders>);

impl WayBackSource for OrderSource {
    #[inline]
    fn has_news(&self) -> bool {
        self.0.has_news()
    }

    fn wait(&self, timeout: Option<Duration>) -> Option<()> {
        self.0.wait(timeout);
        Some(())
    }

    fn interrupt(&self) {
        self.0.interrupt_receiver();
    }
}

//! Reads a line whose descriptor is watched. Unix.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use homing_core::LinkEnd;
use homing_process::PumpStatus;
use rustix::io::Errno;

use crate::READ;
use crate::intake::{Feed, Room};

/// What has a descriptor and may be read on another thread.
pub(crate) trait Port: AsFd + Send {}

impl<T: AsFd + Send> Port for T {}

/// How many reads one call of the pump makes at most.
const READS: usize = 4;

/// Reads the line on the thread that watches it.
pub(crate) struct Pump {
    port: Box<dyn Port>,
    feed: Feed,
}

impl Pump {
    pub(crate) fn new(port: Box<dyn Port>, feed: Feed) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(port.as_fd(), true)?;
        Ok(Self { port, feed })
    }
}

impl homing_process::ReadyPump for Pump {
    fn fd(&self) -> BorrowedFd<'_> {
        self.port.as_fd()
    }

    fn pump(&mut self, _worker_gone: bool) -> PumpStatus {
        let mut buffer = [0; READ];
        for _ in 0..READS {
            match self.feed.room() {
                Room::Some => {}
                Room::Full => return PumpStatus::Backpressured,
                Room::Gone => return PumpStatus::Closed,
            }
            match rustix::io::read(self.port.as_fd(), &mut buffer) {
                Ok(0) => {
                    self.feed.end(LinkEnd::Gone(None));
                    return PumpStatus::Closed;
                }
                Ok(len) => self.feed.put(buffer.get(..len).unwrap_or(&[])),
                Err(Errno::AGAIN) => return PumpStatus::WouldBlock,
                Err(Errno::INTR) => {}
                // What a terminal says that was unplugged, or whose other side is closed.
                Err(Errno::IO | Errno::NXIO | Errno::NODEV | Errno::CONNRESET) => {
                    self.feed.end(LinkEnd::Gone(None));
                    return PumpStatus::Closed;
                }
                // Without a word: the inlet says that the link is broken.
                Err(_) => return PumpStatus::Closed,
            }
        }
        PumpStatus::Pending
    }
}

//! A worker that puts what it likes where it likes.

use homing_core::Inlet;
use homing_core::frame::{Head, PrefixedHead};
use homing_process::{Doorbell, LinkWaker, ProcessTransport as _};

use super::Foreground;
use crate::Shm;
use crate::bell::Socket;
use crate::region::Region;
use crate::ring::{Memory as _, padded};
use crate::words::Words as _;

/// The worker's handles, with no code of the worker's end.
pub(super) struct Raw {
    pub(super) region: Region,
    pub(super) socket: Socket,
    pub(super) tail: u64,
}

impl Raw {
    /// Puts bytes, filled up to where a frame may begin, and rings.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.region.write(self.tail, bytes);
        let len = padded(bytes.len()) as u64;
        self.tail += len;
        self.region.publish(len);
        let _ = self.socket.ring();
    }
}

pub(super) fn parts(mut shm: Shm) -> (Raw, Box<dyn Inlet>, Doorbell) {
    let mut prepared = shm.prepare(LinkWaker::noop()).unwrap();
    let socket = Socket::adopt(prepared.handles.pop().unwrap()).unwrap();
    let region = Region::adopt(&prepared.handles.pop().unwrap()).unwrap();
    (Raw { region, socket, tail: 0 }, prepared.inlet, prepared.doorbell)
}

/// A link whose worker writes what it likes.
pub(super) fn raw(shm: Shm) -> (Raw, Foreground) {
    let (raw, inlet, doorbell) = parts(shm);
    (raw, Foreground::new(inlet, doorbell))
}

/// A frame, filled up to where the next may begin.
pub(super) fn frame(head: Head, body: &[u8]) -> Vec<u8> {
    let mut frame = head.encode_prefixed(body.len(), &mut PrefixedHead::new()).to_vec();
    frame.extend_from_slice(body);
    frame.resize(padded(frame.len()), 0);
    frame
}

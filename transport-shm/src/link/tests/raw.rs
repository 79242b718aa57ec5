//! A worker that puts what it likes where it likes.

use homing_core::Inlet;
use homing_mux::frame::Header;
use homing_mux::testing::{self, Reader};
use homing_process::{Doorbell, LinkWaker, Prepared, ProcessTransport as _};

use super::super::region::Region;
use super::super::wake_socket::WakeSocket;
use crate::ring::control::ControlWords as _;
use crate::ring::{Memory as _, padded};
use crate::{Shm, ShmSink};

/// The worker's handles, with no code of the worker's end.
pub(super) struct Raw {
    pub(super) region: Region,
    pub(super) socket: WakeSocket,
    pub(super) tail: u64,
    pub(super) back: RawBack,
}

/// The worker's handles of the way back.
pub(super) struct RawBack {
    pub(super) region: Region,
    pub(super) socket: WakeSocket,
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

pub(super) fn parts(shm: Shm) -> (Raw, Box<dyn Inlet>, Doorbell) {
    let (raw, prepared) = prepared(shm);
    (raw, prepared.inlet, prepared.doorbell)
}

/// All of the foreground's side.
pub(super) fn prepared(mut shm: Shm) -> (Raw, Prepared) {
    let mut prepared = shm.prepare(LinkWaker::noop()).unwrap();
    let handles = std::mem::take(&mut prepared.handles);
    let [memory, socket, back_memory, back_socket] = <[_; 4]>::try_from(handles).unwrap();
    let back = RawBack {
        region: Region::adopt(&back_memory).unwrap(),
        socket: WakeSocket::adopt(back_socket).unwrap(),
    };
    let socket = WakeSocket::adopt(socket).unwrap();
    let region = Region::adopt(&memory).unwrap();
    (Raw { region, socket, tail: 0, back }, prepared)
}

/// A link whose worker writes what it likes.
pub(super) fn raw(shm: Shm) -> (Raw, Reader) {
    let (raw, inlet, doorbell) = parts(shm);
    (raw, Reader::watched(inlet, doorbell))
}

/// A frame, filled up to where the next may begin.
pub(super) fn frame(header: Header, body: &[u8]) -> Vec<u8> {
    testing::frame::<ShmSink>(header, body)
}

//! The writing side of a link.

use std::io::IoSlice;
use std::net::TcpStream;

use homing::transport::{Disconnected, FrameSink, Written};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};

/// Writes to a connection, and does not wait.
pub struct TcpSink(TcpStream);

impl TcpSink {
    /// Takes over the writing end of a connection, to which nothing was written.
    pub fn new(socket: TcpStream) -> Self {
        Self(socket)
    }

    /// Whether there is space; waits for it as long as `timeout` says.
    fn poll(&self, timeout: Option<&Timespec>) -> Result<bool, Disconnected> {
        // A write to a connection that the peer has closed succeeds once more. But it becomes
        // readable, which it never is otherwise: the reader writes nothing.
        let mut socket = [PollFd::new(&self.0, PollFlags::OUT | PollFlags::IN)];
        match poll(&mut socket, timeout) {
            Ok(_) => {}
            Err(Errno::INTR | Errno::AGAIN) => return Ok(false),
            Err(_) => return Err(Disconnected),
        }
        let [socket] = socket;
        if socket.revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            return Err(Disconnected);
        }
        Ok(socket.revents().contains(PollFlags::OUT))
    }
}

impl FrameSink for TcpSink {
    /// The system calls a connection writable when a third of its buffer is free, and then
    /// takes so much as a whole.
    fn max_atomic_body(&self) -> usize {
        8 * 1024
    }

    fn try_write(&self, first: &[u8], second: &[u8]) -> Result<Written, Disconnected> {
        if !self.poll(Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? {
            return Ok(Written::WouldBlock);
        }
        let slices = [IoSlice::new(first), IoSlice::new(second)];
        // Without NOSIGNAL a peer that is gone would kill this process.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match sendmsg(&self.0, &slices, &mut SendAncillaryBuffer::default(), flags) {
            Ok(0) | Err(Errno::AGAIN | Errno::INTR) => Ok(Written::WouldBlock),
            // The foreground is woken by the connection itself.
            Ok(len) if len == first.len() + second.len() => Ok(Written::Complete { notify: false }),
            Ok(len) => Ok(Written::Partial { len, notify: false }),
            Err(_) => Err(Disconnected),
        }
    }

    fn wait_writable(&self, _len: usize, _: &dyn Fn() -> bool) -> Result<(), Disconnected> {
        self.poll(None).map(drop)
    }
}

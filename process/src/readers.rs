//! The pumps that read bytes: of a descriptor, and of a source that blocks.

use std::fmt;
use std::io::{ErrorKind, Read};
#[cfg(unix)]
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

#[cfg(unix)]
use rustix::{fs::FileType, io::Errno};

use crate::byte_queue::{Capacity, Writer};
#[cfg(unix)]
use crate::pump::ReadyPump;
use crate::pump::{BlockingPump, PumpStatus};

/// The most that one read takes, unless another figure is chosen.
const READ_SIZE: usize = 64 * 1024;

/// How many reads one call of a pump makes at most, before others have their turn.
#[cfg(unix)]
const MAX_READS: usize = 4;

/// Moves what was read to the queue: the vector itself, or a copy where it is nearly empty.
fn hand_over(queue: &Writer, buffer: &mut Vec<u8>, read_size: usize) {
    if buffer.len() < read_size / 4 {
        queue.write(buffer);
    } else {
        queue.write_vec(std::mem::take(buffer));
    }
}

/// Reads a descriptor to a byte queue, on the thread that watches it: an OS pipe, a socket, a
/// terminal. Unix.
///
/// When the reading fails, the pump ends without having called [`Writer::end`], and the
/// queue's reader learns that the link is broken. What a terminal says that was unplugged, and
/// a connection that was reset, count as an end.
#[cfg(unix)]
pub struct DescriptorReader<F> {
    source: F,
    queue: Writer,
    read_size: usize,
    /// A read that was not filled has emptied the source, and what comes then makes another
    /// edge: so it is of pipes, and of no other kind that can be told from its status.
    short_read_is_all: bool,
    /// Once the worker is gone: how many bytes were left at that moment. What follows them is
    /// another process's, which inherited the worker's end.
    left: Option<u64>,
}

#[cfg(unix)]
impl<F: AsFd> DescriptorReader<F> {
    /// Takes over the source, and makes it non-blocking: also for every other descriptor of
    /// the same open file.
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be made non-blocking.
    pub fn new(source: F, queue: Writer) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(source.as_fd(), true)?;
        let mode = rustix::fs::fstat(source.as_fd())?.st_mode;
        let short_read_is_all = FileType::from_raw_mode(mode) == FileType::Fifo;
        Ok(Self { source, queue, read_size: READ_SIZE, short_read_is_all, left: None })
    }

    /// Sets how much one read takes at most, 64 KiB unless it is set, and at least one byte.
    /// By so much the queue may exceed its bound.
    #[must_use]
    pub fn with_read_size(self, bytes: usize) -> Self {
        Self { read_size: bytes.max(1), ..self }
    }

    /// How much the next read may take, which is nothing when all of the worker's bytes were
    /// read.
    fn next_read(&mut self, worker_gone: bool) -> usize {
        if worker_gone && self.short_read_is_all && self.left.is_none() {
            self.left = rustix::io::ioctl_fionread(&self.source).ok();
        }
        let left = self.left.and_then(|left| usize::try_from(left).ok());
        left.map_or(self.read_size, |left| left.min(self.read_size))
    }

    /// Reads at most so many bytes to the empty `buffer`.
    fn read(&self, buffer: &mut Vec<u8>, most: usize) -> rustix::io::Result<usize> {
        buffer.clear();
        if self.left.is_none() {
            buffer.reserve_exact(most);
            return rustix::io::read(&self.source, rustix::buffer::spare_capacity(buffer));
        }
        // A vector may have more capacity than it was asked for.
        buffer.resize(most, 0);
        let len = rustix::io::read(&self.source, buffer.as_mut_slice()).inspect_err(|_| {
            buffer.clear();
        })?;
        buffer.truncate(len);
        Ok(len)
    }

    fn end(&self) -> PumpStatus {
        self.queue.end();
        PumpStatus::Closed
    }
}

#[cfg(unix)]
impl<F: AsFd + Send> ReadyPump for DescriptorReader<F> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }

    fn pump(&mut self, worker_gone: bool) -> PumpStatus {
        let mut buffer = Vec::new();
        for _ in 0..MAX_READS {
            match self.queue.capacity() {
                Capacity::Available => {}
                Capacity::Full => return PumpStatus::Backpressured,
                Capacity::Closed => return PumpStatus::Closed,
            }
            let most = self.next_read(worker_gone);
            if most == 0 {
                return self.end();
            }
            match self.read(&mut buffer, most) {
                Ok(0) => return self.end(),
                Ok(len) => {
                    self.left = self.left.map(|left| left.saturating_sub(len as u64));
                    hand_over(&self.queue, &mut buffer, self.read_size);
                    if len < self.read_size && self.short_read_is_all && !worker_gone {
                        return PumpStatus::WouldBlock;
                    }
                }
                // Another process may hold the worker's end, but it is not the worker.
                Err(Errno::AGAIN) if worker_gone => return self.end(),
                Err(Errno::AGAIN) => return PumpStatus::WouldBlock,
                Err(Errno::INTR) => {}
                Err(Errno::IO | Errno::NXIO | Errno::NODEV | Errno::CONNRESET) => {
                    return self.end();
                }
                Err(_) => return PumpStatus::Closed,
            }
        }
        PumpStatus::Pending
    }
}

#[cfg(unix)]
impl<F> fmt::Debug for DescriptorReader<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DescriptorReader").field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// Reads a source that blocks to a byte queue, on a thread of its own: an OS pipe on Windows,
/// a serial port that a crate has opened.
///
/// Errors of the kinds `TimedOut`, `WouldBlock` and `Interrupted` are none: the source is read
/// again. After any other the pump ends without having called [`Writer::end`], and the queue's
/// reader learns that the link is broken.
pub struct BlockingReader<R> {
    source: R,
    queue: Writer,
    read_size: usize,
    buffer: Vec<u8>,
}

impl<R: Read> BlockingReader<R> {
    /// Takes over the source.
    pub fn new(source: R, queue: Writer) -> Self {
        Self { source, queue, read_size: READ_SIZE, buffer: Vec::new() }
    }

    /// Sets how much one read takes at most, 64 KiB unless it is set, and at least one byte.
    /// By so much the queue may exceed its bound.
    #[must_use]
    pub fn with_read_size(self, bytes: usize) -> Self {
        Self { read_size: bytes.max(1), ..self }
    }
}

impl<R: Read + Send> BlockingPump for BlockingReader<R> {
    fn pump(&mut self) -> PumpStatus {
        if self.queue.wait_capacity() != Capacity::Available {
            return PumpStatus::Closed;
        }
        self.buffer.resize(self.read_size, 0);
        match self.source.read(&mut self.buffer) {
            Ok(0) => {
                self.queue.end();
                PumpStatus::Closed
            }
            Ok(len) => {
                self.buffer.truncate(len);
                hand_over(&self.queue, &mut self.buffer, self.read_size);
                PumpStatus::Pending
            }
            Err(error) => match error.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted => {
                    PumpStatus::WouldBlock
                }
                _ => PumpStatus::Closed,
            },
        }
    }
}

impl<R> fmt::Debug for BlockingReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingReader").field("queue", &self.queue).finish_non_exhaustive()
    }
}

//! Bytes on their way from the interrupt handler of a UART to its line.

use core::fmt;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

#[cfg(feature = "task")]
use crate::tasks::FrameWakers;

/// What a UART's interrupt handler puts received bytes into, and a [`Line`](crate::Line) takes them
/// out of: a ring of `RING - 1` bytes, in a `static`.
///
/// ```
/// use homing_transport_serial::ReceiveBuffer;
///
/// static RECEIVED: ReceiveBuffer<256> = ReceiveBuffer::new();
///
/// // In the interrupt handler, with what the UART has received.
/// RECEIVED.receive(b"some bytes");
/// ```
///
/// Neither side masks interrupts. One context puts bytes in, and one takes them out; they may be on
/// different cores.
pub struct ReceiveBuffer<const RING: usize> {
    bytes: [AtomicU8; RING],
    /// Where the next byte is put. Only the interrupt handler changes it.
    tail: AtomicUsize,
    /// Where the next byte is taken. Only the line changes it.
    head: AtomicUsize,
    lost: AtomicU32,
    #[cfg(feature = "task")]
    wakers: FrameWakers,
}

impl<const RING: usize> ReceiveBuffer<RING> {
    /// Makes an empty buffer. `RING` is at least 64.
    pub const fn new() -> Self {
        const { assert!(RING >= 64, "a receive buffer has at least 64 bytes") };
        Self {
            bytes: [const { AtomicU8::new(0) }; RING],
            tail: AtomicUsize::new(0),
            head: AtomicUsize::new(0),
            lost: AtomicU32::new(0),
            #[cfg(feature = "task")]
            wakers: FrameWakers::new(),
        }
    }

    /// Takes bytes over that have come, and returns how many: those that have no room are dropped
    /// and [counted](ReceiveBuffer::lost), and the frame that they belong to is damaged.
    ///
    /// Calls must not overlap: they belong into one interrupt handler. Of calls that do the bytes
    /// are mixed up, which costs the frames that they belong to.
    pub fn receive(&self, bytes: &[u8]) -> usize {
        let taken = bytes.iter().take_while(|byte| self.push(**byte)).count();
        if taken < bytes.len() {
            let lost = self.lost.load(Ordering::Relaxed);
            let more = u32::try_from(bytes.len() - taken).unwrap_or(u32::MAX);
            self.lost.store(lost.saturating_add(more), Ordering::Relaxed);
        }
        #[cfg(feature = "task")]
        if bytes.contains(&crate::frame::DELIMITER) {
            self.wakers.wake();
        }
        taken
    }

    /// How many bytes had no room.
    pub fn lost(&self) -> u32 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Has the task of a pipe woken when a frame may have come. It looks afterwards.
    #[cfg(feature = "task")]
    pub(crate) fn wake_on_frame(&self, pipe: usize, waker: &core::task::Waker) {
        self.wakers.register(pipe, waker);
    }

    fn push(&self, byte: u8) -> bool {
        let tail = self.tail.load(Ordering::Relaxed);
        let next = Self::after(tail);
        // Acquire pairs with the Release of `pop`: the place was read before it is written.
        if next == self.head.load(Ordering::Acquire) {
            return false;
        }
        let Some(place) = self.bytes.get(tail) else { return false };
        place.store(byte, Ordering::Relaxed);
        // Release: who sees this sees the byte.
        self.tail.store(next, Ordering::Release);
        true
    }

    /// Takes the next byte. For the line.
    pub(crate) fn pop(&self) -> Option<u8> {
        let head = self.head.load(Ordering::Relaxed);
        if self.is_empty() {
            return None;
        }
        let byte = self.bytes.get(head)?.load(Ordering::Relaxed);
        self.head.store(Self::after(head), Ordering::Release);
        Some(byte)
    }

    /// Whether the line has taken everything: a look before a sleep.
    pub fn is_empty(&self) -> bool {
        // Acquire pairs with the Release of `push`.
        self.head.load(Ordering::Relaxed) == self.tail.load(Ordering::Acquire)
    }

    fn after(index: usize) -> usize {
        if index + 1 < RING { index + 1 } else { 0 }
    }
}

impl<const RING: usize> Default for ReceiveBuffer<RING> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const RING: usize> fmt::Debug for ReceiveBuffer<RING> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBuffer").field("lost", &self.lost()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_and_what_has_no_room_is_counted() {
        let buffer = ReceiveBuffer::<64>::new();
        for round in 0..10u8 {
            assert_eq!(buffer.receive(&[round; 70]), 63);
            assert!(!buffer.is_empty());
            for _ in 0..63 {
                assert_eq!(buffer.pop(), Some(round));
            }
            assert_eq!(buffer.pop(), None);
            assert!(buffer.is_empty());
        }
        assert_eq!(buffer.lost(), 70);
    }

    #[test]
    fn an_interrupt_handler_may_run_at_any_time() {
        let buffer = ReceiveBuffer::<64>::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..100_000u32 {
                    while buffer.receive(&[number as u8]) == 0 {
                        std::thread::yield_now();
                    }
                }
            });
            for number in 0..100_000u32 {
                let byte = loop {
                    match buffer.pop() {
                        Some(byte) => break byte,
                        None => std::thread::yield_now(),
                    }
                };
                assert_eq!(byte, number as u8);
            }
        });
    }
}

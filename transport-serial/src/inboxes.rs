//! What a line needs for its way back: nothing, or inboxes for its duplex pipes.

use core::fmt;

use homing_core::Told;

use crate::frame::{self, DELIMITER, Header, Segment};
use crate::inbox::{Entry, Inbox};
use crate::receive_buffer::ReceiveBuffer;
use sealed::Owed;

/// The way back of a [`Line`](crate::Line): [`OneWay`] or [`Inboxes`].
pub trait WayBack: sealed::Pipes {}

/// A line without a way back.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneWay;

impl WayBack for OneWay {}

impl sealed::Pipes for OneWay {
    fn pump(&mut self) {}

    fn told(&self, _: usize) -> Told {
        Told::NOTHING
    }

    fn owed(&self, _: usize, _: bool) -> Option<Owed> {
        None
    }

    fn settle(&mut self, _: usize) {}
}

/// The inboxes of a [`DuplexLine`](crate::DuplexLine): `PIPES` of them, of `BYTES` bytes each, and
/// the ring of `RING` bytes that they are filled from.
pub struct Inboxes<const RING: usize, const PIPES: usize, const BYTES: usize> {
    received: &'static ReceiveBuffer<RING>,
    /// What lies behind the last delimiter. A frame that is longer than the ring is noise.
    segment: [u8; RING],
    /// Bytes of the segment, also those that it has no room for.
    len: usize,
    pipes: [Option<Pipe<BYTES>>; PIPES],
}

struct Pipe<const BYTES: usize> {
    port: u32,
    inbox: Inbox<BYTES>,
}

/// What one `State` takes of the ring at most.
const STATE: usize = 40;

impl<const RING: usize, const PIPES: usize, const BYTES: usize> Inboxes<RING, PIPES, BYTES> {
    /// How many bytes of frames the foreground may send to one pipe before that has taken any: what
    /// fits both into its inbox and into its part of the ring.
    const WINDOW: u32 = {
        assert!(PIPES > 0 && BYTES >= 32, "there is an inbox, which has at least 32 bytes");
        let ring = RING.saturating_sub(STATE) / PIPES;
        let window = if ring < BYTES { ring } else { BYTES };
        if window > u16::MAX as usize { u16::MAX as u32 } else { window as u32 }
    };

    pub(crate) const fn new(received: &'static ReceiveBuffer<RING>) -> Self {
        // Looked at here, so that it is checked.
        let _ = Self::WINDOW;
        Self { received, segment: [0; RING], len: 0, pipes: [const { None }; PIPES] }
    }

    /// Gives a port an inbox. `None` when all have a port.
    pub(crate) fn add(&mut self, port: u32) -> Option<usize> {
        let index = self.pipes.iter().position(Option::is_none)?;
        *self.pipes.get_mut(index)? = Some(Pipe { port, inbox: Inbox::new() });
        Some(index)
    }

    /// Takes what the receiver of a pipe is told next.
    pub(crate) fn take(&mut self, index: usize, buffer: &mut [u8; BYTES]) -> Option<Entry> {
        self.inbox_mut(index)?.take(buffer)
    }

    /// Has the task of a pipe woken when something comes. It looks afterwards.
    #[cfg(feature = "task")]
    pub(crate) fn wake_on_frame(&self, index: usize, waker: &core::task::Waker) {
        self.received.wake_on_frame(index, waker);
    }

    /// The run of the foreground in which the receiver of a pipe is.
    pub(crate) fn entered(&self, index: usize) -> Option<u32> {
        self.inbox(index)?.entered()
    }

    fn inbox(&self, index: usize) -> Option<&Inbox<BYTES>> {
        Some(&self.pipes.get(index)?.as_ref()?.inbox)
    }

    fn inbox_mut(&mut self, index: usize) -> Option<&mut Inbox<BYTES>> {
        Some(&mut self.pipes.get_mut(index)?.as_mut()?.inbox)
    }

    /// The segment has ended.
    fn end_segment(&mut self) {
        let len = core::mem::take(&mut self.len);
        let Some(segment) = self.segment.get_mut(..len) else { return };
        let Segment::Frame(header, body) = frame::decode(segment) else { return };
        let (Header::Command { port, .. } | Header::State { port, .. }) = header else { return };
        let pipe = self.pipes.iter_mut().flatten().find(|pipe| pipe.port == port);
        let Some(Pipe { inbox, .. }) = pipe else { return };
        match header {
            Header::State { run, first, number, told, .. } => {
                inbox.on_state(run, first, number, told);
            }
            Header::Command { run, number, .. } => {
                inbox.on_command(run, number, segment.get(body).unwrap_or(&[]));
            }
            _ => {}
        }
    }
}

impl<const RING: usize, const PIPES: usize, const BYTES: usize> WayBack
    for Inboxes<RING, PIPES, BYTES>
{
}

impl<const RING: usize, const PIPES: usize, const BYTES: usize> sealed::Pipes
    for Inboxes<RING, PIPES, BYTES>
{
    /// Takes what the ring holds, and no more than that, however fast more comes.
    fn pump(&mut self) {
        for _ in 0..RING {
            match self.received.pop() {
                None => return,
                Some(DELIMITER) => self.end_segment(),
                Some(byte) => {
                    if let Some(place) = self.segment.get_mut(self.len) {
                        *place = byte;
                    }
                    // One more than there is room for: it is noise.
                    self.len = self.len.saturating_add(1).min(RING + 1);
                }
            }
        }
    }

    fn told(&self, index: usize) -> Told {
        self.inbox(index).map_or(Told::NOTHING, Inbox::told)
    }

    fn owed(&self, index: usize, at_once: bool) -> Option<Owed> {
        let Pipe { port, inbox } = self.pipes.get(index)?.as_ref()?;
        inbox.owed(*port, Self::WINDOW, at_once)
    }

    fn settle(&mut self, index: usize) {
        if let Some(inbox) = self.inbox_mut(index) {
            inbox.settle();
        }
    }
}

impl<const RING: usize, const PIPES: usize, const BYTES: usize> fmt::Debug
    for Inboxes<RING, PIPES, BYTES>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inboxes").field("received", &self.received).finish_non_exhaustive()
    }
}

/// What a line does with its way back.
#[allow(unreachable_pub, reason = "the bound of a public trait")]
pub(crate) mod sealed {
    use homing_core::Told;

    pub trait Pipes {
        /// Looks at what has come.
        fn pump(&mut self);
        /// What a pipe was told.
        fn told(&self, index: usize) -> Told;
        /// What the foreground is to be told of a pipe, if it is.
        fn owed(&self, index: usize, at_once: bool) -> Option<Owed>;
        /// The foreground was told.
        fn settle(&mut self, index: usize);
    }

    /// What the foreground is to be told of one pipe: see `Header::Taken`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Owed {
        pub port: u32,
        pub of: u32,
        pub number: u64,
        pub told: u8,
        pub window: u32,
    }
}

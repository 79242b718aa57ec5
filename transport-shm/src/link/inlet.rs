//! The reading end of a link's direction: the foreground's, and on the way back the worker's.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use homing_core::{Arrival, Inlet, LinkEnd, Notifier, ProtocolError};

use homing_mux::frame::{self, Header, MAX_HEADER, MAX_PREFIX};
use homing_mux::{MuxConfig, Reassembler};

use super::direction::Direction;
use super::header_cache::HeaderCache;
use super::listener::Listener;
use super::region::Region;
use super::spin::{Expected, SpinPolicy};
use super::wake_socket::WakeReceiver;
use crate::ring::control::ControlWords as _;
use crate::ring::{Consumer, Poll, padded};

/// What an idle link keeps to copy to.
const IDLE_BUFFER: usize = 8 * 1024;

/// The most that is copied out of the ring at once, but for a longer frame.
const MAX_COPY: usize = 32 * 1024;

/// What is copied first where a fragment of a large message comes next, as likely as not: enough
/// for its header.
const HEADER_PEEK: usize = 64;

/// How often it copies for one frame: its header, and then the rest.
const MAX_COPIES_PER_POLL: usize = 2;

/// The reading end of a link's direction.
///
/// The inlet copies a run of frames at once out of the shared memory, and reads them where no other
/// process can write. Each [`poll`](Inlet::poll) takes one frame, and copies at most one run.
///
/// Until a `poll` has returned `None`, the worker takes the foreground for awake and does
/// not ring. So a caller that polls goes on until then, however much later.
///
/// When it is dropped, senders are told that this side is gone, and the foreground's closes the way
/// back as well.
pub struct ShmInlet {
    region: Arc<Region>,
    wakes: Arc<WakeReceiver>,
    ring: Consumer,
    /// What was copied last, and what of it is still to be read.
    run: Vec<u8>,
    rest: Range<usize>,
    /// What is longer than `rest` and begins it, if that is known.
    wanted: usize,
    /// The last frame was a fragment of a large message.
    large: bool,
    /// How much was copied since it last looked whether to spin.
    copied: usize,
    spin: SpinPolicy,
    /// The worker's end is gone, and the last look at the ring has been taken.
    over: Option<LinkEnd>,
    reassembler: Reassembler,
    header_cache: HeaderCache,
    other: OtherDirection,
    notifier: Option<Arc<dyn Notifier>>,
}

/// What an inlet has to do with the link's other direction.
pub(crate) enum OtherDirection {
    /// It is the foreground's, and closes the way back.
    Back(Direction),
    /// It is the worker's, whose threads listen here. They arm the bell, not the inlet.
    There(Arc<Listener>),
}

impl ShmInlet {
    pub(crate) fn new(
        region: Arc<Region>,
        wakes: Arc<WakeReceiver>,
        config: &MuxConfig,
        coalesce: bool,
        other: OtherDirection,
    ) -> Self {
        Self {
            region,
            wakes,
            ring: Consumer::new(),
            run: Vec::new(),
            rest: 0..0,
            wanted: 0,
            large: false,
            copied: 0,
            spin: SpinPolicy::new(coalesce),
            over: None,
            reassembler: config.reassembler(),
            header_cache: HeaderCache::new(config.limit),
            other,
            notifier: None,
        }
    }

    /// Gives the foreground's inlet what tells the worker something.
    pub(crate) fn with_notifier(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifier = Some(notifier);
        self
    }

    /// Finds the next frame in what was copied: where it is, without its length prefix.
    #[inline]
    fn find(&mut self) -> Result<Option<Range<usize>>, ProtocolError> {
        let rest = self.run.get(self.rest.clone()).unwrap_or(&[]);
        let (prefix, len) = match rest.first() {
            Some(len @ ..0x80) => (1, 1 + usize::from(*len)),
            _ => match frame::measure(rest)? {
                Some(len) => (rest.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1, len),
                None => (0, usize::MAX),
            },
        };
        if len > rest.len() {
            self.wanted = if len == usize::MAX { 0 } else { len };
            return Ok(None);
        }
        let start = self.rest.start;
        // What was copied ends where a frame may begin, so this is not past its end.
        self.rest.start += padded(len).min(rest.len());
        Ok(Some(start + prefix..start + len))
    }

    /// Copies what comes next behind what is left, if there is anything.
    fn refill(&mut self) -> Result<bool, LinkEnd> {
        if self.ring.available() == 0 && !self.look()? {
            return Ok(false);
        }
        let left = self.rest.len();
        if self.rest.start > 0 {
            self.run.copy_within(self.rest.clone(), 0);
        }
        let large = std::mem::take(&mut self.large) || self.wanted > IDLE_BUFFER;
        let end = if large && left < MAX_PREFIX + MAX_HEADER {
            left + HEADER_PEEK
        } else {
            (left + self.ring.available()).clamp(IDLE_BUFFER, MAX_COPY).max(padded(self.wanted))
        };
        if end > self.run.len() {
            self.run.reserve_exact(end - self.run.len());
            self.run.resize(end, 0);
        }
        let into = self.run.get_mut(left..end).unwrap_or(&mut []);
        let (taken, wake) = self.ring.take(&*self.region, into);
        self.rest = 0..left + taken;
        self.copied += taken;
        self.wakes.note_data();
        if wake {
            self.wakes.notify_writer();
        }
        Ok(true)
    }

    /// Whether a fragment of a large message comes next, of which the header was copied, and the
    /// rest is all in the ring. `find` has just found that not all was copied.
    fn fragment(&self) -> Option<FragmentOnRing> {
        let rest = self.run.get(self.rest.clone())?;
        let on_ring = padded(self.wanted).checked_sub(rest.len())?;
        if self.wanted < IDLE_BUFFER
            || rest.len() < MAX_PREFIX + MAX_HEADER
            || self.ring.available() < on_ring
        {
            return None;
        }
        let prefix = rest.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
        let (header, begin) = frame::parse(rest.get(prefix..)?).ok()?;
        let body = self.wanted.checked_sub(rest.len() - begin.len())?;
        let header = matches!(header, Header::FirstFragment { .. } | Header::Fragment { .. })
            .then_some(header)?;
        Some(FragmentOnRing {
            header,
            body,
            begin: self.rest.end - begin.len()..self.rest.end,
            on_ring,
        })
    }

    /// Copies such a fragment from the ring to where the message is put together.
    fn take_fragment(&mut self, fragment: FragmentOnRing) -> Result<Arrival<'_>, ProtocolError> {
        let begin = self.run.get(fragment.begin).unwrap_or(&[]);
        let arrival = self.reassembler.push_fragment(fragment.header, fragment.body, |place| {
            // The rest of a body is not shorter than its beginning, see `fragment`.
            if let Some((first, second)) = place.split_at_mut_checked(begin.len()) {
                first.copy_from_slice(begin);
                self.ring.read(&*self.region, second);
            }
        })?;
        if self.ring.release(&*self.region, fragment.on_ring) {
            self.wakes.notify_writer();
        }
        self.rest = 0..0;
        self.copied += fragment.body;
        self.large = true;
        self.spin.note_fragment();
        Ok(arrival)
    }

    /// Looks whether the worker has put anything, when all that was seen is taken.
    #[cold]
    fn look(&mut self) -> Result<bool, LinkEnd> {
        if let Some(end) = &self.over {
            return Err(self.reassembler.link_end(end.clone()));
        }
        // Before the look: what a worker has put before its end is found by it.
        if let OtherDirection::There(listener) = &self.other {
            listener.look_for_end();
        }
        if let Some(end) = self.wakes.end() {
            // Some other process may hold the region and go on. It is no worker's.
            self.over = Some(end.clone());
            return match self.ring.peek(&*self.region)? {
                true => Ok(true),
                false => Err(self.reassembler.link_end(end)),
            };
        }
        if self.spin_before_sleep()? {
            return Ok(true);
        }
        let found = match &self.other {
            OtherDirection::Back(_) => self.ring.poll(&*self.region)? == Poll::Ready,
            OtherDirection::There(listener) => {
                let found = self.ring.peek(&*self.region)?;
                if !found {
                    listener.note_drained(self.ring.tail());
                }
                found
            }
        };
        if !found {
            self.spin.note_sleep();
            self.shrink();
        }
        Ok(found)
    }

    /// Looks a few times more before it goes to sleep, where traffic is dense and something has
    /// come since it last did.
    fn spin_before_sleep(&mut self) -> Result<bool, ProtocolError> {
        let expected = match std::mem::take(&mut self.copied) {
            0 => return Ok(false),
            _ if self.reassembler.has_partial() => Expected::Fragment,
            copied if copied < MAX_COPY => Expected::Coalescing,
            _ => Expected::Streaming,
        };
        self.spin.spin_before_sleep(expected, || {
            self.ring.peek(&*self.region).map(|_| self.ring.available())
        })
    }

    /// An idle link holds little memory.
    fn shrink(&mut self) {
        if self.run.capacity() > IDLE_BUFFER && self.rest.is_empty() {
            self.run = Vec::new();
            self.rest = 0..0;
        }
        self.reassembler.shrink();
    }
}

/// A fragment of a large message that is still on the ring.
struct FragmentOnRing {
    header: Header,
    /// The length of its body.
    body: usize,
    /// Where the beginning of its body was copied to.
    begin: Range<usize>,
    /// How much of the ring the rest of the frame takes.
    on_ring: usize,
}

impl Inlet for ShmInlet {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        let mut found = self.find()?;
        for _ in 0..MAX_COPIES_PER_POLL {
            if found.is_some() {
                break;
            }
            if let Some(fragment) = self.fragment() {
                return Ok(Some(self.take_fragment(fragment)?));
            }
            if !self.refill()? {
                return Ok(None);
            }
            found = self.find()?;
        }
        // A worker that publishes a frame bit by bit makes each of them a turn of its own.
        let Some(place) = found else { return Ok(Some(Arrival::Partial)) };
        self.spin.note_frame();
        if let Some((connection, body)) = self.header_cache.find(&self.run, &place) {
            let payload = self.reassembler.payload(self.run.get(body).unwrap_or(&[]));
            return Ok(Some(Arrival::Message { connection, payload }));
        }
        let arrival = self.reassembler.push_frame(self.run.get(place).unwrap_or(&[]))?;
        if let Arrival::Message { connection, .. } = arrival {
            self.header_cache.set(connection);
        }
        Ok(Some(arrival))
    }

    fn notifier(&self) -> Option<Arc<dyn Notifier>> {
        self.notifier.clone()
    }
}

impl Drop for ShmInlet {
    fn drop(&mut self) {
        // The memory and the socket are still the original's, which goes on.
        if self.wakes.is_forked_copy() {
            return;
        }
        // In this order: a sender that is woken by the second finds the first.
        self.region.close();
        self.wakes.close();
        if let OtherDirection::Back(back) = &self.other {
            back.region.close();
            back.socket.close();
        }
    }
}

impl fmt::Debug for ShmInlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShmInlet").finish_non_exhaustive()
    }
}

//! The foreground's end of a link.

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use homing_core::frame::{self, Head, MAX_HEAD, MAX_PREFIX};
use homing_core::{Arrival, Inlet, LinkEnd, Payload, ProtocolError, Reassembler};

use crate::bell::Bell;
use crate::region::Region;
use crate::ring::{Consumer, Look, padded};
use crate::usual::Usual;
use crate::words::Words as _;

/// What an idle link keeps to copy to.
const SMALL: usize = 8 * 1024;

/// The most that is copied out of the ring at once, but for a longer frame.
const RUN: usize = 32 * 1024;

/// What is copied first where a part of a large message comes next, as likely as not: enough
/// for its head.
const GLANCE: usize = 64;

/// How often it copies for one frame: its head, and then the rest.
const COPIES: usize = 2;

/// The pauses between the looks that it takes before it goes to sleep.
const LINGER: [u32; 3] = [16, 32, 64];

/// The pauses before the first of these looks, at least and at most: from half a microsecond,
/// up to some ten where messages come so densely that a look costs the worker more.
const GATHER: RangeInclusive<u32> = 16..=1024;

/// How often it looks for the next part of a large message, and the pauses in between: some
/// ten microseconds in all, in which a worker puts a part or two.
const PART_LOOKS: u32 = 64;
const PART_PAUSES: u32 = 32;

/// The foreground's end of a link.
///
/// It copies a run of frames at once out of the shared memory, and reads them where nobody
/// else can write. Each [`poll`](Inlet::poll) takes one frame, and copies at most one run.
///
/// Until a `poll` has returned `None`, the worker takes the foreground for awake and does
/// not ring. So whoever polls goes on until then, however much later.
///
/// When it is dropped, senders are told that the foreground is gone.
pub struct ShmInlet {
    region: Arc<Region>,
    bell: Arc<Bell>,
    ring: Consumer,
    /// What was copied last, and what of it is still to be read.
    run: Vec<u8>,
    rest: Range<usize>,
    /// What is longer than `rest` and begins it, if that is known.
    wanted: usize,
    /// The last frame was a part of a large message.
    large: bool,
    /// How much was copied since it last lingered.
    copied: usize,
    /// The pauses before the next look.
    gather: u32,
    /// The worker's end is gone, and the last look at the ring has been taken.
    over: Option<LinkEnd>,
    reassembler: Reassembler,
    usual: Usual,
}

impl ShmInlet {
    pub(crate) fn new(region: Arc<Region>, bell: Arc<Bell>, limit: usize) -> Self {
        Self {
            region,
            bell,
            ring: Consumer::new(),
            run: Vec::new(),
            rest: 0..0,
            wanted: 0,
            large: false,
            copied: 0,
            gather: *GATHER.start(),
            over: None,
            reassembler: Reassembler::new(limit),
            usual: Usual::new(limit),
        }
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
        let large = std::mem::take(&mut self.large) || self.wanted > SMALL;
        let end = if large && left < MAX_PREFIX + MAX_HEAD {
            left + GLANCE
        } else {
            (left + self.ring.available()).clamp(SMALL, RUN).max(padded(self.wanted))
        };
        if end > self.run.len() {
            self.run.resize(end, 0);
        }
        let into = self.run.get_mut(left..end).unwrap_or(&mut []);
        let (taken, wake) = self.ring.take(&*self.region, into);
        self.rest = 0..left + taken;
        self.copied += taken;
        if wake {
            self.bell.made_room();
        }
        Ok(true)
    }

    /// Whether a part of a large message comes next, of which the head was copied, and the
    /// rest is all in the ring. `find` has just found that not all was copied.
    fn part(&self) -> Option<Part> {
        let rest = self.run.get(self.rest.clone())?;
        let on_ring = padded(self.wanted).checked_sub(rest.len())?;
        if self.wanted < SMALL
            || rest.len() < MAX_PREFIX + MAX_HEAD
            || self.ring.available() < on_ring
        {
            return None;
        }
        let prefix = rest.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
        let (head, begin) = frame::parse(rest.get(prefix..)?).ok()?;
        let body = self.wanted.checked_sub(rest.len() - begin.len())?;
        let head = matches!(head, Head::First { .. } | Head::Part { .. }).then_some(head)?;
        Some(Part { head, body, begin: self.rest.end - begin.len()..self.rest.end, on_ring })
    }

    /// Copies such a part from the ring to where the message is put together.
    fn take_part(&mut self, part: Part) -> Result<Arrival<'_>, ProtocolError> {
        let begin = self.run.get(part.begin).unwrap_or(&[]);
        let arrival = self.reassembler.accept_part(part.head, part.body, |place| {
            // The rest of a body is not shorter than its beginning, see `part`.
            if let Some((first, second)) = place.split_at_mut_checked(begin.len()) {
                first.copy_from_slice(begin);
                self.ring.read(&*self.region, second);
            }
        })?;
        if self.ring.give_back(&*self.region, part.on_ring) {
            self.bell.made_room();
        }
        self.rest = 0..0;
        self.copied += part.body;
        self.large = true;
        Ok(arrival)
    }

    /// Looks whether the worker has put anything, when all that was seen is taken.
    #[cold]
    fn look(&mut self) -> Result<bool, LinkEnd> {
        if let Some(end) = self.over {
            return Err(end);
        }
        // Before the look: what a worker has put before its end is found by it.
        if let Some(end) = self.bell.end() {
            // Some other process may hold the region and go on. It is no worker's.
            self.over = Some(end);
            return if self.ring.peek(&*self.region)? { Ok(true) } else { Err(end) };
        }
        if self.linger()? {
            return Ok(true);
        }
        if self.ring.look(&*self.region)? == Look::Empty {
            self.shrink();
            return Ok(false);
        }
        Ok(true)
    }

    /// Looks a few times more before it goes to sleep, for some microseconds in all, when
    /// something has come since it last did: to ring, and to be woken, costs more.
    ///
    /// It lets messages gather before it looks, as each look takes the line with the index
    /// away from a worker that is about to put more; and the longer, the denser they come.
    /// Where much has come at once, it is the copying that takes time, not the line.
    fn linger(&mut self) -> Result<bool, ProtocolError> {
        let copied = std::mem::take(&mut self.copied);
        if copied == 0 {
            return Ok(false);
        }
        if self.reassembler.is_partial() {
            return self.linger_for_part();
        }
        if copied < RUN {
            pause(self.gather);
        }
        for pauses in LINGER {
            if self.ring.peek(&*self.region)? {
                self.adapt(self.ring.available());
                return Ok(true);
            }
            pause(pauses);
        }
        self.adapt(0);
        Ok(false)
    }

    /// The worker puts the rest of a large message: that takes it some time, and to be woken
    /// for each part would take longer.
    fn linger_for_part(&mut self) -> Result<bool, ProtocolError> {
        for _ in 0..PART_LOOKS {
            if self.ring.peek(&*self.region)? {
                return Ok(true);
            }
            pause(PART_PAUSES);
        }
        Ok(false)
    }

    /// Chooses how long to let messages gather, by how densely they came the last time: longer
    /// from a byte a pause, which is some millions of messages a second, and less long from a
    /// quarter of that.
    fn adapt(&mut self, gathered: usize) {
        let pauses = self.gather as usize;
        if gathered >= pauses {
            self.gather = (self.gather * 2).min(*GATHER.end());
        } else if gathered < pauses / 4 {
            self.gather = (self.gather / 2).max(*GATHER.start());
        }
    }

    /// An idle link holds little memory.
    fn shrink(&mut self) {
        if self.run.capacity() > SMALL && self.rest.is_empty() {
            self.run = Vec::new();
            self.rest = 0..0;
        }
        self.reassembler.shrink();
    }
}

/// A part of a large message that is still on the ring.
struct Part {
    head: Head,
    /// The length of its body.
    body: usize,
    /// Where the beginning of its body was copied to.
    begin: Range<usize>,
    /// How much of the ring the rest of the frame takes.
    on_ring: usize,
}

/// Does nothing for a while, without reason the processor.
fn pause(times: u32) {
    for _ in 0..times {
        std::hint::spin_loop();
    }
}

impl Inlet for ShmInlet {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        let mut found = self.find()?;
        for _ in 0..COPIES {
            if found.is_some() {
                break;
            }
            if let Some(part) = self.part() {
                return Ok(Some(self.take_part(part)?));
            }
            if !self.refill()? {
                return Ok(None);
            }
            found = self.find()?;
        }
        // Whoever puts a frame in bits makes each of them a turn of its own.
        let Some(place) = found else { return Ok(Some(Arrival::Partial)) };
        if let Some((connection, body)) = self.usual.find(&self.run, &place) {
            let payload = Payload::Bytes(self.run.get(body).unwrap_or(&[]));
            return Ok(Some(Arrival::Message { connection, payload }));
        }
        let arrival = self.reassembler.accept(self.run.get(place).unwrap_or(&[]))?;
        if let Arrival::Message { connection, .. } = arrival {
            self.usual.set(connection);
        }
        Ok(Some(arrival))
    }
}

impl Drop for ShmInlet {
    fn drop(&mut self) {
        // In this order: whoever is woken by the second finds the first.
        self.region.let_go();
        self.bell.let_go();
    }
}

impl fmt::Debug for ShmInlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShmInlet").finish_non_exhaustive()
    }
}

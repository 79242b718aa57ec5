//! The foreground's end of a serial line.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use homing_core::{Arrival, ConnectionId, End, Inlet, LinkEnd, Payload};
use homing_process::byte_queue;

use crate::counts::Tally;
use crate::deframer::{Deframer, Found};
use crate::frame::Head;
use crate::heard::Heard;
use crate::runs::{Runs, Verdict};

/// The pipes of a link, by their ports, as the factory makes them and the inlet serves them.
pub(crate) type Ports = Rc<RefCell<Vec<Listener>>>;

/// The pipe of one port.
#[derive(Debug)]
pub(crate) struct Listener {
    connection: ConnectionId,
    runs: Runs,
    warned: bool,
}

impl Listener {
    pub(crate) fn new(connection: ConnectionId) -> Self {
        Self { connection, runs: Runs::default(), warned: false }
    }
}

/// The foreground's end of a serial line.
///
/// Each [`poll`](Inlet::poll) reads to the next delimiter at most. Noise costs its receivers
/// nothing: what is no frame is counted, and dropped.
///
/// When it is dropped, whoever reads the line stops. A thread does so when something comes, or
/// when its reader returns.
pub struct SerialInlet {
    bytes: byte_queue::Reader,
    /// What was read, and how far it was looked at.
    piece: Vec<u8>,
    at: usize,
    deframer: Deframer,
    ports: Ports,
    tally: Tally,
    /// What is left to be told of the last frame.
    news: Option<News>,
    /// A payload that is no message of the chip's.
    notice: [u8; NOTICE],
}

/// The longest encoding of a gap.
const NOTICE: usize = 1 + 10;

/// What a message begins with on its way to its receiver: the tag of [`Heard::Message`].
const MESSAGE: u8 = 0;

/// What a frame tells a receiver, in this order.
struct News {
    connection: ConnectionId,
    restarted: bool,
    /// Messages that are missing: for the router to count, then for the receiver.
    count: u64,
    gap: u64,
    last: Option<Last>,
}

enum Last {
    Message(Range<usize>),
    Stopped(End),
}

impl SerialInlet {
    pub(crate) fn new(bytes: byte_queue::Reader, limit: usize, ports: Ports, tally: Tally) -> Self {
        Self {
            bytes,
            piece: Vec::new(),
            at: 0,
            deframer: Deframer::new(limit),
            ports,
            tally,
            news: None,
            notice: [0; NOTICE],
        }
    }

    /// Finds out what a frame tells, and whom.
    fn hear(&mut self, head: Head, message: Range<usize>) -> Option<News> {
        let (Head::Start { port, run }
        | Head::Message { port, run, .. }
        | Head::Stop { port, run, .. }) = head;
        let mut ports = self.ports.borrow_mut();
        let listener = usize::try_from(port).ok().and_then(|port| ports.get_mut(port));
        let Some(listener) = listener else {
            self.tally.add(|counts| counts.unknown += 1);
            return None;
        };
        let (verdict, last) = match head {
            Head::Start { .. } => {
                if listener.runs.has_begun(run) && !std::mem::replace(&mut listener.warned, true) {
                    log::warn!(
                        "port {port} starts again in run {run}: either the line makes copies, \
                         or the chip was reset and its new run has the number of an old one"
                    );
                }
                (listener.runs.start(run), None)
            }
            Head::Message { number, .. } => {
                (listener.runs.message(run, number), Some(Last::Message(message)))
            }
            Head::Stop { number, reason, .. } => {
                (listener.runs.stop(run, number), Some(Last::Stopped(reason.end())))
            }
        };
        let Verdict::New { restarted, missed } = verdict else {
            self.tally.add(|counts| counts.late += 1);
            return None;
        };
        self.tally.add(|counts| {
            counts.heard += 1;
            counts.missed = counts.missed.saturating_add(missed);
            counts.restarts += u64::from(restarted);
        });
        let connection = listener.connection;
        Some(News { connection, restarted, count: missed, gap: missed, last })
    }

    /// Tells the next of what is left of a frame.
    fn tell(&mut self) -> Option<Arrival<'_>> {
        let news = self.news.as_mut()?;
        let connection = news.connection;
        if std::mem::take(&mut news.restarted) {
            return self.notice(connection, &Heard::Restarted);
        }
        match std::mem::take(&mut news.count) {
            0 => {}
            count => return Some(Arrival::Missed { connection, count }),
        }
        match std::mem::take(&mut news.gap) {
            0 => {}
            gap => return self.notice(connection, &Heard::Gap(gap)),
        }
        match self.news.take()?.last? {
            Last::Stopped(end) => Some(Arrival::Stopped { connection, end }),
            Last::Message(place) => {
                // A head is longer than the tag that takes its last byte's place.
                let start = place.start.checked_sub(1)?;
                let payload = self.deframer.bytes().get_mut(start..place.end)?;
                *payload.first_mut()? = MESSAGE;
                Some(Arrival::Message { connection, payload: Payload::Bytes(payload) })
            }
        }
    }

    fn notice(&mut self, connection: ConnectionId, notice: &Heard<()>) -> Option<Arrival<'_>> {
        let bytes = postcard::to_slice(notice, &mut self.notice).ok()?;
        Some(Arrival::Message { connection, payload: Payload::Bytes(bytes) })
    }
}

impl Inlet for SerialInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        if self.news.is_none() {
            if self.at >= self.piece.len() {
                self.at = 0;
                // An idle line holds no memory.
                self.piece = Vec::new();
                match self.bytes.read()? {
                    Some(piece) => self.piece = piece,
                    None => return Ok(None),
                }
                self.tally.add(|counts| counts.bytes += self.piece.len() as u64);
            }
            let (found, read) = self.deframer.read(self.piece.get(self.at..).unwrap_or(&[]));
            self.at += read;
            match found {
                None => {}
                Some(Found::Frame(head, message)) => self.news = self.hear(head, message),
                Some(Found::Strange) => self.tally.add(|counts| counts.unknown += 1),
                Some(Found::Noise(len)) => self.tally.add(|counts| {
                    counts.damaged += 1;
                    counts.noise += len;
                }),
            }
        }
        Ok(Some(self.tell().unwrap_or(Arrival::Partial)))
    }
}

impl fmt::Debug for SerialInlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialInlet").finish_non_exhaustive()
    }
}

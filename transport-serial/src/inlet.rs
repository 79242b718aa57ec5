//! The foreground's end of a serial line.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use homing_core::{
    Arrival, CloseKind, CloseReason, ConnectionId, DecodeLimits, End, Inlet, LinkEnd, MessageType,
    Notifier, Panic, Payload, ProtocolError, Text,
};
use homing_process::byte_queue;

use crate::command_queue::Chip;
use crate::deframer::{Deframer, Found};
use crate::downlink::SerialDownlink;
use crate::frame::{Header, message_type};
use crate::line_stats::LineStats;
use crate::received::Received;
use crate::sequence::{SequenceTracker, Verdict};
use crate::writer::WriterThread;

/// The pipes of a link, by their ports, as the factory makes them and the inlet serves them.
pub(crate) type Ports = Rc<RefCell<Vec<PortState>>>;

/// The pipe of one port.
#[derive(Debug)]
pub(crate) struct PortState {
    connection: ConnectionId,
    /// What its messages have to be.
    expected: MessageType<'static>,
    runs: SequenceTracker,
    warned: bool,
}

impl PortState {
    pub(crate) fn new(connection: ConnectionId, expected: MessageType<'static>) -> Self {
        Self { connection, expected, runs: SequenceTracker::default(), warned: false }
    }
}

/// The foreground's end of a serial line.
///
/// Each [`poll`](Inlet::poll) reads to the next delimiter at most. Noise costs its receivers
/// nothing: what is no frame is counted, and dropped.
///
/// When it is dropped, the reader of the line stops. A thread does so when something comes, or
/// when its reader returns.
pub struct SerialInlet {
    bytes: byte_queue::Reader,
    /// What was read, and how far it was looked at.
    piece: Vec<u8>,
    at: usize,
    deframer: Deframer,
    decode_limits: DecodeLimits,
    ports: Ports,
    /// Of a line with a way back.
    writer: Option<WriterThread>,
    stats: LineStats,
    /// What is left to be told of the last frame.
    pending: Option<PendingEvent>,
    /// A payload that is no message of the chip's.
    notice: [u8; NOTICE],
}

/// The longest encoding of a gap.
const NOTICE: usize = 1 + 10;

/// What a message begins with on its way to its receiver: the tag of [`Received::Message`].
const MESSAGE: u8 = 0;

/// What a frame tells a receiver, in this order.
struct PendingEvent {
    connection: ConnectionId,
    restarted: bool,
    /// Messages that are missing: for the router to count, then for the receiver.
    count: u64,
    gap: u64,
    last: Option<FinalEvent>,
}

enum FinalEvent {
    Message(Range<usize>),
    Answer(u32, Range<usize>),
    Stopped(End),
}

impl SerialInlet {
    pub(crate) fn new(
        bytes: byte_queue::Reader,
        limit: usize,
        decode_limits: DecodeLimits,
        ports: Ports,
        writer: Option<WriterThread>,
        stats: LineStats,
    ) -> Self {
        // A message is one level deeper in what its receiver is told, see `Received`.
        let depth = decode_limits.max_depth().saturating_add(1);
        Self {
            bytes,
            piece: Vec::new(),
            at: 0,
            deframer: Deframer::new(limit),
            decode_limits: decode_limits.depth(depth).for_link(limit),
            ports,
            writer,
            stats,
            pending: None,
            notice: [0; NOTICE],
        }
    }

    /// Finds out what a frame tells, and whom.
    fn accept_frame(&mut self, head: Header, message: Range<usize>) -> Option<PendingEvent> {
        let Some((port, run)) = head.port_and_run() else {
            // An echo of the foreground's own.
            self.stats.add(|counters| counters.unknown += 1);
            return None;
        };
        let mut ports = self.ports.borrow_mut();
        let port_state = usize::try_from(port).ok().and_then(|port| ports.get_mut(port));
        let Some(port_state) = port_state else {
            self.stats.add(|counters| counters.unknown += 1);
            return None;
        };
        let downlink = self.writer.as_ref().map(WriterThread::downlink);
        let (verdict, last) = match head {
            Header::Start { .. } => {
                if port_state.runs.has_begun(run)
                    && !std::mem::replace(&mut port_state.warned, true)
                {
                    log::warn!(
                        "port {port} starts again in run {run}: either the line makes copies, \
                         or the chip was reset and its new run has the number of an old one"
                    );
                }
                let body = self.deframer.bytes().get(message).unwrap_or(&[]);
                let found = message_type(body).unwrap_or_default();
                let verdict = port_state.runs.start(run);
                let mismatch = port_state.expected.admit(&found).err();
                if mismatch.is_some() && verdict != Verdict::Late {
                    port_state.runs.end();
                }
                let end = mismatch.map(|it| End::Refused(ProtocolError::TypeMismatch(it)));
                (verdict, end.map(FinalEvent::Stopped))
            }
            Header::Message { number, .. } => {
                (port_state.runs.message(run, number), Some(FinalEvent::Message(message)))
            }
            Header::Answer { number, of, question, .. } => {
                let verdict = port_state.runs.message(run, number);
                let is_asked = downlink.is_some_and(|downlink| downlink.run() == of);
                // One of an earlier foreground's questions only has a number.
                (verdict, is_asked.then_some(FinalEvent::Answer(question, message)))
            }
            Header::Taken { of, number, told, window, .. } => {
                let mut verdict = port_state.runs.notice(run);
                if verdict != Verdict::Late {
                    let chip = Chip { run, told, window };
                    let is_so = downlink.is_some_and(|downlink| {
                        downlink.run() == of && downlink.note_taken(port, number, chip)
                    });
                    if !is_so {
                        verdict = Verdict::Late;
                    }
                }
                (verdict, None)
            }
            Header::Command { .. } | Header::State { .. } => (Verdict::Late, None),
            Header::Stop { number, reason, .. } => {
                let texts = self.deframer.bytes().get(message).unwrap_or(&[]);
                let end = reason_with(reason, texts).end();
                (port_state.runs.stop(run, number), Some(FinalEvent::Stopped(end)))
            }
        };
        if let Some(downlink) = downlink
            && port_state.runs.is_current(run)
        {
            downlink.note_run(port, run);
        }
        let Verdict::New { restarted, missed } = verdict else {
            self.stats.add(|counters| counters.late += 1);
            return None;
        };
        self.stats.add(|counters| {
            counters.received += 1;
            counters.missed = counters.missed.saturating_add(missed);
            counters.restarts += u64::from(restarted);
        });
        let connection = port_state.connection;
        Some(PendingEvent { connection, restarted, count: missed, gap: missed, last })
    }

    /// Tells the next of what is left of a frame.
    fn next_arrival(&mut self) -> Option<Arrival<'_>> {
        let pending = self.pending.as_mut()?;
        let connection = pending.connection;
        if std::mem::take(&mut pending.restarted) {
            return self.notice(connection, &Received::Reset);
        }
        match std::mem::take(&mut pending.count) {
            0 => {}
            count => return Some(Arrival::Missed { connection, count }),
        }
        match std::mem::take(&mut pending.gap) {
            0 => {}
            gap => return self.notice(connection, &Received::Gap(gap)),
        }
        match self.pending.take()?.last? {
            FinalEvent::Stopped(end) => Some(Arrival::Stopped { connection, end }),
            FinalEvent::Answer(question, place) => {
                let bytes = self.deframer.bytes().get(place)?;
                let payload = Payload::Bytes { bytes, limits: &self.decode_limits };
                Some(Arrival::Answer { connection, question, payload })
            }
            FinalEvent::Message(place) => {
                // A head is longer than the tag that takes its last byte's place.
                let start = place.start.checked_sub(1)?;
                let bytes = self.deframer.bytes().get_mut(start..place.end)?;
                *bytes.first_mut()? = MESSAGE;
                let limits = &self.decode_limits;
                Some(Arrival::Message { connection, payload: Payload::Bytes { bytes, limits } })
            }
        }
    }

    fn notice(&mut self, connection: ConnectionId, notice: &Received<()>) -> Option<Arrival<'_>> {
        let bytes = postcard::to_slice(notice, &mut self.notice).ok()?;
        Some(Arrival::Message { connection, payload: Payload::bytes(bytes) })
    }
}

/// The reason of this kind, with the texts that came behind its header, if any did: the
/// message, and the location of a panic.
fn reason_with(kind: CloseKind, texts: &[u8]) -> CloseReason {
    // Firmware of another version may have put something else there: then there is no text.
    let (message, rest): (&str, _) = postcard::take_from_bytes(texts).unwrap_or(("", &[]));
    match CloseReason::from(kind) {
        CloseReason::Failed { .. } => CloseReason::Failed { message: Text::new(message) },
        CloseReason::Panicked(_) => {
            CloseReason::Panicked(Panic::new(message, postcard::from_bytes(rest).unwrap_or("")))
        }
        reason => reason,
    }
}

impl Inlet for SerialInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        if self.pending.is_none() {
            if self.at >= self.piece.len() {
                self.at = 0;
                // An idle line holds no memory.
                self.piece = Vec::new();
                match self.bytes.read()? {
                    Some(piece) => self.piece = piece,
                    None => {
                        self.deframer.shrink();
                        return Ok(None);
                    }
                }
                self.stats.add(|counters| counters.bytes += self.piece.len() as u64);
            }
            let (found, read) = self.deframer.read(self.piece.get(self.at..).unwrap_or(&[]));
            self.at += read;
            match found {
                None => {}
                Some(Found::Frame(head, message)) => {
                    self.pending = self.accept_frame(head, message)
                }
                Some(Found::UnknownFrame) => self.stats.add(|counters| counters.unknown += 1),
                Some(Found::Noise(len)) => self.stats.add(|counters| {
                    counters.damaged += 1;
                    counters.noise += len;
                }),
            }
        }
        Ok(Some(self.next_arrival().unwrap_or(Arrival::Partial)))
    }

    fn notifier(&self) -> Option<Arc<dyn Notifier>> {
        let downlink: SerialDownlink = self.writer.as_ref()?.downlink().clone();
        Some(Arc::new(downlink))
    }
}

impl fmt::Debug for SerialInlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialInlet").finish_non_exhaustive()
    }
}

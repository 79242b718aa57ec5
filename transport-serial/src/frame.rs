//! The frames of a serial line. `WIRE.md` is their normative description.
//!
//! Everything here is pure: bytes in, frames out. No byte of a peer's can make it panic.

use cobs::CobsEncoder;
use crc::{CRC_32_ISCSI, Crc, Digest, NoTable};
use homing_core::MessageType;
use homing_core::codec::{self, DecodeLimits, EncodeError};
use homing_core::{CloseKind, SendErrorKind};
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

/// What a frame begins and ends with, and holds nowhere else.
pub(crate) const DELIMITER: u8 = 0;

/// What follows a frame of which only the beginning may have been written. Whatever that was,
/// with this behind it it is no frame: it promises bytes that do not come.
pub(crate) const RESYNC: [u8; 2] = [0xff, DELIMITER];

/// The longest header: a tag, three numbers of 32 bits, one of 64, and what was told with 4 bytes of
/// a window, or a second one of 64.
const MAX_HEADER: usize = 1 + 5 + 5 + 5 + 10 + 1 + 5;

/// The longest header of a message: a tag, two numbers of 32 bits and one of 64, and one byte more.
const MAX_MESSAGE_HEADER: usize = 1 + 5 + 5 + 10 + 1;

/// The checksum.
const CHECK: usize = 4;

/// Without a table, which would be 1 KiB of a chip's flash. It takes some tens of
/// instructions a byte, and a serial line takes longer for one.
static SMALL: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISCSI);

/// What a frame is about, and for whom.
///
/// The tags that postcard gives to these are part of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Header {
    /// The sender of a port has started.
    Start { port: u32, run: u32 },
    /// A message follows. `number` counters the messages of this port in this run, from 0.
    Message { port: u32, run: u32, number: u64 },
    /// The sender of a port has ended, after so many messages. Why it failed may follow, as a
    /// short text.
    Stop { port: u32, run: u32, number: u64, reason: CloseKind },
    /// An answer follows. It has a number among the messages of its port. `of` is the run of the
    /// foreground whose question it answers.
    Answer { port: u32, run: u32, number: u64, of: u32, question: u32 },
    /// What the chip has of the way back of a port: all commands below `number` of the run `of` of
    /// the foreground were taken, or told as a gap; `told` is what it was told, as [`told`]
    /// encodes that; so many bytes of frames have room there.
    Taken { port: u32, run: u32, of: u32, number: u64, told: u8, window: u32 },
    /// A command follows. Here and in `State`, the run is the foreground's.
    Command { port: u32, run: u32, number: u64 },
    /// What the foreground knows of the way back of a port: so many commands were sent, of which
    /// those below `first` are taken; and what the port is told.
    State { port: u32, run: u32, first: u64, number: u64, told: u8 },
}

impl Header {
    /// The port and the chip's run. `None` for what chips do not send.
    #[cfg(feature = "std")]
    pub(crate) fn port_and_run(&self) -> Option<(u32, u32)> {
        match *self {
            Header::Start { port, run }
            | Header::Message { port, run, .. }
            | Header::Stop { port, run, .. }
            | Header::Answer { port, run, .. }
            | Header::Taken { port, run, .. } => Some((port, run)),
            Header::Command { .. } | Header::State { .. } => None,
        }
    }

    /// Whether a body may follow.
    fn has_body(&self) -> bool {
        !matches!(self, Header::Taken { .. } | Header::State { .. })
    }

    /// The most bytes that headers of this kind have.
    const fn max_len(&self) -> usize {
        match self {
            Header::Start { .. }
            | Header::Message { .. }
            | Header::Stop { .. }
            | Header::Command { .. } => MAX_MESSAGE_HEADER,
            Header::Answer { .. } | Header::Taken { .. } | Header::State { .. } => MAX_HEADER,
        }
    }
}

/// What a pipe is told, as bits.
pub(crate) mod told {
    use homing_core::Told;

    pub(crate) const CANCELLED: u8 = 1;
    pub(crate) const CLOSED: u8 = 2;
    pub(crate) const STOPPING: u8 = 4;

    /// What these bits say. Others are of a newer foreground.
    pub(crate) fn decode(bits: u8) -> Told {
        let mut told = Told::NOTHING;
        for (bit, says) in
            [(CANCELLED, Told::CANCELLED), (CLOSED, Told::CLOSED), (STOPPING, Told::STOPPING)]
        {
            if bits & bit != 0 {
                told = told.and(says);
            }
        }
        told
    }
}

/// The most bytes that a message may have so that its frame fits into `frame` bytes, whatever
/// its header is.
pub(crate) const fn max_message(frame: usize) -> usize {
    max_body(frame, MAX_MESSAGE_HEADER)
}

const fn max_body(frame: usize, header: usize) -> usize {
    let Some(encoded) = frame.checked_sub(2) else { return 0 };
    // One byte in each 255 is COBS's, and one at least.
    let overhead = header + CHECK + encoded.div_ceil(255);
    encoded.saturating_sub(overhead)
}

/// The longest segment between two delimiters that can be a frame with a message of so many
/// bytes.
#[cfg(feature = "std")]
pub(crate) const fn max_segment(message: usize) -> usize {
    let plain = message.saturating_add(MAX_HEADER + CHECK);
    plain.saturating_add(plain.div_ceil(254))
}

/// Encodes a frame into `buffer`, delimiters and all, with `message` behind its head.
///
/// # Errors
///
/// [`SendErrorKind::TooLarge`] when the message has more bytes than have room in this buffer whatever
/// the numbers in its header are, and [`SendErrorKind::Unencodable`], when it nests deeper than
/// [`DecodeLimits::DEFAULT_DEPTH`] among other reasons.
pub(crate) fn encode<'a, M: Serialize + ?Sized>(
    head: &Header,
    message: &M,
    buffer: &'a mut [u8],
) -> Result<&'a [u8], SendErrorKind> {
    let max = max_body(buffer.len(), head.max_len());
    let len;
    if let Some((first, rest)) = buffer.split_first_mut() {
        *first = DELIMITER;
        let mut encoder =
            Encoder { cobs: CobsEncoder::new(rest), digest: SMALL.digest(), len: 0, fits: true };
        // A head has no way to fail: all that it is made of is plain.
        let plain = codec::encode(head, &mut encoder, DecodeLimits::DEFAULT_DEPTH);
        encoder.len = 0;
        let encoded =
            plain.and_then(|()| codec::encode(message, &mut encoder, DecodeLimits::DEFAULT_DEPTH));
        if encoder.len > max || !encoder.fits {
            return Err(SendErrorKind::TooLarge { len: encoder.len, max });
        }
        encoded?;
        len = encoder.finish().ok_or(EncodeError::BufferFull)?;
        if let Some(last) = rest.get_mut(len) {
            *last = DELIMITER;
        }
    } else {
        return Err(SendErrorKind::TooLarge { len: 0, max });
    }
    Ok(buffer.get(..len + 2).unwrap_or(&[]))
}

/// Encodes a frame whose body is bytes already.
#[cfg(feature = "std")]
pub(crate) fn encode_bytes(header: &Header, body: &[u8]) -> Vec<u8> {
    let mut plain = [0; MAX_HEADER];
    // There is room for every header.
    let header = postcard::to_slice(header, &mut plain).map_or(&[][..], |header| header);
    let plain = [header, body].concat();
    let plain = [&plain[..], &checksum(&plain).to_le_bytes()].concat();
    let mut frame = vec![DELIMITER; cobs::max_encoding_length(plain.len()) + 2];
    let stuffed = frame.get_mut(1..).map_or(0, |place| cobs::encode(&plain, place));
    frame.truncate(stuffed + 2);
    frame
}

/// Stuffs and sums up what postcard writes. What has no room is counted.
struct Encoder<'a> {
    cobs: CobsEncoder<'a>,
    digest: Digest<'static, u32, NoTable>,
    /// Bytes of the message so far.
    len: usize,
    fits: bool,
}

impl Encoder<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.fits = self.fits && self.cobs.push(bytes).is_ok();
    }

    /// Puts the checksum, and says how long the stuffed bytes are, if they had room.
    fn finish(mut self) -> Option<usize> {
        let check = self.digest.finalize().to_le_bytes();
        self.cobs.push(&check).ok()?;
        Some(self.cobs.finalize())
    }
}

impl Flavor for &mut Encoder<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.len = self.len.saturating_add(bytes.len());
        self.put(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// What a segment between two delimiters is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// A frame. The message lies there in the bytes that were given; of other frames there is
    /// none.
    Frame(Header, core::ops::Range<usize>),
    /// A frame of some other version of the format, or with bytes that do not belong there.
    UnknownFrame,
    /// No frame.
    Damaged,
}

/// What the body of a Start says about the type of the messages: nothing, or a fingerprint and a
/// name. `None` when it is neither.
pub(crate) fn message_type(body: &[u8]) -> Option<MessageType<'_>> {
    if body.is_empty() {
        return Some(MessageType::UNCHECKED);
    }
    match postcard::take_from_bytes(body) {
        Ok(((fingerprint, name), [])) => Some(MessageType::new(fingerprint, name)),
        _ => None,
    }
}

/// Says what a segment between two delimiters is. Its bytes are decoded in their place.
pub(crate) fn decode(segment: &mut [u8]) -> Segment {
    let plain = unstuff(segment).and_then(|len| segment.get(..len));
    let Some((plain, check)) = plain.and_then(<[u8]>::split_last_chunk::<CHECK>) else {
        return Segment::Damaged;
    };
    if checksum(plain) != u32::from_le_bytes(*check) {
        return Segment::Damaged;
    }
    match postcard::take_from_bytes(plain) {
        Ok((head, body)) => match head {
            Header::Start { .. } if message_type(body).is_none() => Segment::UnknownFrame,
            _ if !head.has_body() && !body.is_empty() => Segment::UnknownFrame,
            _ => Segment::Frame(head, plain.len().saturating_sub(body.len())..plain.len()),
        },
        Err(_) => Segment::UnknownFrame,
    }
}

fn checksum(plain: &[u8]) -> u32 {
    #[cfg(feature = "std")]
    static FAST: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
    #[cfg(not(feature = "std"))]
    use SMALL as FAST;

    FAST.checksum(plain)
}

/// Undoes COBS in place, and returns how many bytes are left. `None` when the bytes are not stuffed
/// correctly. The crate `cobs` can panic here, as far as compilers see.
fn unstuff(segment: &mut [u8]) -> Option<usize> {
    let (mut from, mut to) = (0, 0);
    while let Some(&code) = segment.get(from) {
        from += 1;
        for _ in 1..code {
            let byte = *segment.get(from)?;
            if byte == DELIMITER {
                return None;
            }
            *segment.get_mut(to)? = byte;
            (from, to) = (from + 1, to + 1);
        }
        match code {
            DELIMITER => return None,
            u8::MAX => {}
            _ if from == segment.len() => {}
            _ => {
                *segment.get_mut(to)? = DELIMITER;
                to += 1;
            }
        }
    }
    Some(to)
}

#[cfg(test)]
#[cfg(feature = "std")]
mod tests;

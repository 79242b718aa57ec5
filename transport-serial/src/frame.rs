//! The frames of a serial line. `WIRE.md` is their normative description.
//!
//! Everything here is pure: bytes in, frames out. No byte of a peer's can make it panic.

use cobs::CobsEncoder;
use crc::{CRC_32_ISCSI, Crc, Digest, NoTable};
#[cfg(feature = "std")]
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

/// The longest head: a tag, two numbers of 32 bits and one of 64, and how the sender left.
const MAX_HEADER: usize = 1 + 5 + 5 + 10 + 1;

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
}

/// The most bytes that a message may have so that its frame fits into `frame` bytes, whatever
/// its head is.
pub(crate) const fn max_message(frame: usize) -> usize {
    let Some(encoded) = frame.checked_sub(2) else { return 0 };
    // One byte in each 255 is COBS's, and one at least.
    let overhead = MAX_HEADER + CHECK + encoded.div_ceil(255);
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
/// [`SendErrorKind::TooLarge`] when the message has more than [`max_message`] bytes for this buffer,
/// and [`SendErrorKind::Unencodable`], when it nests deeper than
/// [`DecodeLimits::DEFAULT_DEPTH`] among other reasons.
pub(crate) fn encode<'a, M: Serialize + ?Sized>(
    head: &Header,
    message: &M,
    buffer: &'a mut [u8],
) -> Result<&'a [u8], SendErrorKind> {
    let max = max_message(buffer.len());
    let len;
    if let Some((first, rest)) = buffer.split_first_mut() {
        *first = DELIMITER;
        let mut encoder =
            Encoder { cobs: CobsEncoder::new(rest), digest: SMALL.digest(), len: 0, fits: true };
        // A head has no way to fail: all that it is made of is plain.
        let plain = postcard::serialize_with_flavor(head, &mut encoder);
        encoder.len = 0;
        let encoded = plain
            .map_err(|_| EncodeError::Refused)
            .and_then(|()| codec::encode(message, &mut encoder, DecodeLimits::DEFAULT_DEPTH));
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
#[cfg(feature = "std")]
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
#[cfg(feature = "std")]
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
#[cfg(feature = "std")]
pub(crate) fn decode(segment: &mut [u8]) -> Segment {
    static FAST: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

    let plain = cobs::decode_in_place(segment).ok().and_then(|len| segment.get(..len));
    let Some((plain, check)) = plain.and_then(<[u8]>::split_last_chunk::<CHECK>) else {
        return Segment::Damaged;
    };
    if FAST.checksum(plain) != u32::from_le_bytes(*check) {
        return Segment::Damaged;
    }
    match postcard::take_from_bytes(plain) {
        Ok((head, body)) => match head {
            Header::Start { .. } if message_type(body).is_none() => Segment::UnknownFrame,
            _ => Segment::Frame(head, plain.len() - body.len()..plain.len()),
        },
        Err(_) => Segment::UnknownFrame,
    }
}

#[cfg(test)]
#[cfg(feature = "std")]
mod tests;

//! How the reason of a sender's end stands in a Stop frame. The one place that knows it.

use homing_core::{CloseReason, ProtocolError};

/// The tag of a reason, and the text that goes with it: the body of the Stop frame, at most
/// `max` bytes.
pub(crate) fn encode(reason: &CloseReason, max: usize) -> (u8, Vec<u8>) {
    let tag = match reason {
        CloseReason::Stopped => 0,
        CloseReason::Panicked => 1,
        CloseReason::Abandoned => 2,
    };
    let _ = max;
    (tag, Vec::new())
}

/// The reason that a peer wrote. No reason of today has a text, so a text is ignored.
pub(crate) fn decode(tag: u8, text: &[u8]) -> Result<CloseReason, ProtocolError> {
    if std::str::from_utf8(text).is_err() {
        return Err(ProtocolError::Malformed);
    }
    match tag {
        0 => Ok(CloseReason::Stopped),
        1 => Ok(CloseReason::Panicked),
        2 => Ok(CloseReason::Abandoned),
        _ => Err(ProtocolError::Malformed),
    }
}

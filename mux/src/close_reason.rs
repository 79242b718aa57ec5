//! How the reason of a sender's end stands in a Stop frame. The one place that knows it.

use homing_core::{CloseReason, Panic, ProtocolError, Text};

const STOPPED: u8 = 0;
const PANICKED: u8 = 1;
const ABANDONED: u8 = 2;
const DROPPED: u8 = 3;
const FAILED: u8 = 4;

/// The tag of a reason, and the text that goes with it: the body of the Stop frame, at most
/// `max` bytes. A longer text is cut, and says so.
///
/// The text of a failure is its message; that of a panic is the place, a line feed, and the
/// message. The place gives way to the message where there is little room.
pub(crate) fn encode(reason: &CloseReason, max: usize) -> (u8, Vec<u8>) {
    match reason {
        CloseReason::Stopped => (STOPPED, Vec::new()),
        CloseReason::Dropped => (DROPPED, Vec::new()),
        CloseReason::Failed { message } => (FAILED, bounded(message, max)),
        CloseReason::Panicked(panic) => (PANICKED, panic_text(panic, max)),
        // A reason of a later core, of which this format knows nothing yet.
        CloseReason::Abandoned | _ => (ABANDONED, Vec::new()),
    }
}

fn panic_text(Panic { message, location }: &Panic, max: usize) -> Vec<u8> {
    if message.is_empty() && location.is_empty() {
        return Vec::new();
    }
    let location = location.as_str().replace('\n', " ");
    if location.len() < max {
        bounded(format_args!("{location}\n{message}"), max)
    } else {
        bounded(format_args!("\n{message}"), max)
    }
}

fn bounded(text: impl std::fmt::Display, max: usize) -> Vec<u8> {
    Text::bounded(text, max).as_str().into()
}

/// The reason that a peer wrote.
pub(crate) fn decode(tag: u8, text: &[u8]) -> Result<CloseReason, ProtocolError> {
    let text = std::str::from_utf8(text).map_err(|_| ProtocolError::Malformed)?;
    match tag {
        STOPPED => Ok(CloseReason::Stopped),
        PANICKED => {
            let (location, message) = text.split_once('\n').unwrap_or(("", text));
            Ok(CloseReason::Panicked(Panic::new(message, location)))
        }
        ABANDONED => Ok(CloseReason::Abandoned),
        DROPPED => Ok(CloseReason::Dropped),
        FAILED => Ok(CloseReason::Failed { message: Text::new(text) }),
        _ => Err(ProtocolError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::MAX_CLOSE_TEXT;

    fn panicked(message: &str, location: &str) -> CloseReason {
        CloseReason::Panicked(Panic::new(message, location))
    }

    fn failed(message: &str) -> CloseReason {
        CloseReason::Failed { message: Text::new(message) }
    }

    #[test]
    fn reasons_survive_the_wire() {
        for reason in [
            CloseReason::Stopped,
            CloseReason::Dropped,
            CloseReason::Abandoned,
            failed(""),
            failed("no such file\nor directory"),
            panicked("", ""),
            panicked("index 7 of 5", ""),
            panicked("", "src/main.rs:3:5"),
            panicked("two\nlines", "src/main.rs:3:5"),
        ] {
            let (tag, text) = encode(&reason, MAX_CLOSE_TEXT);
            assert_eq!(decode(tag, &text), Ok(reason));
        }
    }

    #[test]
    fn texts_keep_to_what_a_frame_holds() {
        let long = "\u{1f3e0}".repeat(Text::MAX);
        for reason in [failed(&long), panicked(&long, &long)] {
            for max in [0, 1, 2, 15, 300, MAX_CLOSE_TEXT] {
                let (tag, text) = encode(&reason, max);
                assert!(text.len() <= max, "{max}");
                assert!(decode(tag, &text).is_ok(), "{max}");
            }
        }
    }

    #[test]
    fn what_a_hostile_peer_writes_is_refused() {
        assert_eq!(decode(FAILED, &[0xff]), Err(ProtocolError::Malformed));
        assert_eq!(decode(9, &[]), Err(ProtocolError::Malformed));
    }
}

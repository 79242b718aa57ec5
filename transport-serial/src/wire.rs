//! The frames, as both ends have them. `WIRE.md` says the same in words.

use homing_core::Leaving;
use serde::{Deserialize, Serialize};

/// The version of this format.
pub(crate) const VERSION: u8 = 1;

/// Ends every frame, and stands nowhere in it.
pub(crate) const DELIMITER: u8 = 0;

/// The checksum over head and body, which follows them, least significant byte first.
pub(crate) static CHECKSUM: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// The length of the checksum in bytes.
pub(crate) const CHECKSUM_LEN: usize = 4;

/// The most bytes of a head: version, kind with how a sender leaves, port, run, sequence.
pub(crate) const MAX_HEAD: usize = 1 + 2 + 5 + 3 + 5;

/// What stuffing adds to so many bytes, at most: one, and one for each 254 bytes.
pub(crate) const fn stuffing(len: usize) -> usize {
    1 + len / 254
}

/// Names a pipe of a serial line: the n-th that the host makes on the link is port n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Port(pub u32);

impl core::fmt::Display for Port {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "port {}", self.0)
    }
}

/// What every frame begins with, as postcard encodes it. The version stays where it is in
/// every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) version: u8,
    pub(crate) kind: Kind,
    pub(crate) port: Port,
    /// Which run of the firmware, 0 if it does not count them.
    pub(crate) run: u16,
    /// The position among the port's frames of this run: 0 for the start.
    pub(crate) sequence: u32,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// A sender was started.
    Start,
    /// A message; the body is its encoding.
    Message,
    /// A sender left.
    Stop(Leaving),
}

//! Names of pipes and links that are never mistaken for one another.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::table::Key;

/// Names one pipe of one router.
///
/// An index into the routing table and a generation. The index is used again after a pipe
/// has ended; the pair is not, so that a late message can never reach the pipe that took
/// its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConnectionId(pub(crate) Key);

/// Names one link of one router: the connection from one worker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LinkId(pub(crate) Key);

macro_rules! parts {
    ($name:ident) => {
        impl $name {
            /// Puts a name together from its parts, as a transport does that read them off
            /// a wire. A name that no router gave out is refused by the router.
            pub const fn from_parts(index: u32, generation: u32) -> Self {
                Self(Key { index, generation })
            }

            /// The place in the table.
            pub const fn index(self) -> u32 {
                self.0.index
            }

            /// How often the place had been used before.
            pub const fn generation(self) -> u32 {
                self.0.generation
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "#{}.{}", self.0.index, self.0.generation)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}.{})"), self.0.index, self.0.generation)
            }
        }
    };
}

parts!(ConnectionId);
parts!(LinkId);

/// The secret part of a ticket: who knows it may claim the pipe.
///
/// Its `Debug` shows nothing of it, so that logs give no pipe away.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nonce(u64);

impl Nonce {
    /// Makes a nonce of 64 bits, which should come from the system's random source.
    pub const fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits, for a transport that writes them to a wire.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

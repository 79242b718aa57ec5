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

/// The secret part of a ticket: a worker that knows it may claim the pipe.
///
/// 128 bits, so that it cannot be guessed. Comparing two of them takes the same time wherever
/// they differ, and `Debug` shows nothing of it, so that logs give no pipe away.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// Makes a nonce of 128 bits, which should come from the system's random source.
    pub const fn new(bits: u128) -> Self {
        Self(bits.to_le_bytes())
    }

    /// Makes a nonce of the 16 bytes that [`to_bytes`](Nonce::to_bytes) gave.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bits, as one number.
    pub const fn bits(self) -> u128 {
        u128::from_le_bytes(self.0)
    }

    /// The bits as bytes, the lowest first, for a transport that writes them to a wire.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl PartialEq for Nonce {
    /// Looks at all bytes, so that the time it takes tells nothing about the first difference.
    fn eq(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        let difference = pairs.fold(0, |difference, (one, two)| difference | (one ^ two));
        // Keeps the compiler from returning at the first byte that differs.
        core::hint::black_box(difference) == 0
    }
}

impl Eq for Nonce {}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn nonces_are_equal_when_all_bits_are() {
        let bits = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
        let nonce = Nonce::new(bits);
        assert_eq!(nonce, Nonce::from_bytes(nonce.to_bytes()));
        assert_eq!(nonce.bits(), bits);
        for bit in 0..128 {
            assert_ne!(nonce, Nonce::new(bits ^ (1 << bit)), "bit {bit}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_nonce() {
        assert_eq!(format!("{:?}", Nonce::new(u128::MAX)), format!("{:?}", Nonce::new(0)));
    }
}

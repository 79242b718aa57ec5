//! Why a message could not be decoded or encoded.

use core::fmt;

use super::encode::DEPTH;

/// Why bytes were not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeError {
    /// They are no encoding of the type.
    Invalid {
        /// What is wrong with them, in a few words.
        reason: &'static str,
    },
    /// Bytes follow after the message.
    LeftOver {
        /// How many.
        len: usize,
    },
    /// The message nests deeper than [`DecodeLimits::depth`](super::DecodeLimits::depth).
    TooDeep {
        /// The limit in levels.
        max: u32,
    },
    /// The message takes more memory than
    /// [`DecodeLimits::memory`](super::DecodeLimits::memory).
    TooMuchMemory {
        /// The limit in bytes.
        max: usize,
    },
    /// More elements of the message take no bytes than
    /// [`DecodeLimits::empty_elements`](super::DecodeLimits::empty_elements).
    TooManyEmptyElements {
        /// The limit in elements.
        max: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Invalid { reason } => f.write_str(reason),
            DecodeError::LeftOver { len } => write!(f, "{len} bytes are left over"),
            DecodeError::TooDeep { max } => {
                write!(f, "nested deeper than {max} levels (DecodeLimits::depth)")
            }
            DecodeError::TooMuchMemory { max } => {
                write!(f, "decodes to more than {max} bytes of memory (DecodeLimits::memory)")
            }
            DecodeError::TooManyEmptyElements { max } => {
                write!(f, "more than {max} elements take no bytes (DecodeLimits::empty_elements)")
            }
        }
    }
}

impl core::error::Error for DecodeError {}

/// Why a message was not encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncodeError {
    /// The message nests deeper than the receiver's
    /// [`DecodeLimits::depth`](super::DecodeLimits::depth).
    TooDeep {
        /// The limit in levels.
        max: u32,
    },
    /// A sequence or map does not know its length before it is encoded.
    UnknownLength,
    /// The type's `Serialize` implementation failed, or is one that the format cannot carry.
    Refused,
    /// Bytes that were announced were not written.
    Incomplete,
    /// The encoded message does not fit where it is written to.
    BufferFull,
    /// The encoded message is longer than its limit.
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
}

impl EncodeError {
    #[cold]
    pub(super) fn new(error: postcard::Error, depth: u32) -> Self {
        match error {
            DEPTH => EncodeError::TooDeep { max: depth },
            postcard::Error::SerializeSeqLengthUnknown => EncodeError::UnknownLength,
            postcard::Error::SerializeBufferFull => EncodeError::BufferFull,
            _ => EncodeError::Refused,
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::TooDeep { max } => {
                write!(f, "nested deeper than {max} levels (DecodeLimits::depth)")
            }
            EncodeError::UnknownLength => f.write_str("a sequence or map does not know its length"),
            EncodeError::Refused => f.write_str("its Serialize implementation failed"),
            EncodeError::Incomplete => f.write_str("it was not written to its end"),
            EncodeError::BufferFull => f.write_str("no room for its bytes"),
            EncodeError::TooLarge { len, max } => {
                write!(f, "{len} bytes where at most {max} are allowed")
            }
        }
    }
}

impl core::error::Error for EncodeError {}

/// What serde's traits pass on while a message is decoded. Around postcard's error, so that
/// it takes no conversion and no more than that error's byte.
#[derive(Debug)]
pub(super) enum DecodeFault {
    Depth,
    Memory,
    EmptyElements,
    Variant,
    Postcard(postcard::Error),
}

impl DecodeFault {
    /// What is wrong with the bytes, unless a limit is exceeded.
    pub(super) fn reason(&self) -> &'static str {
        use postcard::Error;
        match self {
            DecodeFault::Depth | DecodeFault::Memory | DecodeFault::EmptyElements => {
                "more than its limits allow"
            }
            DecodeFault::Variant => "an enum's variant that its type does not have",
            DecodeFault::Postcard(error) => match error {
                Error::DeserializeUnexpectedEnd => "the bytes end too early",
                Error::DeserializeBadVarint => "a number that its type cannot hold",
                Error::DeserializeBadBool => "a bool that is neither 0 nor 1",
                Error::DeserializeBadChar => "a char that is none",
                Error::DeserializeBadUtf8 => "a text that is not UTF-8",
                Error::DeserializeBadOption => "an option that is neither 0 nor 1",
                Error::SerdeDeCustom => "a value that its type refuses",
                Error::WontImplement => {
                    "its type asks the bytes what they are, which they do not say \
                     (serde's untagged, tag, flatten, IgnoredAny)"
                }
                _ => "not an encoding of its type",
            },
        }
    }
}

impl From<postcard::Error> for DecodeFault {
    #[inline]
    fn from(error: postcard::Error) -> Self {
        DecodeFault::Postcard(error)
    }
}

impl fmt::Display for DecodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for DecodeFault {}

impl serde::de::Error for DecodeFault {
    #[cold]
    fn custom<T: fmt::Display>(_: T) -> Self {
        DecodeFault::Postcard(postcard::Error::SerdeDeCustom)
    }
}

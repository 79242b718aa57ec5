//! A message as it travelled, and how the receiver's type is made of it.

use core::any::Any;
use core::fmt;

use serde::de::DeserializeOwned;

use crate::codec::{self, DecodeLimits};
use crate::text::Text;

/// A message as it travelled: bytes between processes, values within one.
#[derive(Debug)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// An encoded message.
    Bytes {
        /// The message's bytes, all of them. They are private to the foreground: no other
        /// process changes them while they are decoded.
        bytes: &'a [u8],
        /// What decoding them may take.
        limits: &'a DecodeLimits,
    },
    /// An `Option<M>`, from which the receiver takes the message.
    Value(&'a mut dyn Any),
}

impl<'a> Payload<'a> {
    /// An encoded message, which may take what [`DecodeLimits::new`] allows. A transport whose
    /// link has a limit for messages gives its own limits instead: those
    /// [for the link](DecodeLimits::for_link).
    pub const fn bytes(bytes: &'a [u8]) -> Self {
        Payload::Bytes { bytes, limits: &DecodeLimits::DEFAULT }
    }

    /// The same payload, for a callee that may take the message out of it.
    #[inline]
    pub fn reborrow(&mut self) -> Payload<'_> {
        match self {
            Payload::Bytes { bytes, limits } => Payload::Bytes { bytes, limits },
            Payload::Value(value) => Payload::Value(&mut **value),
        }
    }

    /// The length of an encoded message in bytes, 0 for a value.
    pub fn len(&self) -> usize {
        match self {
            Payload::Bytes { bytes, .. } => bytes.len(),
            Payload::Value(_) => 0,
        }
    }

    /// Whether [`len`](Payload::len) is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decodes a message that travelled as bytes (postcard), all of them, within the limits
    /// that came with them.
    ///
    /// # Errors
    ///
    /// [`Undecodable`] when the bytes are no `M`, or more than one, or exceed a limit, or are
    /// not bytes at all.
    #[inline]
    pub fn decode<M: DeserializeOwned>(self) -> Result<M, Undecodable> {
        let Payload::Bytes { bytes, limits } = self else {
            return Err(Undecodable::new::<M>("the message travelled as a value"));
        };
        codec::decode(bytes, limits).map_err(Undecodable::new::<M>)
    }

    /// Takes a message that travelled as a value.
    ///
    /// # Errors
    ///
    /// [`Undecodable`] when it is of another type, or was taken before, or travelled as
    /// bytes.
    pub fn take<M: 'static>(self) -> Result<M, Undecodable> {
        let value = match self {
            Payload::Value(value) => value.downcast_mut::<Option<M>>().and_then(Option::take),
            Payload::Bytes { .. } => None,
        };
        value.ok_or_else(|| Undecodable::new::<M>("the message is a value of another type"))
    }
}

/// A payload holds no message of the type that its receiver expects.
///
/// The texts are empty without the feature `alloc`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Undecodable {
    expected: Text,
    detail: Text,
}

impl Undecodable {
    /// The payload is no `M`. `detail` is what the decoder says.
    #[cold]
    pub fn new<M: ?Sized>(detail: impl fmt::Display) -> Self {
        Self { expected: Text::new(core::any::type_name::<M>()), detail: Text::new(detail) }
    }

    /// The name of the type that the receiver expects, as
    /// [`type_name`](core::any::type_name) gives it.
    pub fn expected(&self) -> &str {
        self.expected.as_str()
    }

    /// What the decoder said.
    pub fn detail(&self) -> &str {
        self.detail.as_str()
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message is not of the type that its receiver expects")?;
        if !self.expected.is_empty() {
            write!(f, ", {}", self.expected)?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl core::error::Error for Undecodable {}

/// Makes messages of type `M` of what arrived. It has no state.
pub trait Decode<M> {
    /// Makes one message.
    ///
    /// # Errors
    ///
    /// [`Undecodable`] when the payload is none.
    fn decode(payload: Payload<'_>) -> Result<M, Undecodable>;
}

/// The codec of links of bytes: postcard.
#[derive(Clone, Copy, Debug)]
pub struct Postcard;

impl<M: DeserializeOwned> Decode<M> for Postcard {
    #[inline]
    fn decode(payload: Payload<'_>) -> Result<M, Undecodable> {
        payload.decode()
    }
}

/// The codec of links within one process: the message itself.
#[derive(Clone, Copy, Debug)]
pub struct ByValue;

impl<M: 'static> Decode<M> for ByValue {
    #[inline]
    fn decode(payload: Payload<'_>) -> Result<M, Undecodable> {
        payload.take()
    }
}

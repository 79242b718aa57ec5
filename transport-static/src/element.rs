//! The elements of a queue: messages themselves, or their bytes.

use homing_core::codec::{self, DecodeLimits, EncodeError};
use homing_core::{Payload, SendError, SendErrorKind, Undecodable};
use postcard::ser_flavors::Slice;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An element of a link's queue: [`Moved`] or [`Bytes`].
pub trait Element: sealed::Sealed + Send + 'static {
    /// Where the inlet keeps the element that it has just taken out of the queue.
    type Slot: Default + Send;

    /// Puts the element there, for the receiver to take.
    fn store(self, slot: &mut Self::Slot) -> Payload<'_>;
}

/// An element that a message of type `M` can be put into.
pub trait Encode<M>: Element + Sized {
    /// What is kept of a message beside its element, to give it back.
    type Original;

    /// Puts a message into an element.
    ///
    /// # Errors
    ///
    /// The message comes back, when it is too large or cannot be encoded.
    fn encode(message: M) -> Result<(Self, Self::Original), SendError<M>>;

    /// Takes the message back, for which the queue had no room.
    fn recover(self, original: Self::Original) -> M;

    /// Takes the message out of what arrived.
    ///
    /// # Errors
    ///
    /// [`Undecodable`] when it is none of this type.
    fn decode(payload: Payload<'_>) -> Result<M, Undecodable>;
}

/// A message that moves.
#[derive(Debug)]
pub struct Moved<M>(M);

impl<M: Send + 'static> Element for Moved<M> {
    type Slot = Option<M>;

    #[inline]
    fn store(self, slot: &mut Option<M>) -> Payload<'_> {
        *slot = Some(self.0);
        Payload::Value(slot)
    }
}

impl<M: Send + 'static> Encode<M> for Moved<M> {
    type Original = ();

    #[inline]
    fn encode(message: M) -> Result<(Self, ()), SendError<M>> {
        Ok((Self(message), ()))
    }

    fn recover(self, (): ()) -> M {
        self.0
    }

    #[inline]
    fn decode(payload: Payload<'_>) -> Result<M, Undecodable> {
        payload.take()
    }
}

/// An encoded message (postcard) of at most `CAPACITY` bytes, 65 535 at most.
#[derive(Debug)]
pub struct Bytes<const CAPACITY: usize> {
    len: u16,
    bytes: [u8; CAPACITY],
}

impl<const CAPACITY: usize> Bytes<CAPACITY> {
    /// What a message may decode to.
    const LIMITS: DecodeLimits = DecodeLimits::new().for_link(CAPACITY);
}

impl<const CAPACITY: usize> Element for Bytes<CAPACITY> {
    type Slot = Option<Self>;

    #[inline]
    fn store(self, slot: &mut Option<Self>) -> Payload<'_> {
        let Self { len, bytes } = slot.insert(self);
        // `len` is never greater than the capacity.
        let bytes = bytes.get(..usize::from(*len)).unwrap_or_default();
        Payload::Bytes { bytes, limits: &Self::LIMITS }
    }
}

impl<M: Serialize + DeserializeOwned, const CAPACITY: usize> Encode<M> for Bytes<CAPACITY> {
    type Original = M;

    fn encode(message: M) -> Result<(Self, M), SendError<M>> {
        let mut bytes = [0; CAPACITY];
        let depth = Self::LIMITS.max_depth();
        let encoded = codec::encode(&message, Slice::new(&mut bytes), depth);
        let encoded = encoded.map(|encoded| encoded.len());
        let kind = match encoded.map(u16::try_from) {
            Ok(Ok(len)) => return Ok((Self { len, bytes }, message)),
            Ok(Err(_)) => too_large(&message, u16::MAX.into()),
            Err(EncodeError::BufferFull) => too_large(&message, CAPACITY),
            Err(reason) => reason.into(),
        };
        Err(SendError::new(message, kind))
    }

    fn recover(self, message: M) -> M {
        message
    }

    #[inline]
    fn decode(payload: Payload<'_>) -> Result<M, Undecodable> {
        payload.decode()
    }
}

#[cold]
fn too_large<M: Serialize>(message: &M, max: usize) -> SendErrorKind {
    match postcard::experimental::serialized_size(message) {
        Ok(len) => SendErrorKind::TooLarge { len, max },
        Err(_) => EncodeError::Refused.into(),
    }
}

mod sealed {
    pub trait Sealed {}
    impl<M> Sealed for super::Moved<M> {}
    impl<const CAPACITY: usize> Sealed for super::Bytes<CAPACITY> {}
}

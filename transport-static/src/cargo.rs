//! What lies in a queue: a message itself, or its bytes.

use homing_core::{Payload, SendError, SendErrorKind, Undecodable};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What lies in the places of a link's queue: [`Moved`] or [`Bytes`].
pub trait Cargo: sealed::Sealed + Send + 'static {
    /// Where the inlet has what it has just taken out of the queue.
    type Hold: Default + Send;

    /// Puts it there, for the receiver to take.
    fn unload(self, hold: &mut Self::Hold) -> Payload<'_>;
}

/// A cargo that messages of type `M` can be put into.
pub trait Carry<M>: Cargo + Sized {
    /// What is kept of a message beside its cargo, to give it back.
    type Kept;

    /// Makes cargo of a message.
    ///
    /// # Errors
    ///
    /// The message comes back, when it is too large or cannot be encoded.
    fn load(message: M) -> Result<(Self, Self::Kept), SendError<M>>;

    /// Makes the message again, for which there was no room.
    fn restore(self, kept: Self::Kept) -> M;

    /// Takes the message out of what arrived.
    ///
    /// # Errors
    ///
    /// [`Undecodable`] when it is none of this type.
    fn open(payload: Payload<'_>) -> Result<M, Undecodable>;
}

/// A message that moves.
#[derive(Debug)]
pub struct Moved<M>(M);

impl<M: Send + 'static> Cargo for Moved<M> {
    type Hold = Option<M>;

    #[inline]
    fn unload(self, hold: &mut Option<M>) -> Payload<'_> {
        *hold = Some(self.0);
        Payload::Value(hold)
    }
}

impl<M: Send + 'static> Carry<M> for Moved<M> {
    type Kept = ();

    #[inline]
    fn load(message: M) -> Result<(Self, ()), SendError<M>> {
        Ok((Self(message), ()))
    }

    fn restore(self, (): ()) -> M {
        self.0
    }

    #[inline]
    fn open(payload: Payload<'_>) -> Result<M, Undecodable> {
        payload.take()
    }
}

/// An encoded message (postcard) of at most `CAPACITY` bytes, 65 535 at most.
#[derive(Debug)]
pub struct Bytes<const CAPACITY: usize> {
    len: u16,
    bytes: [u8; CAPACITY],
}

impl<const CAPACITY: usize> Cargo for Bytes<CAPACITY> {
    type Hold = Option<Self>;

    #[inline]
    fn unload(self, hold: &mut Option<Self>) -> Payload<'_> {
        let Self { len, bytes } = hold.insert(self);
        // It is never longer than what it lies in.
        Payload::Bytes(bytes.get(..usize::from(*len)).unwrap_or_default())
    }
}

impl<M: Serialize + DeserializeOwned, const CAPACITY: usize> Carry<M> for Bytes<CAPACITY> {
    type Kept = M;

    fn load(message: M) -> Result<(Self, M), SendError<M>> {
        let mut bytes = [0; CAPACITY];
        let encoded = postcard::to_slice(&message, &mut bytes).map(|encoded| encoded.len());
        let kind = match encoded.map(u16::try_from) {
            Ok(Ok(len)) => return Ok((Self { len, bytes }, message)),
            Ok(Err(_)) => too_large(&message, u16::MAX.into()),
            Err(postcard::Error::SerializeBufferFull) => too_large(&message, CAPACITY),
            Err(_) => SendErrorKind::Unencodable,
        };
        Err(SendError::new(message, kind))
    }

    fn restore(self, message: M) -> M {
        message
    }

    #[inline]
    fn open(payload: Payload<'_>) -> Result<M, Undecodable> {
        payload.decode()
    }
}

#[cold]
fn too_large<M: Serialize>(message: &M, max: usize) -> SendErrorKind {
    match postcard::experimental::serialized_size(message) {
        Ok(len) => SendErrorKind::TooLarge { len, max },
        Err(_) => SendErrorKind::Unencodable,
    }
}

mod sealed {
    pub trait Sealed {}
    impl<M> Sealed for super::Moved<M> {}
    impl<const CAPACITY: usize> Sealed for super::Bytes<CAPACITY> {}
}

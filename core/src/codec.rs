//! Messages to bytes and back: [postcard](https://docs.rs/postcard), with bounds.
//!
//! Bytes from another process or machine are not trusted. Postcard checks that they are an
//! encoding of the expected type, but not what decoding them takes: nine bytes can stand for a
//! `Vec<()>` of 2^60 elements, a megabyte for a million nested boxes, which overflow the stack,
//! and 16 MiB for 16 million large enums. [`decode`] wraps postcard's deserializer and refuses
//! what exceeds its [`DecodeLimits`]; [`encode`] wraps its serializer, so that the sender of a
//! message that nests too deep learns so when it sends it.
//!
//! The bytes are the same as postcard's own.
//!
//! # What is counted
//!
//! * **Depth**: elements of a sequence or a map, the content of an `Option`, and the content of
//!   an enum's variant are one level deeper than what they are in. Structs, tuples, arrays and
//!   newtypes are no level: a type can only recurse by way of one of the others. Values that
//!   nest in nothing cost nothing.
//! * **Memory**: the elements of a sequence or a map, with the size that the type has in memory,
//!   and every value that is larger than the place where it belongs, as what a `Box` points to.
//!   A sequence is charged as a whole, before its first element is decoded. Not counted are
//!   texts and byte strings, which take no more than they took as bytes; boxed values that are
//!   not larger than the box; and what allocators and collections add, such as the mebibyte that
//!   those of the standard library may reserve before they ask for their first element.
//! * **Elements that take no bytes**, such as `()`: their number is not limited by the length of
//!   the message, and each of them may take time.

mod access;
#[cfg(feature = "alloc")]
mod append;
mod decode;
mod encode;
mod error;
mod limits;
mod varint;

#[cfg(feature = "alloc")]
pub use append::append;
pub use decode::decode;
pub use encode::encode;
pub use error::{DecodeError, EncodeError};
pub use limits::DecodeLimits;

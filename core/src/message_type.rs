//! What both ends of a pipe say about the type of its messages.

use core::any::type_name;
use core::fmt;

use crate::text::Text;

/// The type of a pipe's messages, as one end of the pipe knows it: a fingerprint of the type's
/// schema, and the type's name.
///
/// When a worker claims a pipe whose receiver expects a fingerprint, the two are compared. They
/// are equal if the types have the same fields and variants with the same names, in the same
/// order and of the same types; the name of the type itself is only for the text of the error.
///
/// The default is [`UNCHECKED`](MessageType::UNCHECKED).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MessageType<'a> {
    fingerprint: u64,
    name: &'a str,
}

impl MessageType<'_> {
    /// The longest name in bytes. What exceeds it is cut.
    pub const MAX_NAME: usize = 256;

    /// Says nothing about the type.
    pub const UNCHECKED: Self = Self { fingerprint: 0, name: "" };
}

#[cfg(feature = "schema")]
impl MessageType<'static> {
    /// The fingerprint of `M`'s schema, and its name.
    pub fn of<M: postcard_schema::Schema>() -> Self {
        MessageType::new(const { fingerprint::<M>() }, type_name::<M>())
    }

    /// The types of a pipe's two directions as one: of the pair of messages, `Up`, and commands,
    /// `Down`. Where `Down` is `()`, there are no commands, and the messages alone are meant.
    pub fn of_pipe<Up: postcard_schema::Schema, Down: postcard_schema::Schema>() -> Self {
        if const { fingerprint::<Down>() == fingerprint::<()>() } {
            Self::of::<Up>()
        } else {
            Self::of::<(Up, Down)>()
        }
    }
}

impl<'a> MessageType<'a> {
    /// A type of this name whose schema has this fingerprint. A fingerprint of 0 says nothing
    /// about the type.
    pub fn new(fingerprint: u64, name: &'a str) -> Self {
        Self { fingerprint, name: front(name, Self::MAX_NAME) }
    }

    /// As [`new`](MessageType::new), with the name of `M`.
    pub fn with_name_of<M: ?Sized>(fingerprint: u64) -> Self {
        Self::new(fingerprint, type_name::<M>())
    }

    /// The same, with at most so many bytes of the name.
    #[must_use]
    pub fn shortened(self, max: usize) -> Self {
        Self { name: front(self.name, max), ..self }
    }

    /// The fingerprint, 0 where nothing is said about the type.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The type's name, as [`type_name`] gives it.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Whether anything is said about the type.
    pub fn is_checked(&self) -> bool {
        self.fingerprint != 0
    }

    /// Compares the type that a receiver expects with the one that its sender has. A receiver
    /// that is [unchecked](MessageType::UNCHECKED) takes any sender; one that is not takes no
    /// sender that is.
    ///
    /// # Errors
    ///
    /// [`TypeMismatch`], with both.
    pub fn admit(&self, found: &MessageType<'_>) -> Result<(), TypeMismatch> {
        if !self.is_checked() || self.fingerprint == found.fingerprint {
            return Ok(());
        }
        Err(TypeMismatch { expected: Text::new(self), found: Text::new(found) })
    }
}

impl fmt::Display for MessageType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fingerprint {
            0 => f.write_str("a type that is not checked"),
            fingerprint => write!(f, "{} ({fingerprint:016x})", self.name),
        }
    }
}

/// At most `max` bytes of a text, cut at a character.
fn front(text: &str, max: usize) -> &str {
    let mut len = text.len().min(max);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    text.get(..len).unwrap_or("")
}

/// A hash of what the encoding of `M` depends on, and of the names of fields and variants. Never
/// 0, which stands for a type that is not checked.
#[cfg(feature = "schema")]
const fn fingerprint<M: postcard_schema::Schema>() -> u64 {
    match u64::from_le_bytes(postcard_schema::key::hash::fnv1a64::hash_ty_path::<M>("")) {
        0 => 1,
        hash => hash,
    }
}

/// The two ends of a pipe have messages of different types.
///
/// The texts are empty without the feature `alloc`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TypeMismatch {
    expected: Text,
    found: Text,
}

impl TypeMismatch {
    /// The name of the type that the receiver expects, and its fingerprint.
    pub fn expected(&self) -> &str {
        self.expected.as_str()
    }

    /// The name of the type that the sender has, and its fingerprint.
    pub fn found(&self) -> &str {
        self.found.as_str()
    }
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the worker's messages are not of the type that their receiver expects")?;
        if !self.expected.is_empty() {
            write!(f, ": expected {}, found {}", self.expected, self.found)?;
        }
        Ok(())
    }
}

impl core::error::Error for TypeMismatch {}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn only_what_the_receiver_expects_is_compared() {
        let (a, b) = (MessageType::new(1, "a::Type"), MessageType::new(2, "b::Type"));
        let unchecked = MessageType::UNCHECKED;
        assert_eq!(a.admit(&MessageType::new(1, "elsewhere::Type")), Ok(()));
        assert_eq!(unchecked.admit(&a), Ok(()));
        assert_eq!(unchecked.admit(&unchecked), Ok(()));
        assert!(a.admit(&b).is_err());
        assert!(a.admit(&unchecked).is_err());
    }

    #[test]
    #[cfg(feature = "alloc")]
    fn a_mismatch_names_both_types() {
        let mismatch = MessageType::new(1, "a::Type").admit(&MessageType::new(2, "b::Type"));
        let text = mismatch.unwrap_err().to_string();
        assert!(text.contains("expected a::Type (0000000000000001)"), "{text}");
        assert!(text.contains("found b::Type (0000000000000002)"), "{text}");
        let unchecked = MessageType::new(1, "a::Type").admit(&MessageType::UNCHECKED);
        let text = unchecked.unwrap_err().to_string();
        assert!(text.ends_with("found a type that is not checked"), "{text}");
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        let name = "x".repeat(MessageType::MAX_NAME - 1) + "é";
        assert_eq!(MessageType::new(1, &name).name().len(), MessageType::MAX_NAME - 1);
        assert_eq!(MessageType::new(1, "é").name(), "é");
        assert_eq!(MessageType::new(1, "é").to_string(), "é (0000000000000001)");
    }

    #[cfg(feature = "schema")]
    mod fingerprints {
        use postcard_schema::Schema;

        use super::*;
        use crate::Reply;

        #[derive(Schema)]
        #[expect(dead_code, reason = "only the schema is used")]
        struct Progress {
            done: u32,
            total: u32,
        }

        mod other {
            #[derive(postcard_schema::Schema)]
            #[expect(dead_code, reason = "only the schema is used")]
            pub(super) struct Same {
                done: u32,
                total: u32,
            }

            #[derive(postcard_schema::Schema)]
            #[expect(dead_code, reason = "only the schema is used")]
            pub(super) struct Swapped {
                total: u32,
                done: u32,
            }

            #[derive(postcard_schema::Schema)]
            #[expect(dead_code, reason = "only the schema is used")]
            pub(super) struct Signed {
                done: u32,
                total: i32,
            }
        }

        #[test]
        fn the_types_of_a_pipe_are_those_of_both_directions() {
            let of = MessageType::of_pipe::<u8, Progress>();
            assert!(of.name().starts_with("(u8, ") && of.name().ends_with("Progress)"), "{of}");
            assert_ne!(of, MessageType::of_pipe::<u8, other::Swapped>());
            assert_ne!(of, MessageType::of_pipe::<i8, Progress>());
            assert_eq!(MessageType::of_pipe::<u8, ()>(), MessageType::of::<u8>());
            // A question is of the type of its answer.
            let (count, text) = (MessageType::of::<Reply<u32>>(), MessageType::of::<Reply<&str>>());
            assert_ne!(count.fingerprint(), text.fingerprint());
        }

        #[test]
        fn types_with_other_fields_have_other_fingerprints() {
            let of = |message_type: MessageType<'static>| message_type.fingerprint();
            let progress = of(MessageType::of::<Progress>());
            assert_eq!(of(MessageType::of::<other::Same>()), progress);
            assert_ne!(of(MessageType::of::<other::Swapped>()), progress);
            assert_ne!(of(MessageType::of::<other::Signed>()), progress);
            assert_ne!(of(MessageType::of::<(u8, u8)>()), progress);
            assert_ne!(of(MessageType::of::<u32>()), of(MessageType::of::<i32>()));
            assert!(MessageType::of::<()>().is_checked());
            assert!(MessageType::of::<Progress>().name().ends_with("Progress"));
        }
    }
}

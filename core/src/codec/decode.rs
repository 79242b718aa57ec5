//! Postcard's deserializer within limits.
//!
//! Scalars and texts go straight to postcard. What contains other values is read here, as
//! these must not escape from the limits: their bytes are one number each (a length, a
//! variant's index, an option's tag), which postcard reads.

use postcard::de_flavors::Slice;
use serde::de::{self, Deserialize, DeserializeSeed, IntoDeserializer, Visitor};

use super::access::{Elements, Entries, Fields};
use super::error::{DecodeError, DecodeFault};
use super::limits::DecodeLimits;

/// Decodes one message: all of `bytes`.
///
/// # Errors
///
/// When the bytes are no `M`, or more than one, or when the message exceeds `limits`.
#[inline]
pub fn decode<'de, M: Deserialize<'de>>(
    bytes: &'de [u8],
    limits: &DecodeLimits,
) -> Result<M, DecodeError> {
    let mut input = Input::new(bytes, limits);
    let depth = limits.max_depth();
    match M::deserialize(Decoder { input: &mut input, depth, place: size_of::<M>() }) {
        Ok(message) => match input.remaining() {
            0 => Ok(message),
            len => Err(DecodeError::LeftOver { len }),
        },
        Err(fault) => Err(error(&fault, bytes.len(), limits)),
    }
}

#[cold]
fn error(fault: &DecodeFault, len: usize, limits: &DecodeLimits) -> DecodeError {
    match fault {
        DecodeFault::Depth => DecodeError::TooDeep { max: limits.max_depth() },
        DecodeFault::Memory => DecodeError::TooMuchMemory { max: limits.max_memory(len) },
        DecodeFault::EmptyElements => {
            DecodeError::TooManyEmptyElements { max: limits.max_empty_elements() }
        }
        fault => DecodeError::Invalid { reason: fault.reason() },
    }
}

/// What is left of a message's bytes, and of what it may take.
pub(super) struct Input<'de> {
    pub(super) postcard: postcard::Deserializer<'de, Slice<'de>>,
    memory: usize,
    empty_elements: usize,
}

impl<'de> Input<'de> {
    #[inline]
    fn new(bytes: &'de [u8], limits: &DecodeLimits) -> Self {
        Self {
            postcard: postcard::Deserializer::from_bytes(bytes),
            memory: limits.max_memory(bytes.len()),
            empty_elements: limits.max_empty_elements(),
        }
    }

    /// How many bytes are left.
    #[inline]
    pub(super) fn remaining(&mut self) -> usize {
        let taken = core::mem::replace(
            &mut self.postcard,
            postcard::Deserializer::from_bytes(Default::default()),
        );
        // Taking the rest of a slice does not fail.
        let rest = taken.finalize().unwrap_or_default();
        self.postcard = postcard::Deserializer::from_bytes(rest);
        rest.len()
    }

    /// Takes the memory for `count` values of `size` bytes each. One without a size counts as
    /// a byte: it may stand for something that is kept elsewhere.
    #[inline]
    pub(super) fn take_memory(&mut self, count: usize, size: usize) -> Result<(), DecodeFault> {
        let left = count.checked_mul(size.max(1)).and_then(|all| self.memory.checked_sub(all));
        self.memory = left.ok_or(DecodeFault::Memory)?;
        Ok(())
    }

    /// Takes `count` elements that have no bytes.
    #[inline]
    pub(super) fn take_empty(&mut self, count: usize) -> Result<(), DecodeFault> {
        let left = self.empty_elements.checked_sub(count);
        self.empty_elements = left.ok_or(DecodeFault::EmptyElements)?;
        Ok(())
    }
}

/// A deserializer for one value.
pub(super) struct Decoder<'a, 'de> {
    pub(super) input: &'a mut Input<'de>,
    /// How many levels the value may nest.
    pub(super) depth: u32,
    /// The size of the place where the value belongs. A value that is larger is somewhere
    /// else: on the heap.
    pub(super) place: usize,
}

impl Decoder<'_, '_> {
    /// Takes the memory for a value of type `T`, unless its place has room for it.
    #[inline]
    fn place<T>(&mut self) -> Result<(), DecodeFault> {
        if size_of::<T>() > self.place {
            self.input.take_memory(1, size_of::<T>())?;
            self.place = size_of::<T>();
        }
        Ok(())
    }

    /// The depth that is left one level deeper.
    #[inline]
    fn deeper(&self) -> Result<u32, DecodeFault> {
        self.depth.checked_sub(1).ok_or(DecodeFault::Depth)
    }

    /// Reads the length of a sequence or a map.
    #[inline]
    fn len(&mut self) -> Result<usize, DecodeFault> {
        // As postcard has it: a `usize` is a `u64` for serde, but not on the wire.
        #[cfg(target_pointer_width = "64")]
        let len = u64::deserialize(&mut self.input.postcard)? as usize;
        #[cfg(target_pointer_width = "32")]
        let len = u32::deserialize(&mut self.input.postcard)? as usize;
        #[cfg(target_pointer_width = "16")]
        let len = u16::deserialize(&mut self.input.postcard)? as usize;
        Ok(len)
    }
}

/// Methods whose values contain no others.
macro_rules! forward {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeFault> {
            Ok(de::Deserializer::$method(&mut self.input.postcard, visitor)?)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Decoder<'_, 'de> {
    type Error = DecodeFault;

    forward! {
        deserialize_any deserialize_identifier deserialize_ignored_any
        deserialize_bool deserialize_char
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_unit
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeFault> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeFault> {
        self.place::<V::Value>()?;
        match u8::deserialize(&mut self.input.postcard)? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(Self { depth: self.deeper()?, ..self }),
            _ => Err(postcard::Error::DeserializeBadOption.into()),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeFault> {
        self.place::<V::Value>()?;
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeFault> {
        self.place::<V::Value>()?;
        let depth = self.deeper()?;
        let len = self.len()?;
        visitor.visit_seq(Elements::new(self.input, depth, len))
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeFault> {
        self.place::<V::Value>()?;
        let depth = self.deeper()?;
        let len = self.len()?;
        visitor.visit_map(Entries::new(self.input, depth, len))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeFault> {
        self.place::<V::Value>()?;
        visitor.visit_seq(Fields { input: self.input, depth: self.depth, len })
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeFault> {
        self.deserialize_tuple(len, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeFault> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeFault> {
        self.place::<V::Value>()?;
        visitor.visit_enum(self)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<'de> de::EnumAccess<'de> for Decoder<'_, 'de> {
    type Error = DecodeFault;
    type Variant = Self;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), DecodeFault> {
        let index = u32::deserialize(&mut self.input.postcard)?;
        let deserializer = IntoDeserializer::<DecodeFault>::into_deserializer(index);
        let variant = seed.deserialize(deserializer).map_err(|_| DecodeFault::Variant)?;
        Ok((variant, self))
    }

    #[inline]
    fn variant<V: Deserialize<'de>>(self) -> Result<(V, Self), DecodeFault> {
        self.variant_seed(core::marker::PhantomData)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<'de> de::VariantAccess<'de> for Decoder<'_, 'de> {
    type Error = DecodeFault;

    #[inline]
    fn unit_variant(self) -> Result<(), DecodeFault> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeFault> {
        let depth = self.deeper()?;
        seed.deserialize(Decoder { input: self.input, depth, place: size_of::<T::Value>() })
    }

    #[inline]
    fn newtype_variant<T: Deserialize<'de>>(self) -> Result<T, DecodeFault> {
        self.newtype_variant_seed(core::marker::PhantomData)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeFault> {
        let depth = self.deeper()?;
        visitor.visit_seq(Fields { input: self.input, depth, len })
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeFault> {
        self.tuple_variant(fields.len(), visitor)
    }
}

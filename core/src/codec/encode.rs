//! Postcard's serializer, with a limit on how deep a message nests.

use postcard::ser_flavors::Flavor;
use serde::ser::{self, Serialize};

use super::error::EncodeError;
use super::varint::{self, zigzag_i16, zigzag_i32, zigzag_i64, zigzag_i128};

/// Encodes `message`, which may nest `depth` levels deep, into `storage`.
///
/// # Errors
///
/// When the message nests deeper, or is none that postcard can encode, or `storage` has no room
/// for it.
#[inline]
pub fn encode<M: Serialize + ?Sized, F: Flavor>(
    message: &M,
    storage: F,
    depth: u32,
) -> Result<F::Output, EncodeError> {
    let mut postcard = postcard::Serializer { output: Nested { storage, depth } };
    match message.serialize(Encoder(&mut postcard)) {
        Ok(()) => postcard.output.storage.finalize().map_err(|_| EncodeError::BufferFull),
        Err(error) => Err(EncodeError::new(error, depth)),
    }
}

/// Says within this module that a message nests too deep. Serde's traits pass postcard's own errors
/// on, so that no value is converted on its way; this one postcard does not use to encode.
pub(super) const DEPTH: postcard::Error = postcard::Error::NotYetImplemented;

/// Where the bytes go, and how many levels the value that is written next may nest.
///
/// The depth is here, and not beside the reference to it, so that serializers are one pointer, as
/// postcard's own are: then compilers inline them as readily.
struct Nested<F> {
    storage: F,
    depth: u32,
}

impl<F: Flavor> Flavor for Nested<F> {
    type Output = F::Output;

    #[inline]
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.storage.try_extend(data)
    }

    #[inline]
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.storage.try_push(data)
    }

    #[inline]
    fn finalize(self) -> postcard::Result<F::Output> {
        self.storage.finalize()
    }
}

/// A serializer for one value, or for those that a value contains.
struct Encoder<'a, F: Flavor>(&'a mut postcard::Serializer<Nested<F>>);

type Written = Result<(), postcard::Error>;

impl<F: Flavor> Encoder<'_, F> {
    /// What is written next is one level deeper.
    #[inline]
    fn enter(&mut self) -> Written {
        let depth = &mut self.0.output.depth;
        *depth = depth.checked_sub(1).ok_or(DEPTH)?;
        Ok(())
    }

    /// It was written.
    #[inline]
    fn leave(&mut self) {
        self.0.output.depth += 1;
    }

    /// It was on the same level.
    #[inline]
    fn stay(&mut self) {}

    #[inline]
    fn write<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(Encoder(self.0))
    }

    #[inline]
    fn write_deeper<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.enter()?;
        self.write(value)?;
        self.leave();
        Ok(())
    }
}

/// Methods whose values contain no others.
macro_rules! forward {
    ($($method:ident($($arg:ident: $type:ty),*);)*) => {$(
        #[inline]
        fn $method(self $(, $arg: $type)*) -> Written {
            self.0.$method($($arg),*)
        }
    )*};
}

/// Methods that write one integer of varying length.
macro_rules! integers {
    ($($method:ident($value:ident: $type:ty) as $put:ident($integer:expr);)*) => {$(
        #[inline]
        fn $method(self, $value: $type) -> Written {
            varint::$put($integer, &mut self.0.output)
        }
    )*};
}

impl<F: Flavor> ser::Serializer for Encoder<'_, F> {
    type Ok = ();
    type Error = postcard::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    forward! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_u8(value: u8);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
    }

    integers! {
        serialize_u16(value: u16) as put_u16(value);
        serialize_u32(value: u32) as put_u32(value);
        serialize_u64(value: u64) as put_u64(value);
        serialize_u128(value: u128) as put_u128(value);
        serialize_i16(value: i16) as put_u16(zigzag_i16(value));
        serialize_i32(value: i32) as put_u32(zigzag_i32(value));
        serialize_i64(value: i64) as put_u64(zigzag_i64(value));
        serialize_i128(value: i128) as put_u128(zigzag_i128(value));
    }

    #[inline]
    fn serialize_char(self, value: char) -> Written {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Written {
        self.serialize_bytes(value.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Written {
        varint::put_len(value.len(), &mut self.0.output)?;
        self.0.output.try_extend(value)
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Written {
        varint::put_u32(index, &mut self.0.output)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn collect_str<T: core::fmt::Display + ?Sized>(self, value: &T) -> Written {
        self.0.collect_str(value)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Written {
        // An option's tag is a bool on the wire.
        self.0.serialize_bool(true)?;
        self.write_deeper(value)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Written {
        varint::put_u32(index, &mut self.0.output)?;
        self.write_deeper(value)
    }

    #[inline]
    fn serialize_seq(mut self, len: Option<usize>) -> Result<Self, postcard::Error> {
        let len = len.ok_or(postcard::Error::SerializeSeqLengthUnknown)?;
        varint::put_len(len, &mut self.0.output)?;
        self.enter()?;
        Ok(self)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, postcard::Error> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, postcard::Error> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, postcard::Error> {
        varint::put_u32(index, &mut self.0.output)?;
        self.enter()?;
        Ok(self)
    }

    #[inline]
    fn serialize_map(mut self, len: Option<usize>) -> Result<Self, postcard::Error> {
        let len = len.ok_or(postcard::Error::SerializeSeqLengthUnknown)?;
        varint::put_len(len, &mut self.0.output)?;
        self.enter()?;
        Ok(self)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, postcard::Error> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self, postcard::Error> {
        self.serialize_tuple_variant(name, index, variant, len)
    }
}

/// What contains other values: they follow one another on the wire.
macro_rules! compound {
    ($($trait:ident: $method:ident $(($key:ident))?, $end:ident;)*) => {$(
        impl<F: Flavor> ser::$trait for Encoder<'_, F> {
            type Ok = ();
            type Error = postcard::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Written {
                self.write(value)
            }

            #[inline]
            fn end(mut self) -> Written {
                self.$end();
                Ok(())
            }
        }
    )*};
}

compound! {
    SerializeSeq: serialize_element, leave;
    SerializeTuple: serialize_element, stay;
    SerializeTupleStruct: serialize_field, stay;
    SerializeTupleVariant: serialize_field, leave;
    SerializeStruct: serialize_field(_key), stay;
    SerializeStructVariant: serialize_field(_key), leave;
}

impl<F: Flavor> ser::SerializeMap for Encoder<'_, F> {
    type Ok = ();
    type Error = postcard::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.write(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.write(value)
    }

    #[inline]
    fn end(mut self) -> Written {
        self.leave();
        Ok(())
    }
}

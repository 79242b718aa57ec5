//! Postcard's serializer, with a limit on how deep a message nests.

use postcard::ser_flavors::Flavor;
use serde::ser::{self, Serialize};

use super::error::{EncodeError, EncodeFault};

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
    let mut postcard = postcard::Serializer { output: storage };
    match message.serialize(Encoder { postcard: &mut postcard, depth }) {
        Ok(()) => postcard.output.finalize().map_err(|_| EncodeError::BufferFull),
        Err(fault) => Err(fault.error(depth)),
    }
}

/// A serializer for one value, or for those that a value contains.
struct Encoder<'a, F: Flavor> {
    postcard: &'a mut postcard::Serializer<F>,
    /// How many levels the value may nest.
    depth: u32,
}

type Written = Result<(), EncodeFault>;

impl<F: Flavor> Encoder<'_, F> {
    /// For what is one level deeper.
    #[inline]
    fn deeper(self) -> Result<Self, EncodeFault> {
        let depth = self.depth.checked_sub(1).ok_or(EncodeFault::Depth)?;
        Ok(Self { depth, ..self })
    }

    #[inline]
    fn write<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(Encoder { postcard: self.postcard, depth: self.depth })
    }
}

/// Methods whose values contain no others.
macro_rules! forward {
    ($($method:ident($($arg:ident: $type:ty),*);)*) => {$(
        #[inline]
        fn $method(self $(, $arg: $type)*) -> Written {
            Ok(self.postcard.$method($($arg),*)?)
        }
    )*};
}

impl<F: Flavor> ser::Serializer for Encoder<'_, F> {
    type Ok = ();
    type Error = EncodeFault;
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
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_char(value: char);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn collect_str<T: core::fmt::Display + ?Sized>(self, value: &T) -> Written {
        Ok(self.postcard.collect_str(value)?)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        // An option's tag is a bool on the wire.
        self.postcard.serialize_bool(true)?;
        self.deeper()?.write(value)
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
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        self.postcard.serialize_unit_variant(name, index, variant)?;
        self.deeper()?.write(value)
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self, EncodeFault> {
        self.postcard.serialize_seq(len)?;
        self.deeper()
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, EncodeFault> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeFault> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, EncodeFault> {
        self.postcard.serialize_unit_variant(name, index, variant)?;
        self.deeper()
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Self, EncodeFault> {
        self.postcard.serialize_map(len)?;
        self.deeper()
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeFault> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self, EncodeFault> {
        self.serialize_tuple_variant(name, index, variant, len)
    }
}

/// What contains other values: they follow one another on the wire.
macro_rules! compound {
    ($($trait:ident: $method:ident $(($key:ident))?;)*) => {$(
        impl<F: Flavor> ser::$trait for Encoder<'_, F> {
            type Ok = ();
            type Error = EncodeFault;

            #[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Written {
                self.write(value)
            }

            #[inline]
            fn end(self) -> Written {
                Ok(())
            }
        }
    )*};
}

compound! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
    SerializeStruct: serialize_field(_key);
    SerializeStructVariant: serialize_field(_key);
}

impl<F: Flavor> ser::SerializeMap for Encoder<'_, F> {
    type Ok = ();
    type Error = EncodeFault;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.write(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.write(value)
    }

    #[inline]
    fn end(self) -> Written {
        Ok(())
    }
}

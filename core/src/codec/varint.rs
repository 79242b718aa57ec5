//! Integers of varying length, as postcard writes them: seven bits a byte, the lowest first.
//!
//! Postcard's own encoder indexes its buffer, which compilers for small processors do not see to be
//! within bounds: with these no panic is linked in.

use postcard::ser_flavors::Flavor;

/// Defines the encoding of one type of integer, which has `$most` bytes at most.
macro_rules! varint {
    ($name:ident, $type:ty, $most:literal) => {
        #[inline]
        pub(super) fn $name<F: Flavor>(mut value: $type, output: &mut F) -> postcard::Result<()> {
            let mut bytes = [0; $most];
            let mut len = 0;
            for byte in &mut bytes {
                len += 1;
                *byte = value as u8;
                if value < 0x80 {
                    break;
                }
                *byte |= 0x80;
                value >>= 7;
            }
            // It is never longer than the array.
            output.try_extend(bytes.get(..len).unwrap_or(&bytes))
        }
    };
}

varint!(put_u16, u16, 3);
varint!(put_u32, u32, 5);
varint!(put_u64, u64, 10);
varint!(put_u128, u128, 19);

/// A length.
#[inline]
pub(super) fn put_len<F: Flavor>(len: usize, output: &mut F) -> postcard::Result<()> {
    #[cfg(not(target_pointer_width = "64"))]
    return put_u32(len as u32, output);
    #[cfg(target_pointer_width = "64")]
    put_u64(len as u64, output)
}

/// Defines how signed integers are made unsigned ones, so that small ones are short.
macro_rules! zigzag {
    ($name:ident, $signed:ty, $unsigned:ty) => {
        #[inline]
        pub(super) fn $name(value: $signed) -> $unsigned {
            ((value << 1) ^ (value >> (<$signed>::BITS - 1))) as $unsigned
        }
    };
}

zigzag!(zigzag_i16, i16, u16);
zigzag!(zigzag_i32, i32, u32);
zigzag!(zigzag_i64, i64, u64);
zigzag!(zigzag_i128, i128, u128);

#[cfg(test)]
mod tests {
    use serde::Serialize;

    /// What is written here, and what postcard writes.
    fn check<T: Serialize + core::fmt::Debug>(value: T) {
        let (mut ours, mut theirs) = ([0; 64], [0; 64]);
        let storage = postcard::ser_flavors::Slice::new(&mut ours);
        let ours = crate::codec::encode(&value, storage, 8).unwrap();
        let theirs = postcard::to_slice(&value, &mut theirs).unwrap();
        assert_eq!(ours, theirs, "{value:?}");
    }

    #[test]
    fn integers_are_written_as_postcard_writes_them() {
        for shift in 0..128 {
            for off in [-1i128, 0, 1] {
                let value = (1i128 << shift).wrapping_add(off);
                check(value as u8);
                check(value as u16);
                check(value as u32);
                check(value as u64);
                check(value as u128);
                check(value as usize);
                check(value as i8);
                check(value as i16);
                check(value as i32);
                check(value as i64);
                check(value);
                check(value.wrapping_neg());
                check((value as i64).wrapping_neg());
                check((value as i32).wrapping_neg());
                check((value as i16).wrapping_neg());
            }
        }
    }

    #[test]
    fn lengths_and_variants_are_written_as_postcard_writes_them() {
        check("");
        check("a text");
        check('a');
        check('\u{1f3e0}');
        check(&[1u16, 300, 70][..]);
        check(Some(Err::<u8, _>("x")));
        check([Some(1u64), None]);
        check(());
    }
}

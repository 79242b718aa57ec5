//! Encoding behind what a buffer holds.

use alloc::vec::Vec;

use postcard::ser_flavors::Flavor;
use serde::Serialize;

use super::encode::encode;
use super::error::EncodeError;

/// Encodes `message` behind what `buffer` holds already, and returns the length of what was
/// added. On an error the buffer is as it was.
///
/// The message may nest `depth` levels deep. One longer than `limit` is measured to its end, but not
/// stored.
///
/// # Errors
///
/// [`EncodeError::TooLarge`] for such a message, and others as [`encode`].
pub fn append<M: Serialize + ?Sized>(
    message: &M,
    limit: usize,
    depth: u32,
    buffer: &mut Vec<u8>,
) -> Result<usize, EncodeError> {
    let start = buffer.len();
    let mut len = 0;
    let encoder = BoundedEncoder { buffer, len: &mut len, limit };
    let result = encode(message, encoder, depth);
    if result.is_ok() && len <= limit {
        return Ok(len);
    }
    buffer.truncate(start);
    Err(match result {
        Ok(()) => EncodeError::TooLarge { len, max: limit },
        Err(error) => error,
    })
}

/// Stores up to a limit, and counts beyond it.
struct BoundedEncoder<'a> {
    buffer: &'a mut Vec<u8>,
    len: &'a mut usize,
    limit: usize,
}

impl Flavor for BoundedEncoder<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        *self.len += 1;
        if *self.len <= self.limit {
            self.buffer.push(byte);
        }
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        *self.len += bytes.len();
        if *self.len <= self.limit {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_message_over_the_limit_is_measured_and_leaves_nothing() {
        let mut buffer = vec![1, 2, 3];
        let message: &[u8] = &[9; 100];
        assert_eq!(append(message, 101, 1, &mut buffer), Ok(101));
        assert_eq!(buffer.len(), 104);
        assert_eq!(
            append(message, 100, 1, &mut buffer),
            Err(EncodeError::TooLarge { len: 101, max: 100 })
        );
        assert_eq!(buffer.len(), 104);
    }
}

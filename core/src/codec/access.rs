//! The values within a sequence, a map, or a struct, one after another.

use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::decode::{Decoder, Input};
use super::error::DecodeFault;

/// The most that collections are told to make room for before they have an element. Those of
/// the standard library limit it themselves, to a mebibyte; others trust it.
const MAX_HINT: usize = 1 << 20;

/// How many elements of a sequence or a map are to come.
///
/// All are charged at once, when the first is asked for and their type is known. The first is
/// then decoded alone, to see whether it takes any bytes: a type either always does or never.
/// What is left is a count, as in postcard.
struct Supply {
    /// Elements that can be decoded as they are.
    ready: usize,
    /// Elements after these.
    waiting: usize,
    charged: bool,
    /// How many bytes were left before the first element.
    before: usize,
}

impl Supply {
    #[inline]
    fn new(len: usize, input: &mut Input<'_>) -> Self {
        Self { ready: 0, waiting: len, charged: false, before: input.remaining() }
    }

    /// Whether there is another element, of a type that has `size` bytes in memory.
    // All in one, so that the state of a loop over elements stays in registers.
    #[inline(always)]
    fn next(&mut self, input: &mut Input<'_>, size: usize) -> Result<bool, DecodeFault> {
        if self.ready == 0 {
            if self.waiting == 0 {
                return Ok(false);
            }
            self.refill(input, size)?;
        }
        self.ready -= 1;
        Ok(true)
    }

    #[inline(always)]
    fn refill(&mut self, input: &mut Input<'_>, size: usize) -> Result<(), DecodeFault> {
        if !self.charged {
            input.take_memory(self.waiting, size)?;
            self.charged = true;
            self.ready = 1;
        } else {
            if input.remaining() == self.before {
                // With the first.
                input.take_empty(self.waiting.saturating_add(1))?;
            }
            self.ready = self.waiting;
        }
        self.waiting -= self.ready;
        Ok(())
    }

    /// How many elements are to come, unless the bytes cannot hold them.
    #[inline]
    fn hint(&self) -> Option<usize> {
        let len = self.ready + self.waiting;
        (len <= self.before).then_some(len.min(MAX_HINT))
    }
}

/// The elements of a sequence.
pub(super) struct Elements<'a, 'de> {
    input: &'a mut Input<'de>,
    depth: u32,
    supply: Supply,
}

impl<'a, 'de> Elements<'a, 'de> {
    #[inline]
    pub(super) fn new(input: &'a mut Input<'de>, depth: u32, len: usize) -> Self {
        let supply = Supply::new(len, input);
        Self { input, depth, supply }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = DecodeFault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeFault> {
        let place = size_of::<T::Value>();
        if !self.supply.next(self.input, place)? {
            return Ok(None);
        }
        seed.deserialize(Decoder { input: self.input, depth: self.depth, place }).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.supply.hint()
    }
}

/// The entries of a map.
pub(super) struct Entries<'a, 'de> {
    input: &'a mut Input<'de>,
    depth: u32,
    supply: Supply,
    /// Values that were not paid for.
    unpaid: usize,
}

impl<'a, 'de> Entries<'a, 'de> {
    #[inline]
    pub(super) fn new(input: &'a mut Input<'de>, depth: u32, len: usize) -> Self {
        let supply = Supply::new(len, input);
        Self { input, depth, supply, unpaid: len }
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = DecodeFault;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeFault> {
        let place = size_of::<K::Value>();
        if !self.supply.next(self.input, place)? {
            return Ok(None);
        }
        seed.deserialize(Decoder { input: self.input, depth: self.depth, place }).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeFault> {
        let place = size_of::<V::Value>();
        if self.unpaid > 0 {
            self.input.take_memory(core::mem::take(&mut self.unpaid), place)?;
        }
        seed.deserialize(Decoder { input: self.input, depth: self.depth, place })
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.supply.hint()
    }
}

/// The fields of a struct, a tuple or a variant, and the elements of an array: as many as the
/// type says. Their memory is a part of what contains them.
pub(super) struct Fields<'a, 'de> {
    pub(super) input: &'a mut Input<'de>,
    pub(super) depth: u32,
    pub(super) len: usize,
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = DecodeFault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeFault> {
        let Some(len) = self.len.checked_sub(1) else { return Ok(None) };
        self.len = len;
        let place = size_of::<T::Value>();
        seed.deserialize(Decoder { input: self.input, depth: self.depth, place }).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.len)
    }
}

//! A table whose keys are never used twice: an index and a generation.
//!
//! The storage is its user's: an array of fixed size, or (feature `alloc`) a `Vec` that
//! grows.

/// Where an entry stands, and which of the entries that have stood there it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// Ends the chain of vacant slots.
const NONE: u32 = u32::MAX;

/// The most slots: higher indices mean something else, here and to users of the table.
#[cfg(feature = "alloc")]
const MOST: usize = u32::MAX as usize - 1;

/// One place of a table. Arrays of it are a table's storage on a host without an allocator:
/// `[const { Slot::VACANT }; 16]`.
#[derive(Debug)]
pub struct Slot<T> {
    generation: u32,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    Vacant { next: u32 },
    Occupied(T),
}

impl<T> Slot<T> {
    /// A place that was never used.
    pub const VACANT: Self = Self { generation: 0, content: Content::Vacant { next: NONE } };
}

/// The storage of a table on a host with an allocator: it grows.
#[cfg(feature = "alloc")]
pub type GrowableStorage<T> = alloc::vec::Vec<Slot<T>>;

/// The memory of a table.
///
/// Implemented for arrays of [`Slot`], which have a fixed capacity, and with the feature
/// `alloc` for `Vec<Slot<T>>`, which grows.
pub trait Storage<T> {
    /// The slots there are.
    fn slots(&self) -> &[Slot<T>];

    /// The slots there are.
    fn slots_mut(&mut self) -> &mut [Slot<T>];

    /// Adds one [`Slot::VACANT`] at the end and returns true, or returns false where there
    /// is no room for it.
    fn grow(&mut self) -> bool;
}

impl<T, const N: usize> Storage<T> for [Slot<T>; N] {
    fn slots(&self) -> &[Slot<T>] {
        self
    }

    fn slots_mut(&mut self) -> &mut [Slot<T>] {
        self
    }

    fn grow(&mut self) -> bool {
        false
    }
}

#[cfg(feature = "alloc")]
impl<T> Storage<T> for alloc::vec::Vec<Slot<T>> {
    fn slots(&self) -> &[Slot<T>] {
        self
    }

    fn slots_mut(&mut self) -> &mut [Slot<T>] {
        self
    }

    fn grow(&mut self) -> bool {
        if self.len() >= MOST {
            return false;
        }
        self.push(Slot::VACANT);
        true
    }
}

/// What a key says about an entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeyStatus {
    /// The entry is there.
    Present,
    /// It was there once.
    Gone,
    /// No such key was ever given out.
    Unknown,
}

/// A generational table over the storage `S`.
#[derive(Debug)]
pub(crate) struct Table<T, S> {
    storage: S,
    vacant: u32,
    /// Slots from here on were never used, and are not in the chain of vacant ones.
    fresh: u32,
    len: usize,
    _content: core::marker::PhantomData<T>,
}

impl<T, S: Storage<T>> Table<T, S> {
    pub(crate) const fn new(storage: S) -> Self {
        Self { storage, vacant: NONE, fresh: 0, len: 0, _content: core::marker::PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts what `make` makes of `value` into a vacant slot, or gives `value` back when there
    /// is none.
    pub(crate) fn insert<V>(&mut self, value: V, make: impl FnOnce(V) -> T) -> Result<Key, V> {
        let index = if self.vacant != NONE {
            self.vacant
        } else {
            if self.fresh as usize >= self.storage.slots().len() && !self.storage.grow() {
                return Err(value);
            }
            self.fresh
        };
        let Some(slot) = self.storage.slots_mut().get_mut(index as usize) else {
            return Err(value);
        };
        if let Content::Vacant { next } = slot.content
            && self.vacant != NONE
        {
            self.vacant = next;
        } else {
            self.fresh += 1;
        }
        slot.content = Content::Occupied(make(value));
        self.len += 1;
        Ok(Key { index, generation: slot.generation })
    }

    /// Takes the entry out. Its key is never given out again: the slot's generation goes
    /// up, and a slot that has reached the last generation is retired.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.storage.slots_mut().get_mut(key.index as usize)?;
        if slot.generation != key.generation || matches!(slot.content, Content::Vacant { .. }) {
            return None;
        }
        let retired = slot.generation == u32::MAX;
        let next = if retired { NONE } else { self.vacant };
        let content = core::mem::replace(&mut slot.content, Content::Vacant { next });
        if !retired {
            slot.generation += 1;
            self.vacant = key.index;
        }
        self.len -= 1;
        match content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.storage.slots_mut().get_mut(key.index as usize) {
            Some(Slot { generation, content: Content::Occupied(value) })
                if *generation == key.generation =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.storage.slots().get(key.index as usize) {
            Some(Slot { generation, content: Content::Occupied(value) })
                if *generation == key.generation =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    pub(crate) fn standing(&self, key: Key) -> KeyStatus {
        if key.index >= self.fresh {
            return KeyStatus::Unknown;
        }
        match self.storage.slots().get(key.index as usize) {
            None => KeyStatus::Unknown,
            Some(slot) if key.generation > slot.generation => KeyStatus::Unknown,
            Some(slot) if key.generation < slot.generation => KeyStatus::Gone,
            Some(Slot { content: Content::Occupied(_), .. }) => KeyStatus::Present,
            // The generation that comes next has not been given out; only in a retired slot
            // is it the one that was there last.
            Some(slot) if slot.generation == u32::MAX => KeyStatus::Gone,
            Some(_) => KeyStatus::Unknown,
        }
    }

    /// The first entry at or after `index`, for walks that go on over several calls.
    pub(crate) fn next_from(&mut self, index: u32) -> Option<(Key, &mut T)> {
        let fresh = self.fresh as usize;
        self.storage.slots_mut().iter_mut().enumerate().take(fresh).skip(index as usize).find_map(
            |(at, slot)| match &mut slot.content {
                Content::Occupied(value) => {
                    Some((Key { index: at as u32, generation: slot.generation }, value))
                }
                Content::Vacant { .. } => None,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_used_twice_and_capacity_is_kept() {
        let mut table: Table<&str, _> = Table::new([const { Slot::VACANT }; 2]);
        let a = table.insert("a", |value| value).unwrap();
        let b = table.insert("b", |value| value).unwrap();
        assert_eq!(table.insert("c", |value| value), Err("c"));
        assert_eq!(table.remove(a), Some("a"));
        assert_eq!(table.remove(a), None);
        let c = table.insert("c", |value| value).unwrap();
        assert_eq!(c.index, a.index);
        assert_ne!(c, a);
        assert_eq!(table.get(a), None);
        assert_eq!(table.get(b), Some(&"b"));
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn a_key_is_present_gone_or_was_never_given_out() {
        let mut table: Table<u8, _> = Table::new([const { Slot::VACANT }; 3]);
        let a = table.insert(1, |value| value).unwrap();
        assert_eq!(table.standing(a), KeyStatus::Present);
        table.remove(a);
        assert_eq!(table.standing(a), KeyStatus::Gone);
        assert_eq!(table.standing(Key { generation: 1, ..a }), KeyStatus::Unknown);
        assert_eq!(table.standing(Key { index: 2, generation: 0 }), KeyStatus::Unknown);
        assert_eq!(table.standing(Key { index: 99, generation: 0 }), KeyStatus::Unknown);
    }

    #[test]
    fn a_slot_of_the_last_generation_is_retired() {
        let mut table: Table<u8, _> =
            Table::new([Slot { generation: u32::MAX, content: Content::Vacant { next: NONE } }]);
        let last = table.insert(1, |value| value).unwrap();
        assert_eq!(table.remove(last), Some(1));
        assert_eq!(table.standing(last), KeyStatus::Gone);
        assert_eq!(table.insert(2, |value| value), Err(2));
    }
}

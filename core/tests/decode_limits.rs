//! Messages that take more than their limits allow are refused, and name the limit.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use homing_core::codec::{self, DecodeError, DecodeLimits, EncodeError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const MIB: usize = 1 << 20;

/// Decodes, and keeps nothing of the message.
fn decode<M: DeserializeOwned>(bytes: &[u8], limits: DecodeLimits) -> Result<(), DecodeError> {
    codec::decode::<M>(bytes, &limits).map(drop)
}

/// The limits of a link of the default size.
fn limits() -> DecodeLimits {
    DecodeLimits::new().for_link(16 * MIB)
}

fn encode<M: Serialize>(message: &M, depth: u32) -> Result<Vec<u8>, EncodeError> {
    codec::encode(message, postcard::ser_flavors::AllocVec::default(), depth)
}

/// A number as postcard writes it.
fn varint(number: usize) -> Vec<u8> {
    postcard::to_allocvec(&number).unwrap()
}

#[derive(Debug, Serialize, Deserialize)]
enum Chain {
    Leaf,
    Tuple(Box<Chain>, ()),
    Newtype(Box<Chain>),
    Struct { next: Box<Chain> },
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    next: Option<Box<List>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Nest(Vec<Nest>);

#[derive(Debug, Serialize, Deserialize)]
struct Maps(BTreeMap<u8, Maps>);

/// Bytes in which a type nests `levels` deep.
type Deep = fn(usize) -> Vec<u8>;

fn repeated(levels: usize, level: &[u8]) -> Vec<u8> {
    let mut bytes = level.repeat(levels);
    bytes.push(0);
    bytes
}

#[test]
fn what_nests_too_deep_is_refused() {
    type Case = (&'static str, Deep, fn(&[u8], DecodeLimits) -> Result<(), DecodeError>);
    let cases: &[Case] = &[
        ("tuple variants", |levels| repeated(levels, &[1]), decode::<Chain>),
        ("newtype variants", |levels| repeated(levels, &[2]), decode::<Chain>),
        ("struct variants", |levels| repeated(levels, &[3]), decode::<Chain>),
        ("options", |levels| repeated(levels, &[1]), decode::<List>),
        ("shared options", |levels| repeated(levels, &[1]), decode::<Shared>),
        // The innermost sequence and map are a level too.
        ("sequences", |levels| repeated(levels - 1, &[1]), decode::<Nest>),
        ("maps", |levels| repeated(levels - 1, &[1, 7]), decode::<Maps>),
    ];
    for (name, deep, decode) in cases {
        assert_eq!(decode(&deep(128), limits()), Ok(()), "{name}");
        for levels in [129, MIB] {
            let refused = Err(DecodeError::TooDeep { max: 128 });
            assert_eq!(decode(&deep(levels), limits()), refused, "{name}");
        }
        assert_eq!(decode(&deep(200), limits().depth(200)), Ok(()), "{name}");
        let refused = Err(DecodeError::TooDeep { max: 0 });
        assert_eq!(decode(&deep(1), limits().depth(0)), refused, "{name}");
    }
}

/// A recursion by way of a newtype.
#[derive(Debug)]
struct Shared(#[allow(dead_code)] Option<Rc<Shared>>);

impl<'de> Deserialize<'de> for Shared {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<Box<Shared>>::deserialize(deserializer)?.map(Rc::from)))
    }
}

#[test]
fn the_sender_of_what_nests_too_deep_hears_so() {
    let chain = |levels| (0..levels).fold(Chain::Leaf, |next, _| Chain::Newtype(next.into()));
    let list =
        |levels| (0..levels).fold(List::default(), |next, _| List { next: Some(next.into()) });
    let nest = |levels| (1..levels).fold(Nest(Vec::new()), |nest, _| Nest(vec![nest]));
    for levels in [127, 128] {
        assert!(encode(&chain(levels), 128).is_ok());
        assert!(encode(&list(levels), 128).is_ok());
        assert!(encode(&nest(levels), 128).is_ok());
    }
    let refused = Some(EncodeError::TooDeep { max: 128 });
    assert_eq!(encode(&chain(129), 128).err(), refused);
    assert_eq!(encode(&list(129), 128).err(), refused);
    assert_eq!(encode(&nest(129), 128).err(), refused);
}

#[test]
fn what_is_flat_nests_in_nothing() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat(u32, [(u8, String); 2], Option<()>, Plain);
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Plain {
        One,
    }
    let message = Flat(7, Default::default(), None, Plain::One);
    let bytes = encode(&message, 0).unwrap();
    assert_eq!(codec::decode(&bytes, &limits().depth(0)), Ok(message));
}

#[test]
fn elements_that_take_no_bytes_are_counted() {
    #[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
    struct Marker;
    #[derive(Debug, Deserialize)]
    struct Skipped {
        #[serde(skip)]
        _cache: u8,
    }
    type Case = fn(&[u8], DecodeLimits) -> Result<(), DecodeError>;
    let cases: &[(&str, Case)] = &[
        ("units", decode::<Vec<()>>),
        ("ordered units", decode::<BTreeSet<()>>),
        ("hashed units", decode::<HashSet<Marker>>),
        ("units by units", decode::<BTreeMap<(), Marker>>),
        ("arrays of nothing", decode::<Vec<[u64; 0]>>),
        ("skipped fields", decode::<Vec<Skipped>>),
        ("boxed units", decode::<Vec<Box<((), Marker)>>>),
    ];
    let most = DecodeLimits::DEFAULT_EMPTY_ELEMENTS;
    for (name, decode) in cases {
        assert_eq!(decode(&varint(most), limits()), Ok(()), "{name}");
        for len in [most + 1, MIB] {
            let refused = Err(DecodeError::TooManyEmptyElements { max: most });
            assert_eq!(decode(&varint(len), limits()), refused, "{name}");
        }
        for len in [1 << 60, usize::MAX] {
            let max = 128 * MIB;
            let refused = Err(DecodeError::TooMuchMemory { max });
            assert_eq!(decode(&varint(len), limits()), refused, "{name}");
        }
        assert_eq!(decode(&varint(2 * most), limits().empty_elements(2 * most)), Ok(()));
    }
}

#[test]
fn elements_that_take_no_bytes_are_counted_together() {
    // 10,000 sequences of 10,000 units each.
    let bytes = [varint(10_000), varint(10_000).repeat(10_000)].concat();
    let max = DecodeLimits::DEFAULT_EMPTY_ELEMENTS;
    let refused = Err(DecodeError::TooManyEmptyElements { max });
    assert_eq!(decode::<Vec<Vec<()>>>(&bytes, limits()), refused);
}

#[derive(Debug, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "it is what is tested")]
enum Large {
    Nothing,
    Tile([[u64; 32]; 4]),
}

#[test]
fn what_takes_too_much_memory_is_refused() {
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
    struct Wide(Option<[u64; 32]>);
    type Case = fn(&[u8], DecodeLimits) -> Result<(), DecodeError>;
    let cases: &[(&str, Case)] = &[
        ("large variants", decode::<Vec<Large>>),
        ("large options", decode::<Vec<Option<[u64; 32]>>>),
        ("boxes of large variants", decode::<Vec<Box<Large>>>),
        ("reference counts of large variants", decode::<Vec<Box<Newtype<Large>>>>),
        ("options of large values", decode::<Vec<Box<Option<Wide>>>>),
        ("vectors", decode::<Vec<Vec<u64>>>),
        ("a set", decode::<BTreeSet<Wide>>),
    ];
    let bytes = [varint(16_000_000), vec![0; 16_000_000]].concat();
    for (name, decode) in cases {
        let refused = Err(DecodeError::TooMuchMemory { max: 128 * MIB });
        assert_eq!(decode(&bytes, limits()), refused, "{name}");
    }
    let pairs = [varint(8_000_000), vec![0; 16_000_000]].concat();
    let refused = Err(DecodeError::TooMuchMemory { max: 128 * MIB });
    assert_eq!(decode::<BTreeMap<u8, Large>>(&pairs, limits()), refused);
}

#[derive(Debug, Deserialize)]
struct Newtype<T>(#[allow(dead_code)] T);

#[test]
fn the_limit_on_memory_can_be_set() {
    let bytes = [varint(1000), vec![0; 1000]].concat();
    let size = 1000 * size_of::<Large>();
    assert_eq!(decode::<Vec<Large>>(&bytes, limits().memory(size)), Ok(()));
    assert_eq!(
        decode::<Vec<Large>>(&bytes, limits().memory(size - 1)),
        Err(DecodeError::TooMuchMemory { max: size - 1 })
    );
}

#[test]
fn the_longest_messages_of_numbers_bytes_and_texts_are_within_the_default() {
    let len = MIB - 3;
    let limits = || DecodeLimits::new().for_link(MIB);
    let bytes = [varint(len), vec![0; len]].concat();
    assert_eq!(decode::<Vec<u8>>(&bytes, limits()), Ok(()));
    assert_eq!(decode::<Vec<u64>>(&bytes, limits()), Ok(()));
    assert_eq!(decode::<String>(&bytes, limits()), Ok(()));
    assert_eq!(decode::<Box<[Newtype<i32>]>>(&bytes, limits()), Ok(()));
}

#[test]
fn values_within_their_place_take_no_memory() {
    let flat = encode(&(1u8, [Some(2u64); 9], Large::Nothing), 9).unwrap();
    let limits = limits().memory(0);
    assert_eq!(decode::<(u8, [Option<u64>; 9], Large)>(&flat, limits), Ok(()));
    let tile = encode(&Large::Tile([[1; 32]; 4]), 9).unwrap();
    assert_eq!(decode::<Large>(&tile, limits), Ok(()));
    let refused = Err(DecodeError::TooMuchMemory { max: 0 });
    assert_eq!(decode::<Box<Large>>(&tile, limits), refused);
    assert_eq!(decode::<Vec<u8>>(&[0], limits), Ok(()));
    assert_eq!(decode::<Vec<u8>>(&[1, 0], limits), refused);
}

#[test]
fn a_link_derives_what_is_not_set() {
    let unset = DecodeLimits::new();
    assert_eq!(unset.for_link(MIB).max_memory(1), 8 * MIB);
    assert_eq!(unset.for_link(10).max_memory(1), DecodeLimits::MIN_DERIVED_MEMORY);
    assert_eq!(unset.for_link(usize::MAX).max_memory(1), usize::MAX);
    assert_eq!(unset.memory(3).for_link(MIB).max_memory(1), 3);
    assert_eq!(unset.max_memory(MIB), 8 * MIB);
}

#[test]
fn errors_name_the_limit() {
    let deep = decode::<List>(&[1; 1000], limits()).unwrap_err();
    assert_eq!(deep.to_string(), "nested deeper than 128 levels (DecodeLimits::depth)");
    let wide = decode::<Vec<()>>(&varint(usize::MAX), limits()).unwrap_err();
    assert!(wide.to_string().ends_with("(DecodeLimits::memory)"), "{wide}");
    let many = decode::<Vec<()>>(&varint(MIB), limits()).unwrap_err();
    assert!(many.to_string().ends_with("(DecodeLimits::empty_elements)"), "{many}");
    let too_deep = encode(&List { next: Some(Default::default()) }, 0).unwrap_err();
    assert_eq!(too_deep.to_string(), "nested deeper than 0 levels (DecodeLimits::depth)");
}

//! Within its limits, the codec is postcard: the same bytes, the same values, the same errors.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::CString;
use std::fmt::Debug;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use homing_core::codec::{self, DecodeError, DecodeLimits};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

/// No limits that a test could reach.
fn boundless() -> DecodeLimits {
    DecodeLimits::new().depth(u32::MAX).memory(usize::MAX).empty_elements(usize::MAX)
}

fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    let storage = postcard::ser_flavors::AllocVec::default();
    codec::encode(message, storage, DecodeLimits::DEFAULT_DEPTH).unwrap()
}

/// `message` travels, and its bytes are postcard's.
#[track_caller]
fn travels<M: Serialize + DeserializeOwned + PartialEq + Debug>(message: &M) {
    let bytes = postcard::to_allocvec(message).unwrap();
    assert_eq!(encode(message), bytes);
    let decoded: M = codec::decode(&bytes, &DecodeLimits::new()).unwrap();
    assert_eq!(&decoded, message);
    truncated_and_extended::<M>(&bytes);
}

/// What is not exactly one message is none.
fn truncated_and_extended<M: DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    for len in (0..bytes.len()).step_by(bytes.len() / 8 + 1) {
        same::<M>(&bytes[..len]);
    }
    let more = [bytes, &[0]].concat();
    assert_eq!(
        codec::decode::<M>(&more, &DecodeLimits::new()),
        Err(DecodeError::LeftOver { len: 1 })
    );
}

/// Postcard and the codec make the same of `bytes`.
#[track_caller]
fn same<M: DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    let ours = codec::decode::<M>(bytes, &boundless());
    match postcard::take_from_bytes::<M>(bytes) {
        Ok((message, [])) => assert_eq!(ours, Ok(message)),
        Ok((_, rest)) => assert_eq!(ours, Err(DecodeError::LeftOver { len: rest.len() })),
        // A length may exceed all that there is, before the bytes are found to end.
        Err(_) => assert!(
            matches!(ours, Err(DecodeError::Invalid { .. } | DecodeError::TooMuchMemory { .. })),
            "{ours:?}"
        ),
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Scalars {
    bool: bool,
    signed: (i8, i16, i32, i64, i128, isize),
    unsigned: (u8, u16, u32, u64, u128, usize),
    floats: (u8, Option<f32>, [f64; 2]),
    char: char,
    nothing: (),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Marker;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype<T>(T);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Text(String),
    Boxed(Box<Tree>),
    Two(Box<Tree>, u16),
    Many { nodes: Vec<Tree>, by_name: BTreeMap<String, Tree> },
    Maybe(Option<Box<Tree>>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Collections {
    bytes: Vec<u8>,
    shorts: Box<[i16]>,
    text: Box<str>,
    c_text: CString,
    texts: BTreeSet<String>,
    numbers: HashMap<u32, Vec<Option<u64>>>,
    markers: Vec<Marker>,
    units: Vec<()>,
    nothings: BTreeMap<(), Marker>,
    result: Result<u8, String>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Shown(String);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}", self.0))
    }
}

fn scalars() -> impl Strategy<Value = Scalars> {
    let floats = (any::<u8>(), proptest::option::of(-1e9f32..1e9), [-1e9..1e9, -1e9..1e9]);
    type Signed = (i8, i16, i32, i64, i128, isize);
    type Unsigned = (u8, u16, u32, u64, u128, usize);
    (any::<bool>(), any::<Signed>(), any::<Unsigned>(), floats, any::<char>()).prop_map(
        |(bool, signed, unsigned, floats, char)| Scalars {
            bool,
            signed,
            unsigned,
            floats,
            char,
            nothing: (),
        },
    )
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![Just(Tree::Leaf), ".{0,4}".prop_map(Tree::Text)];
    leaf.prop_recursive(6, 40, 4, |inner| {
        let nodes = proptest::collection::vec(inner.clone(), 0..4);
        let by_name = proptest::collection::btree_map(".{0,3}", inner.clone(), 0..4);
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Boxed(tree.into())),
            (inner.clone(), any::<u16>()).prop_map(|(tree, n)| Tree::Two(tree.into(), n)),
            (nodes, by_name).prop_map(|(nodes, by_name)| Tree::Many { nodes, by_name }),
            proptest::option::of(inner).prop_map(|tree| Tree::Maybe(tree.map(Box::new))),
        ]
    })
}

fn collections() -> impl Strategy<Value = Collections> {
    let numbers = proptest::collection::vec(any::<Option<u64>>(), 0..9);
    let numbers = proptest::collection::hash_map(any::<u32>(), numbers, 0..9);
    let (empty, texts) = (0..20usize, proptest::collection::btree_set(".{0,9}", 0..9));
    let c_text = proptest::collection::vec(1..=255u8, 0..9);
    let result = any::<Result<u8, String>>();
    (any::<Vec<u8>>(), any::<Vec<i16>>(), ".{0,9}", c_text, texts, numbers, empty, result).prop_map(
        |(bytes, shorts, text, c_text, texts, numbers, empty, result)| Collections {
            bytes,
            shorts: shorts.into(),
            text: text.into(),
            c_text: CString::new(c_text).unwrap(),
            texts,
            numbers,
            markers: vec![Marker; empty],
            units: vec![(); empty],
            nothings: (empty > 0).then_some(((), Marker)).into_iter().collect(),
            result,
        },
    )
}

proptest! {
    #[test]
    fn scalars_travel(message in scalars()) {
        travels(&message);
        travels(&Newtype(Some(message)));
    }

    #[test]
    fn trees_travel(message in tree()) {
        travels(&message);
    }

    #[test]
    fn collections_travel(message in collections()) {
        travels(&message);
    }

    #[test]
    fn types_of_the_standard_library_travel(
        (duration, from, till) in any::<(Duration, u32, u32)>(),
        address: IpAddr,
        text in ".{0,20}",
    ) {
        travels(&(duration, Range { start: from, end: till }, address));
        travels(&(Newtype(Pair(3, text.clone())), [Some(&text).cloned(), None]));
        travels(&Shown(text));
    }

    #[test]
    fn arbitrary_bytes_decode_as_with_postcard(bytes: Vec<u8>) {
        same::<Scalars>(&bytes);
        same::<Tree>(&bytes);
        same::<Vec<Tree>>(&bytes);
        same::<Vec<(bool, Option<char>)>>(&bytes);
        same::<HashMap<u8, Pair>>(&bytes);
        same::<Vec<Result<i128, CString>>>(&bytes);
    }

    #[test]
    fn sender_and_receiver_agree_how_deep_a_message_nests(message in tree(), depth in 0..20u32) {
        let bytes = postcard::to_allocvec(&message).unwrap();
        let storage = postcard::ser_flavors::AllocVec::default();
        let encoded = codec::encode(&message, storage, depth).is_ok();
        let decoded = codec::decode::<Tree>(&bytes, &boundless().depth(depth)).is_ok();
        prop_assert_eq!(encoded, decoded);
    }
}

#[test]
fn texts_and_bytes_can_be_borrowed() {
    let message = ("text", &b"bytes"[..], Some("more"));
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Borrowed<'a>(&'a str, #[serde(borrow)] Option<&'a str>);
    let bytes = encode(&Borrowed(message.0, message.2));
    let decoded: Borrowed<'_> = codec::decode(&bytes, &DecodeLimits::new()).unwrap();
    assert_eq!(decoded, Borrowed("text", Some("more")));
    assert!(bytes.as_ptr_range().contains(&decoded.0.as_ptr()));
}

#[test]
fn lengths_and_tags_that_are_none_are_refused() {
    let too_long = [0xff; 11];
    same::<Vec<u8>>(&too_long);
    same::<BTreeMap<u8, u8>>(&too_long);
    same::<Option<u8>>(&[2, 0]);
    same::<Tree>(&[6]);
    same::<Tree>(&[0xff, 0xff, 0xff, 0xff, 0xff]);
}

#[test]
fn types_that_need_a_format_that_describes_itself_are_refused() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(u32),
    }
    let error = codec::decode::<Untagged>(&[1], &DecodeLimits::new()).unwrap_err();
    assert!(error.to_string().contains("untagged"), "{error}");
}

//! What a message may be: what `docs/messages.md` says of serde's attributes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use homing_core::{Payload, Undecodable};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a receiver of `M` gets of what a sender of `S` has sent; the outer error is the
/// sender's.
fn sent<S: Serialize, M: DeserializeOwned>(
    message: &S,
) -> Result<Result<M, Undecodable>, postcard::Error> {
    let mut buffer = [0; 64];
    let bytes = postcard::to_slice(message, &mut buffer)?;
    Ok(Payload::bytes(bytes).decode())
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum InternallyTagged {
    Number { n: u32 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value")]
enum AdjacentlyTagged {
    Number { n: u32 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    n: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flattened {
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum SkippedVariant {
    A,
    #[serde(skip)]
    #[allow(dead_code, reason = "it is skipped")]
    B,
    C,
    D,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct SkippedIfEmpty {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<u8>,
    count: u8,
    more: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct SkippedField {
    #[serde(skip)]
    local: u8,
    #[serde(rename = "number")]
    n: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct OtherOrder {
    total: u8,
    done: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    done: u8,
    total: u8,
}

#[test]
fn enums_that_are_told_apart_by_their_content_cannot_be_read() {
    let refused = sent::<_, Untagged>(&Untagged::Number(7)).unwrap().unwrap_err();
    assert!(refused.expected().ends_with("Untagged"));
    assert!(!refused.detail().is_empty());
    let tagged = InternallyTagged::Number { n: 7 };
    assert!(sent::<_, InternallyTagged>(&tagged).unwrap().is_err());
    let tagged = AdjacentlyTagged::Number { n: 7 };
    assert!(sent::<_, AdjacentlyTagged>(&tagged).unwrap().is_err());
}

#[test]
fn a_flattened_field_cannot_be_sent() {
    assert!(sent::<_, Flattened>(&Flattened { inner: Inner { n: 7 } }).is_err());
}

#[test]
fn a_skipped_variant_shifts_those_after_it() {
    assert_eq!(sent(&SkippedVariant::A), Ok(Ok(SkippedVariant::A)));
    assert_eq!(sent(&SkippedVariant::C), Ok(Ok(SkippedVariant::D)));
    assert!(sent::<_, SkippedVariant>(&SkippedVariant::D).unwrap().is_err());
}

#[test]
fn a_field_that_is_left_out_is_read_in_what_follows() {
    let with = SkippedIfEmpty { name: Some(1), count: 2, more: 3 };
    assert_eq!(sent(&with), Ok(Ok(with)));
    let without = SkippedIfEmpty { name: None, count: 1, more: 3 };
    assert!(sent::<_, SkippedIfEmpty>(&without).unwrap().is_err());
}

#[test]
fn a_field_that_both_sides_skip_is_fine() {
    let got = sent(&SkippedField { local: 9, n: 7 });
    assert_eq!(got, Ok(Ok(SkippedField { local: 0, n: 7 })));
}

#[test]
fn two_definitions_may_be_read_for_one_another() {
    let got = sent(&OtherOrder { total: 100, done: 7 });
    assert_eq!(got, Ok(Ok(Order { done: 100, total: 7 })));
    assert_eq!(sent(&50u32), Ok(Ok(25i32)));
}

#[test]
fn bytes_that_are_left_over_are_counted() {
    let refused = sent::<_, u8>(&(1u8, 2u8, 3u8)).unwrap().unwrap_err();
    assert_eq!((refused.expected(), refused.detail()), ("u8", "2 bytes are left over"));
}

//! Texts of errors and panics, bounded.

use core::fmt;

/// A text of a worker's, such as an error or the message of a panic: at most
/// [`MAX`](Text::MAX) bytes. A longer text is cut at a character boundary and ends in
/// [`CUT`](Text::CUT).
///
/// Clones share the text. With the feature `alloc` of `homing-core`, which every host with
/// an operating system has; without it a `Text` takes no memory and is always empty.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(repr::Repr);

impl Text {
    /// The longest text in bytes, with the mark of one that was cut.
    pub const MAX: usize = 4096;

    /// What a text ends in that was longer.
    pub const CUT: &'static str = " [cut]";

    /// The empty text.
    pub const EMPTY: Self = Self(repr::EMPTY);

    /// Writes down what `text` displays. What exceeds [`MAX`](Text::MAX) bytes is not
    /// stored.
    pub fn new(text: impl fmt::Display) -> Self {
        Self::bounded(text, Self::MAX)
    }

    /// As [`new`](Text::new), with a smaller limit of `max` bytes.
    pub fn bounded(text: impl fmt::Display, max: usize) -> Self {
        Self(repr::write(format_args!("{text:#}"), max.min(Self::MAX)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        repr::as_str(&self.0)
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Text {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.as_str());
    }
}

#[cfg(feature = "alloc")]
mod repr {
    use alloc::boxed::Box;
    use alloc::string::String;
    #[cfg(target_has_atomic = "ptr")]
    use alloc::sync::Arc;
    use core::fmt::{self, Write};

    use super::Text;

    /// A box within, so that a text is one pointer wide: it is part of what a router hands
    /// over with each arrival.
    #[cfg(target_has_atomic = "ptr")]
    type Shared = Arc<Box<str>>;
    #[cfg(not(target_has_atomic = "ptr"))]
    type Shared = Box<Box<str>>;

    pub(super) type Repr = Option<Shared>;

    pub(super) const EMPTY: Repr = None;

    pub(super) fn as_str(repr: &Repr) -> &str {
        repr.as_ref().map_or("", |text| text)
    }

    pub(super) fn write(text: fmt::Arguments<'_>, max: usize) -> Repr {
        let mut bounded = Bounded { text: String::new(), max, cut: false };
        // The error is either the text's own, which ends it, or says that it was cut.
        let _ = bounded.write_fmt(text);
        (!bounded.text.is_empty()).then(|| Shared::new(bounded.text.into_boxed_str()))
    }

    struct Bounded {
        text: String,
        max: usize,
        cut: bool,
    }

    impl Bounded {
        fn cut(&mut self, more: &str) {
            self.cut = true;
            let keep = self.max.saturating_sub(Text::CUT.len());
            match keep.checked_sub(self.text.len()) {
                Some(room) => self.text.push_str(front(more, room)),
                None => self.text.truncate(front(&self.text, keep).len()),
            }
            if self.text.len() + Text::CUT.len() <= self.max {
                self.text.push_str(Text::CUT);
            }
        }
    }

    impl Write for Bounded {
        fn write_str(&mut self, more: &str) -> fmt::Result {
            if self.cut {
                return Err(fmt::Error);
            }
            if more.len() > self.max - self.text.len() {
                self.cut(more);
                return Err(fmt::Error);
            }
            self.text.push_str(more);
            Ok(())
        }
    }

    /// The whole characters among the first `len` bytes of `text`.
    fn front(text: &str, mut len: usize) -> &str {
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        text.get(..len).unwrap_or("")
    }
}

#[cfg(not(feature = "alloc"))]
mod repr {
    use core::fmt;

    pub(super) type Repr = ();

    pub(super) const EMPTY: Repr = ();

    pub(super) fn as_str((): &Repr) -> &str {
        ""
    }

    pub(super) fn write(_: fmt::Arguments<'_>, _: usize) -> Repr {}
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;

    #[test]
    fn a_text_is_as_wide_as_a_pointer() {
        assert_eq!(size_of::<Text>(), size_of::<usize>());
    }

    #[test]
    fn a_short_text_is_kept() {
        assert_eq!(Text::new("no such file"), "no such file");
        assert_eq!(Text::new(7).to_string(), "7");
        assert!(Text::new("").is_empty());
        assert_eq!(Text::new(""), Text::EMPTY);
    }

    #[test]
    fn a_text_of_the_greatest_length_is_not_cut() {
        let longest = "x".repeat(Text::MAX);
        assert_eq!(Text::new(&longest).as_str(), longest);
    }

    #[test]
    fn a_longer_text_is_cut_at_a_character_and_says_so() {
        for shift in 0..4 {
            let long = String::from("x").repeat(shift) + &"\u{1f3e0}".repeat(Text::MAX);
            let text = Text::new(&long);
            let kept = text.as_str().strip_suffix(Text::CUT).unwrap_or_default();
            assert!(text.as_str().len() <= Text::MAX, "{}", text.as_str().len());
            assert!(kept.len() > Text::MAX - Text::CUT.len() - 4);
            assert!(long.starts_with(kept));
        }
    }

    #[test]
    fn a_text_that_comes_in_pieces_is_cut_too() {
        let text = Text::bounded(format_args!("{}{}{}", "12345", "6789", "0ab"), 10);
        assert_eq!(text, "1234 [cut]");
        assert_eq!(Text::bounded("12345", 3), "");
    }
}

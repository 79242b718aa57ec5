//! A short text on a serial line: why a sender failed.

use core::fmt::{self, Write};

use serde::{Serialize, Serializer};

/// The longest text in bytes.
pub(crate) const MAX_TEXT: usize = 64;

/// What a text ends in that was longer.
const CUT: &str = " [cut]";

/// The first [`MAX_TEXT`] bytes of what something displays, cut at a character boundary.
pub(crate) struct ShortText {
    bytes: [u8; MAX_TEXT],
    len: usize,
    cut: bool,
}

impl ShortText {
    pub(crate) fn new(text: &dyn fmt::Display) -> Self {
        let mut short = Self { bytes: [0; MAX_TEXT], len: 0, cut: false };
        // The error is either the text's own, which ends it, or says that it was cut.
        let _ = write!(short, "{text:#}");
        short
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.len).unwrap_or(&[]);
        core::str::from_utf8(bytes).unwrap_or("")
    }

    fn push(&mut self, text: &str) -> fmt::Result {
        let end = self.len.saturating_add(text.len());
        let place = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        for (to, from) in place.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        self.len = end;
        Ok(())
    }
}

impl Write for ShortText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.cut {
            return Err(fmt::Error);
        }
        if self.push(text).is_ok() {
            return Ok(());
        }
        self.cut = true;
        let keep = MAX_TEXT - CUT.len();
        match keep.checked_sub(self.len) {
            Some(room) => self.push(front(text, room))?,
            None => self.len = front(self.as_str(), keep).len(),
        }
        self.push(CUT)?;
        Err(fmt::Error)
    }
}

/// The whole characters among the first `len` bytes of `text`.
fn front(text: &str, mut len: usize) -> &str {
    loop {
        match text.get(..len) {
            Some(front) => return front,
            None => len = len.saturating_sub(1),
        }
    }
}

impl Serialize for ShortText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(ShortText::new(&"no such sensor").as_str(), "no such sensor");
        let longest = "x".repeat(MAX_TEXT);
        assert_eq!(ShortText::new(&longest).as_str(), longest);
        for shift in 0..4 {
            let long = "x".repeat(shift) + &"\u{1f3e0}".repeat(MAX_TEXT);
            let short = ShortText::new(&long);
            let kept = short.as_str().strip_suffix(CUT).unwrap();
            assert!(kept.len() > MAX_TEXT - CUT.len() - 4 && long.starts_with(kept));
        }
        let pieces = format_args!("{}{}", "x".repeat(62), "xyz").to_string();
        assert_eq!(ShortText::new(&pieces).as_str(), "x".repeat(58) + CUT);
    }
}

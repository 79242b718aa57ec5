//! A worker's link as text, in the worker's environment.

use std::fmt;
use std::str::FromStr;

/// The environment variable that describes a worker's link.
pub(crate) const ENV_VAR: &str = "HOMING_LINK";

/// The version of the text.
const VERSION: &str = "2";

/// What a worker is told about its link: version, foreground, whether wrappers are allowed,
/// signals, handles, transport, limit, depth and first ticket, separated by semicolons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkDescriptor {
    /// The process id of the foreground, which must be the worker's parent.
    pub(crate) foreground: u32,
    /// Whether the parent may be another process.
    pub(crate) any_parent: bool,
    /// Signals that the foreground had blocked when it started the worker: bit n - 1 for
    /// signal n.
    pub(crate) blocked: u64,
    /// Signals that the foreground ignored then.
    pub(crate) ignored: u64,
    /// Handles by which the worker learns of the end of the foreground. None are given to a
    /// worker that is to run on.
    pub(crate) watched: Vec<String>,
    /// The handles of the link.
    pub(crate) handles: Vec<String>,
    pub(crate) transport: String,
    pub(crate) limit: usize,
    pub(crate) depth: u32,
    /// Empty for a worker without a first pipe.
    pub(crate) ticket: String,
}

#[cfg(unix)]
impl LinkDescriptor {
    /// Notes what the worker has to undo: it inherits these of the calling thread.
    pub(crate) fn note_signals(&mut self) {
        self.blocked = crate::sys::blocked_signals();
        self.ignored = crate::sys::ignored_signals();
    }
}

/// The text is no descriptor of this version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl fmt::Display for LinkDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{VERSION};{};{};{:x};{:x};{};{};{};{};{};{}",
            self.foreground,
            u8::from(self.any_parent),
            self.blocked,
            self.ignored,
            self.watched.join(","),
            self.handles.join(","),
            self.transport,
            self.limit,
            self.depth,
            self.ticket,
        )
    }
}

impl FromStr for LinkDescriptor {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut parts = text.split(';');
        let mut part = || parts.next().ok_or(Malformed);
        if part()? != VERSION {
            return Err(Malformed);
        }
        let descriptor = Self {
            foreground: number(part()?)?,
            any_parent: number::<u8>(part()?)? != 0,
            blocked: signals(part()?)?,
            ignored: signals(part()?)?,
            watched: list(part()?),
            handles: list(part()?),
            transport: part()?.to_owned(),
            limit: number(part()?)?,
            depth: number(part()?)?,
            ticket: part()?.to_owned(),
        };
        match parts.next() {
            None => Ok(descriptor),
            Some(_) => Err(Malformed),
        }
    }
}

fn number<N: FromStr>(text: &str) -> Result<N, Malformed> {
    text.parse().map_err(|_| Malformed)
}

fn signals(text: &str) -> Result<u64, Malformed> {
    u64::from_str_radix(text, 16).map_err(|_| Malformed)
}

fn list(text: &str) -> Vec<String> {
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_survives_being_written() {
        let descriptor = LinkDescriptor {
            foreground: 7,
            any_parent: true,
            blocked: 1 << 63,
            ignored: 2,
            watched: vec!["5:1:9".into()],
            handles: vec!["3:1:2".into(), "4:1:3".into()],
            transport: "pipe".into(),
            limit: 16,
            depth: 128,
            ticket: "homing1-00".into(),
        };
        assert_eq!(descriptor.to_string().parse(), Ok(descriptor));
        let none = LinkDescriptor::default();
        assert_eq!(none.to_string().parse(), Ok(none));
    }

    #[test]
    fn other_texts_are_malformed() {
        for text in [
            "",
            "2",
            "1;pipe;3:1:2;16;t",
            "3;7;0;0;0;;;pipe;16;9;t",
            "2;7;0;0;0;;;pipe;16;9",
            "2;7;0;0;0;;;pipe;16;t",
            "2;7;0;0;0;;;pipe;16;9;t;more",
            "2;7;0;0;0;;;pipe;many;9;t",
            "2;-7;0;0;0;;;pipe;16;9;t",
            "2;7;0;g;0;;;pipe;16;9;t",
        ] {
            assert_eq!(text.parse::<LinkDescriptor>(), Err(Malformed), "{text}");
        }
    }
}

//! What a worker process finds: its inherited link.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{OwnedHandle, handles};

/// The environment variable that describes a worker's link.
pub(crate) const VARIABLE: &str = "HOMING_LINK";

/// The version of the description.
const VERSION: &str = "1";

/// The link that this process inherited from the foreground that started it.
#[derive(Debug)]
pub struct Inherited {
    /// The transport's name.
    pub transport: String,
    /// The handles, in the order in which the transport gave them.
    pub handles: Vec<OwnedHandle>,
    /// The most bytes of one message.
    pub limit: usize,
    /// The ticket of the worker's first pipe, as text.
    pub ticket: String,
}

/// The handles can be owned once only.
static TAKEN: AtomicBool = AtomicBool::new(false);

impl Inherited {
    /// Takes the link that this process inherited. It can be taken once.
    ///
    /// The handles are checked to be what the foreground handed over, and are not inherited
    /// further.
    ///
    /// # Errors
    ///
    /// When the process was not started as a worker, the link was taken before, or the
    /// handles are not there.
    pub fn take() -> Result<Self, InheritError> {
        let description = match std::env::var(VARIABLE) {
            Ok(text) => text.parse::<Description>()?,
            Err(std::env::VarError::NotPresent) => return Err(InheritError::NotAWorker),
            Err(std::env::VarError::NotUnicode(_)) => return Err(InheritError::Malformed),
        };
        if TAKEN.swap(true, Ordering::AcqRel) {
            return Err(InheritError::Taken);
        }
        let Description { transport, handles, limit, ticket } = description;
        let handles = handles::adopt(&handles).map_err(|_| InheritError::NoSuchHandle)?;
        Ok(Self { transport, handles, limit, ticket })
    }
}

/// Why a process found no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InheritError {
    /// This process was not started as a worker.
    NotAWorker,
    /// The link was taken before.
    Taken,
    /// The description in the environment is none.
    Malformed,
    /// The handles are not there: they were closed on the way, or this is a worker's child.
    NoSuchHandle,
    /// This program was built without the transport that the foreground chose, or has not
    /// registered it.
    NoSuchTransport,
    /// What was asked for needs another transport than the foreground chose.
    Unsupported,
}

impl fmt::Display for InheritError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InheritError::NotAWorker => "this process was not started as a worker",
            InheritError::Taken => "the worker's link was taken before",
            InheritError::Malformed => "the description of the worker's link is malformed",
            InheritError::NoSuchHandle => "the worker's link is not open in this process",
            InheritError::NoSuchTransport => {
                "this program lacks the transport of the worker's link: a feature of `homing`, \
                 or `homing::worker::register`"
            }
            InheritError::Unsupported => "the transport of the worker's link cannot do that",
        })
    }
}

impl std::error::Error for InheritError {}

/// A worker's link as text: version, transport, handles, limit and first ticket, separated
/// by semicolons.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) transport: String,
    pub(crate) handles: Vec<String>,
    pub(crate) limit: usize,
    pub(crate) ticket: String,
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, handles, limit, ticket } = self;
        write!(f, "{VERSION};{transport};{};{limit};{ticket}", handles.join(","))
    }
}

impl FromStr for Description {
    type Err = InheritError;

    fn from_str(text: &str) -> Result<Self, InheritError> {
        let mut parts = text.split(';');
        let mut part = || parts.next().ok_or(InheritError::Malformed);
        if part()? != VERSION {
            return Err(InheritError::Malformed);
        }
        let description = Self {
            transport: part()?.to_owned(),
            handles: match part()? {
                "" => Vec::new(),
                names => names.split(',').map(str::to_owned).collect(),
            },
            limit: part()?.parse().map_err(|_| InheritError::Malformed)?,
            ticket: part()?.to_owned(),
        };
        match parts.next() {
            None => Ok(description),
            Some(_) => Err(InheritError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_survives_being_written() {
        let description = Description {
            transport: "pipe".into(),
            handles: vec!["3:1:2".into(), "4:1:3".into()],
            limit: 16,
            ticket: "homing2-00".into(),
        };
        assert_eq!(description.to_string().parse(), Ok(description));
        let none = Description {
            transport: "none".into(),
            handles: Vec::new(),
            limit: 0,
            ticket: String::new(),
        };
        assert_eq!(none.to_string().parse(), Ok(none));
        for text in ["", "1", "2;pipe;3;16;t", "1;pipe;3;many;t", "1;pipe;3;16;t;more"] {
            assert_eq!(text.parse::<Description>(), Err(InheritError::Malformed), "{text}");
        }
    }
}

//! The transports that a worker's program has beside Homing's own.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use homing_process::{AdoptedLink, OwnedHandle};

/// Adopts the handles of a link.
type Adopt = Box<dyn FnOnce(Vec<OwnedHandle>, usize) -> io::Result<Arc<dyn AdoptedLink>> + Send>;

static REGISTERED: Mutex<Vec<(&'static str, Adopt)>> = Mutex::new(Vec::new());

/// The names of Homing's own transports, whether or not this program was built with them.
const RESERVED: [&str; 2] = ["pipe", "shm"];

/// Registers the worker's side of a transport of one's own, by the name that its
/// [`Prepared`](crate::transport::Prepared) links have.
///
/// `adopt` is given the handles that the worker inherited, in the order in which the foreground
/// prepared them, and the most bytes of one message. It is called once, by the first of
/// [`link`](super::link) and [`sender`](super::sender), when the foreground has chosen this
/// transport. A link that was asked for earlier, and refused with
/// [`NoSuchTransport`](super::InheritError::NoSuchTransport), can be asked for again.
///
/// # Errors
///
/// [`AlreadyRegistered`] when there is a transport of this name: Homing's own are `pipe` and
/// `shm`.
///
/// # A complete transport
///
/// This is a part of the example `own_transport`, whose `main` registers it with
/// `register(NAME, DatagramLink::adopt)`. The foreground's side is its first half, the worker's
/// the second.
///
#[cfg_attr(unix, doc = "```no_run")]
#[cfg_attr(not(unix), doc = "```ignore")]
#[doc = include_str!("../../examples/own_transport/datagrams.rs")]
/// ```
pub fn register<L: AdoptedLink>(
    transport: &'static str,
    adopt: impl FnOnce(Vec<OwnedHandle>, usize) -> io::Result<L> + Send + 'static,
) -> Result<(), AlreadyRegistered> {
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_taken = registered.iter().any(|(name, _)| *name == transport);
    if is_taken || RESERVED.contains(&transport) {
        return Err(AlreadyRegistered { transport });
    }
    registered.push((
        transport,
        Box::new(|handles, limit| Ok(Arc::new(adopt(handles, limit)?) as Arc<dyn AdoptedLink>)),
    ));
    Ok(())
}

/// Takes what was registered by this name.
pub(super) fn take(transport: &str) -> Option<Adopt> {
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    let at = registered.iter().position(|(name, _)| *name == transport)?;
    Some(registered.swap_remove(at).1)
}

/// A transport of this name is registered already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlreadyRegistered {
    /// The name.
    pub transport: &'static str,
}

impl fmt::Display for AlreadyRegistered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a transport named {:?} is registered already", self.transport)
    }
}

impl std::error::Error for AlreadyRegistered {}

//! What a worker process finds: its inherited link.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::descriptor::{ENV_VAR, LinkDescriptor};
use crate::{OwnedHandle, handles};

/// The link that this process inherited from the foreground that started it.
#[derive(Debug)]
pub struct Inherited {
    /// The transport's name.
    pub transport: String,
    /// The handles, in the order in which the transport gave them.
    pub handles: Vec<OwnedHandle>,
    /// The most bytes of one message.
    pub limit: usize,
    /// How many levels deep a message may nest.
    pub depth: u32,
    /// The ticket of the worker's first pipe, as text. `None` where it was started without one.
    pub ticket: Option<String>,
}

/// The handles can be owned once only.
static TAKEN: AtomicBool = AtomicBool::new(false);

impl Inherited {
    /// Takes the link that this process inherited. It can be taken once.
    ///
    /// A process is a worker when the environment describes a link, the foreground that it
    /// names is this process's parent, and the handles are what the foreground handed over. A
    /// worker's own children inherit the text, and are no workers.
    ///
    /// The handles are not inherited further. Signals that the foreground had blocked are
    /// received again by the calling thread, those that it ignored have their default
    /// disposition again. Unless the foreground wanted it
    /// [to run on](crate::SpawnOptions::keep_running), this process is killed when the
    /// foreground ends, by a thread that is started here and, on Linux, by the kernel.
    ///
    /// # Errors
    ///
    /// When the process was not started as a worker, the link was taken before, or the
    /// handles are not there.
    pub fn take() -> Result<Self, InheritError> {
        if TAKEN.load(Ordering::Acquire) {
            return Err(InheritError::Taken);
        }
        let descriptor = descriptor()?;
        if TAKEN.swap(true, Ordering::AcqRel) {
            return Err(InheritError::Taken);
        }
        // In one call, which looks that none is named twice.
        let names = [&descriptor.handles[..], &descriptor.watched[..]].concat();
        let mut handles = handles::adopt(&names).map_err(|_| {
            // A helper of a worker, where the parent says nothing.
            if descriptor.any_parent {
                InheritError::NotAWorker
            } else {
                InheritError::NoSuchHandle
            }
        })?;
        let watched = handles.split_off(descriptor.handles.len());
        crate::fork::install();
        #[cfg(unix)]
        {
            crate::sys::restore_signals(descriptor.blocked, descriptor.ignored);
            crate::guard::arm(&descriptor, watched);
        }
        #[cfg(not(unix))]
        drop(watched);
        let LinkDescriptor { transport, limit, depth, ticket, .. } = descriptor;
        let ticket = Some(ticket).filter(|ticket| !ticket.is_empty());
        Ok(Self { transport, handles, limit, depth, ticket })
    }
}

/// The description of the link, if it is one of this process.
fn descriptor() -> Result<LinkDescriptor, InheritError> {
    let Some(text) = std::env::var_os(ENV_VAR) else { return Err(InheritError::NotAWorker) };
    let Some(descriptor) = text.to_str().and_then(|text| text.parse::<LinkDescriptor>().ok())
    else {
        log::warn!("{ENV_VAR} is set, but not by this version of Homing: this is not a worker");
        return Err(InheritError::NotAWorker);
    };
    #[cfg(unix)]
    if !descriptor.any_parent {
        let parent = std::os::unix::process::parent_id();
        if descriptor.foreground != parent {
            log::debug!(
                "{ENV_VAR} names the foreground {}, but the parent of this process is {parent}: \
                 this is a worker's child, or the foreground is gone, or a wrapper stands between \
                 (see SpawnOptions::adopt_through_wrappers)",
                descriptor.foreground
            );
            return Err(InheritError::NotAWorker);
        }
    }
    Ok(descriptor)
}

/// Why a process found no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InheritError {
    /// This process was not started as a worker.
    NotAWorker,
    /// The link was taken before.
    Taken,
    /// The ticket of the first pipe is none.
    Malformed,
    /// This worker was started without a first pipe. Its pipes are made of tickets that it is given,
    /// on the link that `homing::worker::link` returns.
    NoFirstPipe,
    /// The handles are not there: a program on the way has closed them.
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
            InheritError::NoFirstPipe => {
                "this worker was started without a first pipe: its senders are made of tickets, on \
                 the link that `homing::worker::link` returns"
            }
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

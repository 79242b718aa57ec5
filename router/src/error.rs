//! Errors of the router.

use std::{fmt, io};

use homing_core::{PipeErrorKind, RouterState, WrongState};

/// Why a link was not made.
#[derive(Debug)]
#[non_exhaustive]
pub enum LinkError<E> {
    /// The router does not run.
    WrongState(WrongState<RouterState>),
    /// The transport could not make it.
    Transport(E),
    /// Its doorbell cannot be watched.
    Watch(io::Error),
    /// There are 2³² links.
    TooMany,
}

impl<E: fmt::Display> fmt::Display for LinkError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::WrongState(wrong) => wrong.fmt(f),
            LinkError::Transport(_) => f.write_str("the transport made no link"),
            LinkError::Watch(_) => f.write_str("the link cannot be watched"),
            LinkError::TooMany => f.write_str("there are too many links"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for LinkError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LinkError::Transport(error) => Some(error),
            LinkError::Watch(error) => Some(error),
            LinkError::WrongState(_) | LinkError::TooMany => None,
        }
    }
}

/// Why a worker process was not started.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no link for it.
    Link(LinkError<io::Error>),
    /// Its first pipe was not made.
    Pipe(PipeErrorKind),
    /// The process could not be started.
    Process(io::Error),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::Link(LinkError::WrongState(wrong)) => wrong.fmt(f),
            SpawnError::Link(_) => f.write_str("the worker has no link"),
            SpawnError::Pipe(refused) => refused.fmt(f),
            SpawnError::Process(_) => f.write_str("the worker process could not be started"),
        }
    }
}

impl std::error::Error for SpawnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SpawnError::Link(error) => Some(error),
            SpawnError::Process(error) => Some(error),
            SpawnError::Pipe(_) => None,
        }
    }
}

impl From<LinkError<io::Error>> for SpawnError {
    fn from(error: LinkError<io::Error>) -> Self {
        SpawnError::Link(error)
    }
}

/// Why [`route_until`](crate::Router::route_until) returned before its condition held.
#[derive(Debug)]
#[non_exhaustive]
pub enum RouteError {
    /// The router does not run.
    WrongState(WrongState<RouterState>),
    /// The time is over. What was queued by then has been routed. It can be called again.
    TimedOut,
    /// There is no open pipe whose worker could still send, so waiting without a timeout
    /// would not end.
    NobodyLeft,
    /// All that waits is for mailboxes that are full and that nobody reads meanwhile, so
    /// waiting without a timeout would not end.
    MailboxFull,
    /// It was called by a handler, which the router waits for.
    Nested,
    /// The system cannot wait.
    Wait(io::Error),
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteError::WrongState(wrong) => wrong.fmt(f),
            RouteError::TimedOut => f.write_str("timed out waiting for messages"),
            RouteError::NobodyLeft => f.write_str("no worker is left that could send"),
            RouteError::MailboxFull => f.write_str("the mailboxes are full, and nobody reads them"),
            RouteError::Nested => {
                f.write_str("a handler cannot route: the router is routing to it")
            }
            RouteError::Wait(_) => f.write_str("cannot wait for messages"),
        }
    }
}

impl std::error::Error for RouteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RouteError::Wait(error) => Some(error),
            _ => None,
        }
    }
}

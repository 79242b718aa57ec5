//! Errors of the router.

use std::{fmt, io};

use homing_core::{PipeErrorKind, RouterState, WrongState};
use homing_process::StartError;

use crate::reap::Unreaped;

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
    Process(StartError),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::Link(LinkError::WrongState(wrong)) => wrong.fmt(f),
            SpawnError::Link(_) => f.write_str("the worker has no link"),
            SpawnError::Pipe(refused) => refused.fmt(f),
            SpawnError::Process(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SpawnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SpawnError::Link(error) => Some(error),
            SpawnError::Process(error) => std::error::Error::source(error),
            SpawnError::Pipe(_) => None,
        }
    }
}

impl From<LinkError<io::Error>> for SpawnError {
    fn from(error: LinkError<io::Error>) -> Self {
        SpawnError::Link(error)
    }
}

/// Why a router was not [stopped](crate::Router::stop), or what it has left.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopError {
    /// The router does not run.
    WrongState(WrongState<RouterState>),
    /// The router has stopped. These worker processes could not be killed, or have not ended.
    Unreaped(Vec<Unreaped>),
    /// A handler called [`shutdown`](crate::Router::shutdown), which routes; the router is
    /// routing to that handler. A handler may call `stop`.
    Nested,
}

impl fmt::Display for StopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopError::WrongState(wrong) => wrong.fmt(f),
            StopError::Unreaped(workers) => {
                f.write_str("the router has stopped, but ")?;
                for (index, worker) in workers.iter().enumerate() {
                    write!(f, "{}{worker}", if index == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            StopError::Nested => f.write_str(
                "a handler cannot shut down the router that is routing to it; it can stop it",
            ),
        }
    }
}

impl std::error::Error for StopError {}

impl From<WrongState<RouterState>> for StopError {
    fn from(wrong: WrongState<RouterState>) -> Self {
        StopError::WrongState(wrong)
    }
}

/// Why [`route_until`](crate::Router::route_until) returned before its condition held.
#[derive(Debug)]
#[non_exhaustive]
pub enum RouteError {
    /// The router does not run.
    WrongState(WrongState<RouterState>),
    /// The time is over. What was queued by then has been routed, as far as the budget of one
    /// dispatch goes. It can be called again.
    TimedOut,
    /// A [`RouteInterrupt`](crate::RouteInterrupt) was used. It can be called again.
    Interrupted,
    /// There is no open pipe whose worker could still send, no worker process that could still
    /// exit, and no alarm, so waiting without a timeout would not end.
    NoLiveSenders,
    /// What waits is for mailboxes that are full, and the condition does not read them, so
    /// waiting without a timeout would not end.
    MailboxFull,
    /// The call came from a handler, to which the router is routing.
    Nested,
    /// The system cannot wait.
    Wait(io::Error),
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteError::WrongState(wrong) => wrong.fmt(f),
            RouteError::TimedOut => f.write_str("timed out waiting for messages"),
            RouteError::Interrupted => f.write_str("interrupted while waiting for messages"),
            RouteError::NoLiveSenders => f.write_str("no worker is left that could send"),
            RouteError::MailboxFull => {
                f.write_str("mailboxes are full, and the condition does not read them")
            }
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

/// Why [`try_route_until`](crate::Router::try_route_until) returned before its condition
/// held.
#[derive(Debug)]
#[non_exhaustive]
pub enum TryRouteError<E> {
    /// As of [`route_until`](crate::Router::route_until).
    Route(RouteError),
    /// The condition failed.
    Condition(E),
}

impl<E: fmt::Display> fmt::Display for TryRouteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRouteError::Route(error) => error.fmt(f),
            TryRouteError::Condition(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for TryRouteError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TryRouteError::Route(error) => error.source(),
            TryRouteError::Condition(error) => error.source(),
        }
    }
}

impl<E> From<RouteError> for TryRouteError<E> {
    fn from(error: RouteError) -> Self {
        TryRouteError::Route(error)
    }
}

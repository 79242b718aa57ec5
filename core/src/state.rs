//! The states of senders and routers, and the error of a call in the wrong one.

use core::fmt;

/// The state of a sender: `Initial`, then `Open`, then `Closed`, and never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SenderState {
    /// Made, but not started.
    Initial,
    /// Started: messages can be sent.
    Open,
    /// Stopped, failed or dropped, for good.
    Closed,
}

impl fmt::Display for SenderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SenderState::Initial => "sender is initial, not yet started",
            SenderState::Open => "sender is open",
            SenderState::Closed => "sender is closed",
        })
    }
}

/// The state of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RouterState {
    /// Not started yet, or stopped.
    Stopped,
    /// Running, and dispatching when the event loop says so.
    Linked,
    /// Running, and dispatching only when it is told to, for the rest of this run.
    Manual,
}

impl RouterState {
    /// Whether the router runs, in either way.
    pub fn is_running(self) -> bool {
        self != RouterState::Stopped
    }
}

impl fmt::Display for RouterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RouterState::Stopped => "router is stopped",
            RouterState::Linked => "router is running, linked to its event loop",
            RouterState::Manual => "router is running, driven by hand",
        })
    }
}

/// A call that the state does not allow. The call changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WrongState<S> {
    /// The state at the call.
    pub state: S,
}

impl<S: fmt::Display> fmt::Display for WrongState<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not possible now: {}", self.state)
    }
}

impl<S: fmt::Debug + fmt::Display> core::error::Error for WrongState<S> {}

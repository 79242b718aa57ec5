//! What must hold of senders, routers and static links, as far as it needs no threads: checked
//! by a test on the host, and by firmware on each chip.
//!
//! Each check has links of its own, in statics, and so can run once.

#![no_std]
#![forbid(unsafe_code)]

use core::fmt;

/// Returns from a check, unless the condition holds.
macro_rules! ensure {
    ($condition:expr) => {
        if !$condition {
            return Err($crate::Failed { what: stringify!($condition), line: line!() });
        }
    };
}

mod bytes;
mod duplex;
mod ends;
mod latest;
mod pipes;
mod rig;
mod room;
mod senders;
mod states;

/// A check: what it is about, and what runs it.
pub type Check = (&'static str, fn() -> Result<(), Failed>);

/// All of them.
pub const ALL: &[Check] = &[
    ("a sender is initial, open, then closed", senders::states),
    ("a sender says how it left, once", senders::reason),
    ("a scope starts and stops", senders::scope),
    ("a send rings the bell", senders::bell),
    ("without a foreground a sender is disconnected", senders::disconnected),
    ("what was not taken is dropped with the inlet", senders::dropped),
    ("order is kept on each pipe", pipes::order),
    ("a pipe is closed once, and late messages are discarded", pipes::closing),
    ("a name is never used again", pipes::generations),
    ("a message can make the program close its pipe", pipes::reacting),
    ("another router's names are refused", pipes::foreign),
    ("a link speaks only for its own pipes", pipes::not_yours),
    ("a full link gives the message back", room::full),
    ("a full link can be left", room::reason),
    ("dropped messages are counted, and reported", room::dropping),
    ("there is room for the end of every pipe", room::ends),
    ("policies that cannot be kept are refused", room::policies),
    ("a link is split once, and again when its inlet is gone", room::split),
    ("full tables give back what they were given", room::tables),
    ("a pipe ends once, after its last message", ends::once),
    ("a link that ends tells its pipes", ends::link),
    ("a router that stops tells its pipes", ends::stop),
    ("calls in the wrong state name the state", states::router),
    ("every type has its pipe on a link of bytes", bytes::types),
    ("a message that is too large is refused", bytes::too_large),
    ("a message of another type cuts its link off", bytes::undecodable),
    ("commands arrive in order, and come back without room", duplex::commands),
    ("a cancel is seen by a look, and leaves the pipe open", duplex::cancel),
    ("a closed pipe gives messages back, and drops commands", duplex::close),
    ("an end that is gone is told to the other", duplex::gone),
    ("the latest message arrives, and what it overwrote is counted", latest::overwritten),
    ("a link of the latest keeps no other policy", latest::policies),
    ("links of several types are on one router", latest::several_types),
    ("what a handler owns is used by one at a time", latest::handler),
];

/// What did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The condition.
    pub what: &'static str,
    /// Where it stands in its file.
    pub line: u32,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not so (line {}): {}", self.line, self.what)
    }
}

impl core::error::Error for Failed {}

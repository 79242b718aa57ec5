//! The way back of serial lines: all checks but those of what a line is not. The chip is a thread,
//! and the line a socket, which loses nothing.
//!
//! * A chip has no memory for commands of any size: so no `b23_commands_keep_their_order`, and no
//!   `b28_a_task_receives_in_order`, which sends them as well. The order
//!   of small ones is looked at by `b24_both_ways_may_be_full` as well.
//! * A sender waits as its writer does, and nothing wakes it: so no `b25_cancel_wakes_a_sender`.
#![cfg(unix)]

mod rigs;

use homing_conformance::duplex::{DuplexTransportRig, Order};

impl DuplexTransportRig for rigs::serial_duplex::DuplexSerialLines {
    type Outlet = rigs::serial_duplex::ChipOutlet<u64>;
    type Commands = rigs::serial_duplex::ChipCommands<Order>;
}

homing_conformance::duplex_suite!(
    serial,
    rigs::serial_duplex::DuplexSerialLines,
    except: [
        b23_commands_keep_their_order,
        b25_cancel_wakes_a_sender,
        b28_a_task_receives_in_order,
    ]
);

//! Inlets, without a router.
//!
//! * Messages of a channel move as values: no poll has to take one apart.
//! * A message of a serial line, and of a static link, is at most as long as one poll takes.
//! * A sender on a line has no policy: it waits as its writer does.
//! * A static link does not end.

mod rigs;

use std::ops::RangeInclusive;

use homing_conformance::{InletRig, TransportRig, inlet_suite};

/// An [`InletRig`] of a [`TransportRig`], and how much one poll of its inlet takes.
macro_rules! inlet_rig {
    ($rig:ty, $poll_bytes:expr) => {
        impl InletRig for $rig {
            type Factory = <Self as TransportRig>::Factory;
            type Transport = <Self as TransportRig>::Transport;

            const FIT: RangeInclusive<usize> = <Self as TransportRig>::FIT;
            const POLL_BYTES: Option<usize> = $poll_bytes;

            fn small() -> Self::Transport {
                <Self as TransportRig>::small()
            }
        }
    };
}

inlet_rig!(rigs::Channels, None);
inlet_suite!(channel, rigs::Channels, except: [b18_one_poll_does_bounded_work]);

inlet_rig!(rigs::Pipes, Some(64 * 1024));
inlet_suite!(pipe, rigs::Pipes);

#[cfg(target_os = "linux")]
mod shm {
    use super::*;

    inlet_rig!(rigs::SharedMemory, Some(64 * 1024));
    inlet_suite!(suite, rigs::SharedMemory);
}

#[cfg(unix)]
mod serial {
    use super::*;

    inlet_rig!(rigs::serial::SerialLines, None);
    inlet_suite!(
        suite,
        rigs::serial::SerialLines,
        except: [b18_one_poll_does_bounded_work, overflow_what_was_dropped_is_reported]
    );
}

inlet_suite!(
    in_a_static,
    rigs::statics::Statics,
    except: [b13_the_link_ends_after_all_that_was_handed_over, b18_one_poll_does_bounded_work]
);

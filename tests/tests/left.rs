//! Nothing is left behind. In a binary of its own, because it counts what the process has:
//! one check runs after another, in one test.

mod rigs;

use homing_conformance::router::b10_nothing_is_left;
use homing_conformance::{Pinged, Watched};
use rigs::calloop::Calloop;
use rigs::tokio::Task;
use rigs::{Channels, Pipes};

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "what is left is counted in /proc")]
fn nothing_is_left() {
    b10_nothing_is_left::<Channels, Watched>();
    b10_nothing_is_left::<Channels, Pinged>();
    b10_nothing_is_left::<Pipes, Watched>();
    b10_nothing_is_left::<Pipes, Pinged>();
    #[cfg(unix)]
    {
        b10_nothing_is_left::<rigs::serial::SerialLines, Watched>();
        b10_nothing_is_left::<rigs::serial::SerialLines, Pinged>();
    }
    b10_nothing_is_left::<Pipes, Calloop>();
    b10_nothing_is_left::<Pipes, Task>();
    #[cfg(unix)]
    b10_nothing_is_left::<Pipes, rigs::tokio::descriptor::Descriptor>();
}

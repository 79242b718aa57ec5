//! The conformance suite of [Homing](https://crates.io/crates/homing): proves a transport, an
//! event loop, or a transport of worker processes. Homing's own tests are instances of it.
//!
//! Each check is a plain public function, named after the behaviour that it proves (`b07_…`
//! is number 7 of `docs/guarantees.md` in the repository, which lists all checks), and panics
//! when that does not hold. Its documentation says what usually causes a failure. Macros make a
//! test of each.
//!
//! | you wrote | you describe it by | and say | checks |
//! |---|---|---|---|
//! | a transport between threads | [`TransportRig`] | [`transport_suite!`] | [`sender`], [`router`] |
//! | the foreground's end of a link | [`InletRig`] | [`inlet_suite!`] | [`inlet`] |
//! | a transport to worker processes | [`ProcessRig`] | [`process_suite!`] | [`process`] |
//! | the way back of either | [`duplex::DuplexTransportRig`], [`duplex::DuplexProcessRig`] | [`duplex_suite!`], [`duplex_process_suite!`] | [`duplex`] |
//! | a pingee | [`PingeeRig`] | [`pingee_suite!`] | [`pingee`] |
//! | a way to join a router to a loop | [`EventLoopRig`] | [`event_loop_suite!`], with any transport | [`sender`], [`router`] |
//!
//! # A transport in ten minutes
//!
//! Add this crate to the `dev-dependencies` of yours, and write `tests/conformance.rs`. Here
//! the transport is Homing's channel.
//!
//! ```
//! use std::ops::RangeInclusive;
//!
//! use homing_conformance::TransportRig;
//! # use homing::channel::{Channel, ChannelFactory};
//!
//! struct MyTransport;
//!
//! impl TransportRig for MyTransport {
//!     type Factory = ChannelFactory;
//!     type Transport = Channel;
//!
//!     // So many small messages fit on a link that is as small as can be: exactly four. A
//!     // transport of bytes knows bounds at best, and says `100..=40_000`, say.
//!     const FIT: RangeInclusive<usize> = 4..=4;
//!
//!     fn transport() -> Channel {
//!         Channel::new()
//!     }
//!
//!     fn small() -> Channel {
//!         Channel::with_capacity(4)
//!     }
//!
//!     // Values have no length, so there is no limit to choose.
//!     fn limited(_: usize) -> Option<Channel> {
//!         None
//!     }
//! }
//!
//! homing_conformance::transport_suite!(
//!     my_transport,
//!     MyTransport,
//!     // Reported as ignored: what this transport does not promise.
//!     except: [b06_a_message_over_the_limit_is_refused]
//! );
//! #
//! # use homing_conformance::{Pinged, Watched};
//! # homing_conformance::sender::b05_a_full_link_gives_back::<MyTransport, Watched>();
//! # homing_conformance::router::b13_each_pipe_ends_once::<MyTransport, Pinged>();
//! ```
//!
//! `cargo test` then runs each check twice: with a loop that [watches](Watched) doorbells,
//! and with one that is [pinged](Pinged), by your transport or by the router's monitor thread.
//! The senders of your factory must be `Send`, and the factory must carry `u64`, `String` and
//! `serde_bytes::ByteBuf`; this is what [`SuiteFactory`] says.
//!
//! One check counts the threads and descriptors of the whole process, and wants a test binary
//! for itself: call [`router::b10_nothing_is_left`] in a single test of another file.
//!
//! # A pingee
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use homing_conformance::PingeeRig;
//! # use homing::{Router, std_loop::{EventLoop, StdPingee}};
//!
//! /// Here the loop is Homing's own, which runs with a router; this one is stopped.
//! struct MyLoop {
//!     event_loop: EventLoop,
//!     router: Router<()>,
//! }
//!
//! impl PingeeRig for MyLoop {
//!     type Pingee = StdPingee;
//!
//!     fn new() -> Self {
//!         let event_loop = EventLoop::new().unwrap();
//!         let router = Router::new(&event_loop);
//!         Self { event_loop, router }
//!     }
//!
//!     fn pingee(&mut self, on_ping: impl FnMut() + 'static) -> StdPingee {
//!         self.event_loop.pingee(on_ping)
//!     }
//!
//!     fn run_until(&mut self, condition: &mut dyn FnMut() -> bool, most: Duration) -> bool {
//!         let end = Instant::now() + most;
//!         while !condition() {
//!             let left = end.saturating_duration_since(Instant::now());
//!             if left.is_zero() {
//!                 return false;
//!             }
//!             self.event_loop.turn(&self.router, &mut (), Some(left)).unwrap();
//!         }
//!         true
//!     }
//!
//!     fn run_pending(&mut self) {
//!         for _ in 0..3 {
//!             self.event_loop.turn(&self.router, &mut (), Some(Duration::ZERO)).unwrap();
//!         }
//!     }
//! }
//!
//! homing_conformance::pingee_suite!(my_loop, MyLoop);
//! #
//! # homing_conformance::pingee::b14_pings_merge::<MyLoop>();
//! ```
//!
//! # What the checks rely on
//!
//! Nothing is timed. A check waits for what is to happen, asleep, and gives up after
//! [`deadline()`], which is far longer than anything takes, and longer on a busy machine
//! (`HOMING_TEST_PATIENCE` sets the factor). So a wake-up that is lost is a test that hangs for
//! that long. Checks may run side by side, on a busy machine.
//!
//! # What a suite does not run
//!
//! A promise that a transport or a loop cannot give is excepted by the name of its check:
//! `except: […]`, at the end of each macro. The check is then reported as ignored. No check
//! reports success without having run: one that a rig cannot run fails, and says that it is to
//! be excepted.
//!
//! # Whether the suites catch anything
//!
//! `tests/wrong_transports.rs` and `tests/wrong_pingees.rs` in this crate have transports and
//! pingees with one fault each, and the check that fails for it. Tests of your own can do the
//! same, with [`with_deadline`] for faults that show as a wait without end.
//!
//! Every check of messages also holds the router to number 13: [`foreground::App`] panics at an
//! event after a pipe's end.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "checks fail by panicking"
)]

mod background;
pub mod checks;
mod deadline;
pub mod duplex;
mod event_loops;
pub mod foreground;
pub mod inlet;
pub mod pingee;
#[cfg(unix)]
pub mod process;
mod resource_count;
mod rig;
pub mod router;
pub mod sender;
mod suite;
mod task;
mod warnings;

pub use background::{Background, background};
pub use checks::Check;
pub use deadline::{deadline, with_deadline};
pub use event_loops::{EventLoopRig, Pinged, WakeFn, Watched};
pub use inlet::InletRig;
pub use pingee::PingeeRig;
#[cfg(unix)]
pub use process::ProcessRig;
pub use resource_count::ResourceCount;
pub use rig::{SenderOf, Sends, SuiteFactory, TransportRig, Unreadable};
pub use warnings::warnings_of;

/// What the rigs' types come from.
pub use {homing_core, homing_process, homing_router};

/// The guide for authors of adapters, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/adapters.md")]
mod guide {}

/// The guide for authors of transports, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/transports.md")]
mod transports_guide {}

//! All names that an implementor of a transport needs, whichever side or seam it is for.
//!
//! | to write | implement | a complete one |
//! |---|---|---|
//! | links within this process | [`Transport`], [`Inlet`], [`MakeSender`], [`Outlet`] | [`homing_core::inlet`] |
//! | links from worker processes: the foreground's side | [`ProcessTransport`], [`Inlet`], and [`ReadyPump`] or [`BlockingPump`] where the [readers](DescriptorReader) do not suit | [`worker::register`](crate::worker::register) |
//! | the same: the worker's side | [`AdoptedLink`], [`EncodedOutlet`]; or [`FrameSink`] alone, with [`MuxLink`] | the same |
//! | links from chips | [`Outlet`] on the chip; [`Inlet`] and [`Transport`] in the foreground | the crate `homing-transport-serial` |
//!
//! A way back is a second link in the other direction: a [`FrameSink`] of the foreground's in a
//! [`MuxDownlink`], and an [`Inlet`] of the worker's in a [`WayBack`]. For links within this process
//! [`MakeDuplex`] makes the ends of its pipes. Links whose worker's side is
//! [registered](crate::worker::register) have none yet.
//!
//! Messages that travel as bytes are encoded by [`codec::append`], and put into frames of the
//! [wire format](frame), which a [`Reassembler`] takes apart again; a transport may have a
//! format of its own instead. The crate `homing-conformance` proves a transport.
//!
//! [`homing_core::inlet`]: https://docs.rs/homing-core/latest/homing_core/inlet/

mod mux_link;

pub use self::mux_link::MuxLink;
pub use homing_core::wake::WakeFlag;
pub use homing_core::{
    AnswerOutlet, Arrival, AsyncAnswerOutlet, AsyncCommands, AsyncOutlet, Authorization, Blocking,
    ByValue, CloseReason, Commands, ConnectionId, Decode, Disconnected, Downlink, Duplex,
    EncodedRemote, EncodingRemote, End, Exit, Inlet, LinkEnd, Lost, MakeDuplex, MakeSender,
    MessageType, NewLink, Nonce, Notifier, Outgoing, Outlet, Overflow, Panic, Payload, Pinger,
    Postcard, ProtocolError, Receiver, RecvError, RemoteEnd, Reply, SendError, SendErrorKind,
    Sender, SenderCounters, SenderError, SenderState, Text, Ticket, Told, ToldCell, Transport,
    TypeMismatch, Undecodable, Wait, codec,
};
pub use homing_mux::{
    FragmentBudget, FrameSink, MAX_LINK_OVERHEAD, MAX_PARTIAL, MuxCommands, MuxConfig, MuxDownlink,
    MuxFactory, MuxHandle, MuxOutlet, RawBytes, Reassembler, Reservation, ReservingSender, WayBack,
    WayBackSource, WeakMuxHandle, Written, frame,
};
pub use homing_process::{
    AdoptedLink, BlockingPump, BlockingReader, Doorbell, Doorbells, EncodedOutlet, InheritError,
    Inherited, LinkWaker, OwnedHandle, Prepared, ProcessTransport, PumpStatus, WatchKey,
    byte_queue, spawn_pump,
};
#[cfg(unix)]
pub use homing_process::{DescriptorReader, Interest, ReadyPump};

/// What a panic said and where it happened: an [`Outlet`] calls [`install`](panics::install) in
/// its `open`, and returns [`current`](panics::current) from its `panicking`.
pub mod panics {
    pub use homing_panic::{current, install};
}

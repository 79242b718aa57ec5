//! All names that an implementor of a transport needs, whichever side or seam it is for.
//!
//! | to write | implement | a complete one |
//! |---|---|---|
//! | links within this process | [`Transport`], [`Inlet`], [`MakeSender`], [`Outlet`] | [`homing_core::inlet`] |
//! | links from worker processes: the foreground's side | [`ProcessTransport`], [`Inlet`], and [`ReadyPump`] or [`BlockingPump`] where the [readers](DescriptorReader) do not suit | [`worker::register`](crate::worker::register) |
//! | the same: the worker's side | [`AdoptedLink`], [`EncodedOutlet`]; or [`FrameSink`] alone, with [`MuxLink`] | the same |
//! | links from chips | [`Outlet`] on the chip; [`Inlet`] and [`Transport`] in the foreground | the crate `homing-transport-serial` |
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
    Arrival, Authorization, Blocking, ByValue, CloseReason, ConnectionId, Decode, Disconnected,
    End, Exit, Inlet, LinkEnd, Lost, MakeSender, MessageType, NewLink, Nonce, Outlet, Overflow,
    Panic, Payload, Pinger, Postcard, ProtocolError, SendError, SendErrorKind, Sender,
    SenderCounters, SenderError, SenderState, Text, Ticket, Transport, TypeMismatch, Undecodable,
    codec,
};
pub use homing_mux::{
    FragmentBudget, FrameSink, MAX_LINK_OVERHEAD, MAX_PARTIAL, MuxConfig, MuxFactory, MuxHandle,
    MuxOutlet, RawBytes, Reassembler, Reservation, ReservingSender, WeakMuxHandle, Written, frame,
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

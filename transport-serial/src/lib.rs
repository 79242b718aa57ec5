//! Serial lines as a transport of [Homing](https://crates.io/crates/homing): a microcontroller
//! is a worker, and a desktop's router routes its messages like those of any other.
//!
//! A serial line is not reliable: bytes are lost, added and changed, and the chip may be reset
//! at any time. What another link promises, that each message arrives, is replaced here: in
//! each run of the chip, **each message is delivered once, in order, or reported as part of a
//! gap**. So the message type of a serial pipe is [`Received<M>`](Received): no receiver can
//! overlook that something is missing, and no receiver of another link has to look.
//!
//! # The chip
//!
//! A [`Line`] takes whatever implements [`embedded_io::Write`], and makes the senders of its
//! pipes, without the standard library and without an allocator
//! (`default-features = false`):
//!
//! ```
//! use homing_transport_serial::{Line, Port};
//! use serde::Serialize;
//!
//! #[derive(Serialize)]
//! struct Reading { celsius: i16 }
//!
//! # fn run(uart: impl embedded_io::Write, times_started: u32) -> Option<()> {
//! let line: Line<_> = Line::new(uart, times_started);
//! let mut readings = line.sender(Port(0)).ok()?;
//! readings.start().ok()?;
//! readings.send(Reading { celsius: 21 }).ok()?;
//! # Some(())
//! # }
//! # run(embedded_io_adapters::std::FromStd::new(std::io::sink()), 1);
//! ```
//!
//! # The foreground
//!
//! A [`Serial`] takes the port, and is a transport for a router:
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use homing_core::*;
//! use homing_transport_serial::{Received, Serial};
//! # use homing_transport_serial::{Line, Port};
//! # struct Bell;
//! # impl Pinger for Bell { fn ping(&self) {} }
//! # let mut bytes = Vec::new();
//! # {
//! #     let line: Line<_> = Line::new(embedded_io_adapters::std::FromStd::new(&mut bytes), 1);
//! #     let mut sender = line.sender(Port(0)).unwrap();
//! #     sender.start().unwrap();
//! #     sender.send(21i16).unwrap();
//! #     sender.stop().unwrap();
//! # }
//! # let port = std::io::Cursor::new(bytes);
//!
//! // A router calls this, in `router.link(Serial::new(port))`; and then `link.pipe(…)` calls
//! // `make_sender`, which returns the port by which the chip names the pipe.
//! let mut link = Serial::threaded(port).link(Bell)?;
//! let pipe = ConnectionId::from_parts(0, 0);
//! let ticket: Ticket<Received<i16>> = Ticket::new(pipe, Nonce::new(0));
//! assert_eq!(link.factory.make_sender(ticket).0, 0);
//!
//! let mut heard: Vec<Received<i16>> = Vec::new();
//! loop {
//!     match link.inlet.poll() {
//!         Ok(Some(Arrival::Message { payload, .. })) => heard.push(payload.decode()?),
//!         Ok(Some(Arrival::Stopped { end, .. })) => break assert_eq!(end, End::Finished),
//!         Ok(_) => {} // a router would sleep until the bell rings
//!         Err(end) => panic!("{end:?}"),
//!     }
//! }
//! assert_eq!(heard, [Received::Message(21)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The way back
//!
//! A [`DuplexLine`] receives as well: bytes that the UART's interrupt handler puts into a
//! [`ReceiveBuffer`]. Its [receivers](SerialReceiver) are told commands as [`Received`], with gaps
//! where some are lost, and [`Received::Reset`] when the desktop's program was restarted. Cancelling
//! and closing are told again until the chip has answered. In the foreground, `Serial::duplex` or
//! `Serial::writer` gives a line its way back; a thread writes.
//!
//! # What a receiver learns, and when
//!
//! * [`Received::Gap`] says how many messages of this pipe are missing. It comes with the next
//!   frame of the pipe, or with its end.
//! * [`Received::Reset`] says that the chip was reset. What was lost at the end of the run
//!   before cannot be known.
//! * Messages that come twice, or after later ones, are dropped.
//! * [`End::Finished`](homing_core::End::Finished) comes when the chip stops its sender. A
//!   pipe ends once: what the chip sends on its port after that, in a later run too, is
//!   dropped. If the frame that says so is lost, the pipe is open until the line ends. So a
//!   chip that may be reset does best not to stop.
//! * [`End::Failed`](homing_core::End::Failed) comes when the chip fails its sender, with the
//!   first 64 bytes of the error, and [`End::Dropped`](homing_core::End::Dropped) when it drops
//!   one that is open.
//! * [`End::Lost`](homing_core::End::Lost) comes when the line ends: the adapter was
//!   unplugged.
//! * [`End::Refused`](homing_core::End::Refused) comes when a message, whose checksum is
//!   right, is not of the receiver's type: the chip's firmware is of another version. The link
//!   is cut off, as any other.
//!
//! What belongs to no pipe is counted, and told to no receiver: noise, damaged frames, frames for
//! ports that have no pipe. [`Serial::stats`] shows it.
//!
//! A receiver of [`LatestWins`](homing_core::Overflow::LatestWins) is told the latest only,
//! and that may be a message that came after a gap. What happens when there is no room is not
//! chosen here otherwise: a sender always waits, as its writer does.
//!
//! # How sure that is
//!
//! A checksum of 32 bits (CRC-32C) guards each frame: of all damage, one in 4 thousand million
//! passes for a frame, and only that can make a wrong message. A frame begins and ends with a
//! byte that it cannot hold, so that noise costs the frame that it falls on, and no other.

#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![forbid(unsafe_code)]

#[cfg(all(test, feature = "std"))]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]
mod both_ways;
mod commands;
mod duplex_line;
mod frame;
mod inbox;
mod inboxes;
mod line;
mod lock;
mod outlet;
mod port;
mod receive_buffer;
mod received;
#[cfg(feature = "task")]
mod tasks;
mod text;

#[cfg(feature = "std")]
mod command_queue;
#[cfg(feature = "std")]
mod deframer;
#[cfg(feature = "std")]
mod downlink;
#[cfg(feature = "std")]
mod factory;
#[cfg(feature = "std")]
mod inlet;
#[cfg(feature = "std")]
mod line_stats;
#[cfg(feature = "std")]
mod sequence;
#[cfg(feature = "std")]
mod serial;
#[cfg(feature = "std")]
mod writer;

pub use commands::{SerialCommands, SerialReceiver};
pub use duplex_line::{DuplexEnds, DuplexLine};
pub use inboxes::{Inboxes, OneWay, WayBack};
pub use line::{Line, PORTS, PortError};
pub use outlet::SerialOutlet;
pub use port::Port;
pub use receive_buffer::ReceiveBuffer;
pub use received::Received;

#[cfg(feature = "std")]
pub use factory::SerialFactory;
#[cfg(feature = "std")]
pub use inlet::SerialInlet;
#[cfg(feature = "std")]
pub use line_stats::{LineCounters, LineStats};
#[cfg(feature = "std")]
pub use serial::Serial;

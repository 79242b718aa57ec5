//! Serial lines: a microcontroller is a worker of a router on a host.
//!
//! The chip's end is a [`Line`] over whatever writes bytes (`embedded_io::Write`); it needs no
//! allocator. The host's end is `Serial` (feature `std`), a transport over whatever reads them.
//! Each message is a frame with a checksum, between two delimiters, and carries a sequence
//! number; `WIRE.md` has the format.
//!
//! # On the chip
//!
//! ```
//! # #[derive(serde::Serialize)] struct Reading { celsius: i16 }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut written: Vec<u8> = Vec::new();
//! # struct Uart<'a>(&'a mut Vec<u8>);
//! # impl embedded_io::ErrorType for Uart<'_> { type Error = core::convert::Infallible; }
//! # impl embedded_io::Write for Uart<'_> {
//! #     fn write(&mut self, b: &[u8]) -> Result<usize, Self::Error> { self.0.extend(b); Ok(b.len()) }
//! #     fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
//! # }
//! # let uart = Uart(&mut written);
//! use homing_transport_serial::{Line, Port};
//!
//! let line: Line<_, 64> = Line::new(uart); // frames of up to 64 bytes
//! let mut sender = line.sender::<Reading>(Port(0));
//! sender.start()?;
//! sender.send(Reading { celsius: 21 })?;
//! # Ok(()) }
//! ```
//!
//! # On the host
//!
#![cfg_attr(feature = "std", doc = "```no_run")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! # #[derive(serde::Deserialize, Debug)] struct Reading { celsius: i16 }
//! use homing_core::Event;
//! use homing_pingee_adapters::std_loop::EventLoop;
//! use homing_router::Router;
//! use homing_transport_serial::{Heard, Serial};
//!
//! let mut event_loop = EventLoop::new()?;
//! let router = Router::new(&event_loop);
//! router.start()?;
//!
//! let port = std::fs::File::open("/dev/ttyACM0")?; // set up before: speed, raw mode
//! let link = router.link(Serial::new(port))?;
//! // The first pipe of the link is the chip's `Port(0)`.
//! link.pipe(|_: &mut (), event: Event<Heard<Reading>>| match event {
//!     Event::Message(Heard::Message(reading)) => println!("{reading:?}"),
//!     Event::Message(Heard::Gap(gap)) => println!("lost: {gap}"),
//!     Event::Ended(end) => println!("{end}"),
//! })?;
//! event_loop.run(&router, &mut ())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! A serial line is not reliable, and nothing comes back over it. So instead of arriving in
//! any case, a message is *delivered once, in order, or reported as a [`Gap`]*. A message that
//! is not what was sent is never delivered, but for what a checksum of 32 bits lets through.
//! After any damage the next whole frame is received.
//!
//! A gap is reported when the next frame of the same pipe arrives; behind the last one, nobody
//! knows of it.
//!
//! Nothing on a serial line is secret or proven: the line is the worker. It can speak only for
//! the pipes that were made on its own link.

#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![forbid(unsafe_code)]

mod heard;
#[cfg(feature = "std")]
mod host;
mod line;
mod outlet;
#[cfg(all(test, feature = "std"))]
mod tests;
mod wire;

pub use heard::{Gap, Heard};
#[cfg(feature = "std")]
pub use host::{Health, LineCounters, Serial, SerialError, SerialInlet, SerialRoad};
pub use line::{Line, Sender};
pub use outlet::SerialOutlet;
pub use wire::Port;

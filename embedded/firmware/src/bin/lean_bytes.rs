//! The whole life of a router with a link of bytes, and nothing else.
//!
//! It links only if no panic can be reached from it.

#![no_std]
#![no_main]

use homing_core::wake::PollPingee;
use homing_core::{Authorize, FixedRouter, Overflow, Polled, Router};
use homing_firmware::exit;
use homing_firmware::hidden::entry;
use homing_transport_static::{Bytes, BytesInlet, BytesLink, StaticSender};
use serde::{Deserialize, Serialize};

homing_firmware::interrupts!(nothing, nothing);
homing_firmware::no_panics!();

fn nothing() {}

struct To;
impl Authorize for To {}

/// Something of each kind.
#[derive(Clone, Serialize, Deserialize)]
enum Message {
    Reading { number: u32, celsius: i16, sensor: Option<u8> },
    Position([i64; 3]),
    Level(f32, bool),
}

const MESSAGE: Message = Message::Reading { number: 10, celsius: -40, sensor: Some(1) };

static PINGED: PollPingee = PollPingee::new();
static LINK: BytesLink<32, 8> = BytesLink::new();

#[inline(never)]
fn send(sender: &mut StaticSender<Message, Bytes<32>>) -> bool {
    sender.send(MESSAGE).is_ok()
}

fn run() -> Option<bool> {
    let mut router: FixedRouter<BytesInlet<32>, To, 1, 2> = Router::fixed();
    router.start().ok()?;
    let (factory, inlet) = LINK.split(&PINGED).ok()?;
    let link = router.attach(inlet).ok()?;
    let first = router.trusted_pipe(link, To).ok()?;
    let second = router.trusted_pipe(link, To).ok()?;
    let mut kept: StaticSender<Message, Bytes<32>> =
        factory.sender(first, Overflow::GiveBack).ok()?;
    let mut late: StaticSender<Message, Bytes<32>> =
        factory.sender(second, Overflow::GiveBack).ok()?;
    kept.start().ok()?;
    late.start().ok()?;
    router.close_pipe(second).ok()?;
    let mut well = send(&mut kept) & send(&mut late);
    kept.stop().ok()?;
    drop(late);
    let (mut sum, mut ended) = (0, false);
    while PINGED.take() || !ended {
        match router.poll_with(link, |To, payload| {
            match payload.decode()? {
                Message::Reading { number, celsius, sensor } => {
                    sum += number + u32::from(celsius == -40 && sensor == Some(1));
                }
                Message::Position([x, ..]) => sum += x as u32,
                Message::Level(level, is_high) => sum += u32::from(level > 0.5 && is_high),
            }
            Ok(())
        }) {
            Polled::Ended(..) => ended = true,
            Polled::Empty => well = false,
            _ => {}
        }
    }
    router.stop().ok()?;
    while router.next_stopped().is_some() {}
    Some(well && sum == 11)
}

#[entry]
fn main() -> ! {
    exit(run() == Some(true))
}

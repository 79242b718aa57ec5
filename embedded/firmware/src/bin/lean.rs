//! The whole life of a router, and nothing else: what it takes more than `bare` is the flash
//! that Homing takes.
//!
//! It links only if no panic can be reached from it.

#![no_std]
#![no_main]

use homing_core::wake::PollPingee;
use homing_core::{Authorize, FixedRouter, Overflow, Polled, Router};
use homing_firmware::exit;
use homing_firmware::hidden::entry;
use homing_transport_static::{StaticSender, ValueInlet, ValueLink};

homing_firmware::interrupts!(nothing, nothing);
homing_firmware::no_panics!();

fn nothing() {}

struct To;
impl Authorize for To {}

type Message = [u32; 4];

static PINGED: PollPingee = PollPingee::new();
static LINK: ValueLink<Message, 8> = ValueLink::new();

#[inline(never)]
fn send(sender: &mut StaticSender<Message>) -> bool {
    sender.send([1, 2, 3, 4]).is_ok()
}

fn run() -> Option<bool> {
    let mut router: FixedRouter<ValueInlet<Message>, To, 1, 2> = Router::fixed();
    router.start().ok()?;
    let (factory, inlet) = LINK.split(&PINGED).ok()?;
    let link = router.attach(inlet).ok()?;
    let first = router.trusted_pipe(link, To).ok()?;
    let second = router.trusted_pipe(link, To).ok()?;
    let mut kept: StaticSender<Message> = factory.sender(first, Overflow::GiveBack).ok()?;
    let mut late: StaticSender<Message> = factory.sender(second, Overflow::GiveBack).ok()?;
    kept.start().ok()?;
    late.start().ok()?;
    router.close_pipe(second).ok()?;
    let mut well = send(&mut kept) & send(&mut late);
    kept.stop().ok()?;
    drop(late);
    let (mut sum, mut ended) = (0, false);
    while PINGED.take() || !ended {
        match router.poll_with(link, |To, payload| {
            let message: Message = payload.take()?;
            sum += message.iter().sum::<u32>();
            Ok(())
        }) {
            Polled::Ended(..) => ended = true,
            Polled::Empty => well = false,
            _ => {}
        }
    }
    router.stop().ok()?;
    while router.next_stopped().is_some() {}
    Some(well && sum == 10)
}

#[entry]
fn main() -> ! {
    exit(run() == Some(true))
}

//! A duplex pipe's whole life, and nothing else.
//!
//! It links only if no panic can be reached from it.

#![no_std]
#![no_main]

use homing_core::wake::PollPingee;
use homing_core::{Authorize, FixedRouter, Overflow, Polled, Router};
use homing_firmware::exit;
use homing_firmware::hidden::entry;
use homing_transport_static::{CommandQueue, ValueInlet, ValueLink};

homing_firmware::interrupts!(nothing, nothing);
homing_firmware::no_panics!();

fn nothing() {}

struct To;
impl Authorize for To {}

static PINGED: PollPingee = PollPingee::new();
static LOOK: PollPingee = PollPingee::new();
static LINK: ValueLink<u32, 8> = ValueLink::new();
static COMMANDS: CommandQueue<u32, 4> = CommandQueue::with_bell(&LOOK);

fn run() -> Option<bool> {
    let mut router: FixedRouter<ValueInlet<u32>, To, 1, 1> = Router::fixed();
    router.start().ok()?;
    let (factory, inlet) = LINK.split(&PINGED).ok()?;
    let link = router.attach(inlet).ok()?;
    let pipe = router.trusted_pipe(link, To).ok()?;
    let ends = factory.duplex::<u32, u32, 4>(pipe, Overflow::GiveBack, &COMMANDS);
    let (mut remote, mut commands, mut sender) = ends.ok()?;
    sender.start().ok()?;
    for command in 1..=3 {
        remote.send(command).ok()?;
    }
    let mut well = LOOK.take() && remote.send(4).is_err();
    while let Ok(command) = commands.try_recv() {
        sender.send(10 * command).ok()?;
    }
    remote.cancel();
    well &= sender.is_cancelled() && !commands.is_closed() && remote.untaken() == 0;
    let mut sum = 0;
    while PINGED.take() {
        while let Polled::Handled = router.poll_with(link, |To, payload| {
            sum += payload.take::<u32>()?;
            Ok(())
        }) {}
    }
    router.close_pipe(pipe).ok()?;
    remote.close();
    well &= sender.send(1).is_err() && commands.try_recv().is_err();
    drop((remote, commands, sender));
    router.stop().ok()?;
    Some(well && sum == 60)
}

#[entry]
fn main() -> ! {
    exit(run() == Some(true))
}

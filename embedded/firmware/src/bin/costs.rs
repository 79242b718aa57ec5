//! What a message costs, in instructions, and what a pipe costs, in bytes: `embedded/measure`
//! reads it.

#![no_std]
#![no_main]

use core::hint::black_box;

use homing_core::wake::PollPingee;
use homing_core::{
    Authorize, FixedRouter, LinkEntry, LinkId, Overflow, PipeEntry, Polled, Router, Slot,
};
use homing_firmware::hidden::entry;
use homing_firmware::{count, exit, start_counting};
use homing_transport_static::{
    BytesLink, Encode, StaticInlet, StaticLink, StaticSender, ValueInlet, ValueLink,
};

homing_firmware::interrupts!(nothing, nothing);

fn nothing() {}

/// So many calls are counted together.
const CALLS: u32 = 64;

#[derive(Clone, Copy)]
struct To;
impl Authorize for To {}

type Message = [u8; 16];
type Routing<C> = FixedRouter<StaticInlet<C>, To, 2, 4>;

static PINGED: PollPingee = PollPingee::new();

#[inline(never)]
fn no_send(_: Message) {
    black_box(());
}

#[inline(never)]
fn send<C: Encode<Message>>(sender: &mut StaticSender<Message, C>, message: Message) {
    defmt::assert!(sender.send(message).is_ok());
}

#[inline(never)]
fn no_route(sum: &mut u32) {
    *sum += 1;
}

#[inline(never)]
fn route<C: Encode<Message>>(router: &mut Routing<C>, link: LinkId, sum: &mut u32) {
    let polled = router.poll_with(link, |To, payload| {
        let message = C::decode(payload)?;
        *sum += u32::from(message[15]);
        Ok(())
    });
    defmt::assert!(matches!(polled, Polled::Handled));
}

/// The cost of a call of `work`, which is made again and again.
fn calls(mut work: impl FnMut()) -> u32 {
    let before = count();
    for _ in 0..CALLS {
        work();
    }
    count().wrapping_sub(before)
}

fn messages<C: Encode<Message>, const N: usize>(link: &'static StaticLink<C, N>) -> [u32; 2] {
    let mut router: Routing<C> = Router::fixed();
    defmt::unwrap!(router.start());
    let (factory, inlet) = defmt::unwrap!(link.split(&PINGED));
    let link = defmt::unwrap!(router.attach(inlet).ok());
    // Not the first in the table.
    defmt::unwrap!(router.trusted_pipe(link, To).ok());
    let pipe = defmt::unwrap!(router.trusted_pipe(link, To).ok());
    let mut sender = defmt::unwrap!(factory.sender(pipe, Overflow::GiveBack));
    defmt::unwrap!(sender.start());
    let (message, mut sum) = (black_box([7; 16]), 0);
    let sent = calls(|| send(&mut sender, message)) - calls(|| no_send(message));
    let routed = calls(|| route(&mut router, link, &mut sum)) - calls(|| no_route(&mut sum));
    defmt::assert_eq!(sum, CALLS * 7 + CALLS);
    [sent, routed]
}

/// The slots of a router of so many links and pipes more than none.
fn ram(name: &str, with: usize, without: usize) {
    defmt::println!("ram {=str} {=usize}", name, with - without);
}

#[entry]
fn main() -> ! {
    static VALUES: ValueLink<Message, 128> = ValueLink::new();
    static BYTES: BytesLink<16, 128> = BytesLink::new();

    start_counting();
    let [sent, routed] = messages(&VALUES);
    defmt::println!("calls send-value {=u32}", sent);
    defmt::println!("calls route-value {=u32}", routed);
    let [sent, routed] = messages(&BYTES);
    defmt::println!("calls send-bytes {=u32}", sent);
    defmt::println!("calls route-bytes {=u32}", routed);

    type Values<const LINKS: usize, const PIPES: usize> =
        FixedRouter<ValueInlet<Message>, To, LINKS, PIPES>;
    ram("router", size_of::<Values<0, 0>>(), 0);
    // A receiver that is a function pointer: four bytes, which are not the pipe's.
    ram("pipe", size_of::<Slot<PipeEntry<fn()>>>(), size_of::<fn()>());
    ram("link", size_of::<Slot<LinkEntry<ValueInlet<Message>>>>(), 0);
    ram("sender", size_of::<StaticSender<Message>>(), 0);
    ram("place", size_of::<ValueLink<Message, 9>>(), size_of::<ValueLink<Message, 8>>());
    let places = 8 * (size_of::<ValueLink<Message, 9>>() - size_of::<ValueLink<Message, 8>>());
    ram("static", size_of::<ValueLink<Message, 8>>(), places);
    exit(true)
}

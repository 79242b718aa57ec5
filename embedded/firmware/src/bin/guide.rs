//! A timer's interrupt handler sends readings home to the main loop.
#![no_std]
#![no_main]

use cortex_m::{Peripherals, asm};
use cortex_m_rt::{entry, exception};
use homing_core::wake::PollPingee;
use homing_core::{Authorize, End, FixedRouter, Overflow, Polled, Router};
use homing_firmware::exit; // and the logger, and the panic handler
use homing_transport_static::{HandlerCell, StaticSender, ValueInlet, ValueLink};

struct Reading(i16);
struct Display; // a receiver: a name, of which the main loop knows what it does
impl Authorize for Display {}

static PINGED: PollPingee = PollPingee::new();
static TIMER: ValueLink<Reading, 8> = ValueLink::new();
static SENDER: HandlerCell<StaticSender<Reading>> = HandlerCell::new();

#[exception]
fn SysTick() {
    SENDER.with(|sender| {
        let _ = sender.send(Reading(21)); // without room, the reading comes back in the error
        if sender.counters().sent == 10 {
            let _ = sender.stop(); // the pipe ends as finished, once its messages are routed
        }
    });
}

#[entry]
fn main() -> ! {
    let mut router: FixedRouter<ValueInlet<Reading>, Display, 1, 1> = Router::fixed();
    router.start().unwrap();
    let (factory, inlet) = TIMER.split(&PINGED).unwrap();
    let link = router.attach(inlet).unwrap();
    let pipe = router.trusted_pipe(link, Display).unwrap();
    let mut sender = factory.sender(pipe, Overflow::GiveBack).unwrap();
    sender.start().unwrap();
    SENDER.put(sender);
    let mut timer = Peripherals::take().unwrap().SYST;
    timer.set_reload(1_000);
    timer.enable_interrupt();
    timer.enable_counter();
    loop {
        match router.poll_with(link, |Display, payload| {
            let Reading(celsius) = payload.take()?;
            defmt::info!("{} degrees", celsius);
            Ok(())
        }) {
            Polled::Empty if !PINGED.take() => asm::wfe(), // ends with an interrupt
            Polled::Ended(_, end) => exit(end == End::Finished),
            _ => {}
        }
    }
}

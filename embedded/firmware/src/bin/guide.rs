//! A timer's interrupt handler sends readings home to the main loop.
#![no_std]
#![no_main]

use core::cell::RefCell;

use cortex_m::{Peripherals, asm, peripheral::syst::SystClkSource};
use cortex_m_rt::{entry, exception};
use critical_section::Mutex;
use homing_core::wake::Pinged;
use homing_core::{Admit, FixedRouter, Overflow, Polled, Router};
use homing_firmware::exit; // brings the logger too: yours is `defmt-rtt`, with `panic-probe`
use homing_transport_static::{StaticSender, ValueInlet, ValueLink};

struct Reading(i16);

enum To { Display } // the receivers: names, of which the main loop knows what they do
impl Admit for To {}

static PINGED: Pinged = Pinged::new();
static TIMER: ValueLink<Reading, 8> = ValueLink::new();
static SENDER: Mutex<RefCell<Option<StaticSender<Reading>>>> = Mutex::new(RefCell::new(None));

#[exception]
fn SysTick() {
    critical_section::with(|section| {
        let mut place = SENDER.borrow_ref_mut(section);
        let Some(sender) = place.as_mut() else { return };
        // It never waits: if there is no room, the reading comes back in the error.
        let _ = sender.send(Reading(21));
        if sender.counters().sent == 10 {
            *place = None; // dropped, a sender stops
        }
    });
}

#[entry]
fn main() -> ! {
    let mut router: FixedRouter<ValueInlet<Reading>, To, 1, 1> = Router::fixed();
    router.start().unwrap();
    let (road, inlet) = TIMER.split(&PINGED).unwrap();
    let link = router.attach(inlet).unwrap();
    let pipe = router.granted_pipe(link, To::Display).unwrap();
    let mut sender = road.sender(pipe, Overflow::GiveBack).unwrap();
    sender.start().unwrap();
    critical_section::with(|section| SENDER.replace(section, Some(sender)));

    let mut timer = Peripherals::take().unwrap().SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(100_000);
    timer.enable_interrupt();
    timer.enable_counter();
    loop {
        match router.poll_with(link, |To::Display, parcel| {
            let Reading(celsius) = parcel.take()?;
            defmt::info!("{} degrees", celsius);
            Ok(())
        }) {
            Polled::Empty if !PINGED.take() => asm::wfe(), // an interrupt ends it
            Polled::Ended(_, end) => { defmt::info!("{} ended", end); exit(true) }
            _ => {}
        }
    }
}

//! Two interrupt handlers send through one router to three receivers. Everything that can
//! happen to a pipe happens once: its link is full, it is closed while its worker goes on
//! sending, its sender stops, and the router stops before it.

#![no_std]
#![no_main]

use core::cell::RefCell;

use critical_section::Mutex;
use homing_core::wake::PollPingee;
use homing_core::{
    Authorize, ConnectionId, End, FixedRouter, LinkId, Overflow, Polled, Router, SenderState,
};
use homing_firmware::hidden::entry;
use homing_firmware::{exit, interrupts, pend_second, sleep, start_timer, stop_timer};
use homing_transport_static::{Bytes, BytesInlet, BytesLink, StaticSender};
use serde::{Deserialize, Serialize};

/// How many samples the timer sends.
const SAMPLES: u32 = 60;

/// How many presses the second interrupt sends.
const PRESSES: u32 = 12;

/// After so many samples the main loop closes the pipe of the beats.
const ENOUGH: u32 = 30;

#[derive(Serialize, Deserialize)]
struct Sample {
    number: u32,
    celsius: [i16; 4],
}

#[derive(Serialize, Deserialize)]
struct Beat(u32);

#[derive(Serialize, Deserialize)]
enum Press {
    Short(u32),
    Long(u32),
}

type Link = BytesLink<16, 8>;
type Sender<M> = StaticSender<M, Bytes<16>>;

static PINGED: PollPingee = PollPingee::new();
static TIMER: Link = Link::new();
static SECOND: Link = Link::new();

/// What the timer's interrupt handler owns: two pipes.
struct Timer {
    samples: Sender<Sample>,
    beats: Sender<Beat>,
    next: u32,
    /// Samples that had to wait for room.
    full: u32,
}

/// What the second interrupt handler owns.
struct Second {
    presses: Sender<Press>,
    next: u32,
}

type Slot<T> = Mutex<RefCell<Option<T>>>;

static TIMER_WORKER: Slot<Timer> = Mutex::new(RefCell::new(None));
static SECOND_WORKER: Slot<Second> = Mutex::new(RefCell::new(None));

interrupts!(on_timer, on_second);

fn on_timer() {
    critical_section::with(|section| {
        let mut slot = TIMER_WORKER.borrow_ref_mut(section);
        let Some(timer) = slot.as_mut() else { return };
        let number = timer.next;
        if number == SAMPLES {
            defmt::assert_eq!(timer.samples.stop(), Ok(()));
            defmt::assert_eq!(timer.beats.stop(), Ok(()));
            *slot = None;
            return;
        }
        let sample = Sample { number, celsius: [number as i16; 4] };
        if let Err(error) = timer.samples.send(sample) {
            // The same one again, at the next tick.
            defmt::assert!(error.is_full());
            defmt::assert_eq!(error.into_message().number, number);
            timer.full += 1;
            return;
        }
        timer.next += 1;
        if number % 4 == 0 && timer.beats.send(Beat(number)).is_err() {
            defmt::debug!("no room for a beat");
        }
        if number % 5 == 0 {
            pend_second();
        }
    });
}

fn on_second() {
    critical_section::with(|section| {
        let mut slot = SECOND_WORKER.borrow_ref_mut(section);
        let Some(second) = slot.as_mut() else { return };
        let number = second.next;
        let press = if number % 2 == 0 { Press::Short(number) } else { Press::Long(number) };
        defmt::assert!(second.presses.send(press).is_ok());
        second.next += 1;
        if second.next == PRESSES {
            defmt::assert_eq!(second.presses.stop(), Ok(()));
            defmt::assert_eq!(second.presses.state(), SenderState::Closed);
        }
    });
}

/// The receivers.
#[derive(Clone, Copy, PartialEq, Eq, defmt::Format)]
enum To {
    Samples,
    Beats,
    Presses,
}

impl Authorize for To {}

/// What the receivers were told.
#[derive(Default)]
struct App {
    samples: u32,
    beats: u32,
    beats_when_closed: Option<u32>,
    presses: u32,
    ended: u32,
}

impl App {
    fn message(
        &mut self,
        to: To,
        payload: homing_core::Payload<'_>,
    ) -> Result<(), homing_core::Undecodable> {
        match to {
            To::Samples => {
                let Sample { number, celsius } = payload.decode()?;
                defmt::assert_eq!(number, self.samples);
                defmt::assert_eq!(celsius, [number as i16; 4]);
                self.samples += 1;
            }
            To::Beats => {
                let Beat(_) = payload.decode()?;
                defmt::assert_eq!(self.beats_when_closed, None);
                self.beats += 1;
            }
            To::Presses => {
                let (Press::Short(number) | Press::Long(number)) = payload.decode()?;
                defmt::assert_eq!(number, self.presses);
                self.presses += 1;
            }
        }
        Ok(())
    }

    fn end(&mut self, to: To, end: End) {
        defmt::info!("{} ended: {}", to, end);
        defmt::assert_eq!(end, End::Finished);
        self.ended += 1;
    }
}

type Foreground = FixedRouter<BytesInlet<16>, To, 2, 4>;

/// Routes all that has arrived.
fn dispatch(router: &mut Foreground, links: [LinkId; 2], app: &mut App) {
    let mut asleep = 0;
    // The links in turn, so that none starves the other.
    for link in links.into_iter().cycle() {
        match router.poll_with(link, |to, payload| app.message(*to, payload)) {
            Polled::Empty => asleep += 1,
            Polled::Ended(lent, end) => app.end(lent.receiver, end),
            Polled::LinkEnded(_) => defmt::panic!("no link ends here"),
            _ => asleep = 0,
        }
        if asleep == links.len() {
            return;
        }
    }
}

fn sender<M>(
    link: &homing_transport_static::StaticFactory<Bytes<16>>,
    pipe: ConnectionId,
) -> Sender<M>
where
    M: Serialize + serde::de::DeserializeOwned,
{
    let sender = link.sender(pipe, Overflow::GiveBack);
    let mut sender = defmt::unwrap!(sender);
    defmt::assert_eq!(sender.start(), Ok(()));
    sender
}

#[entry]
fn main() -> ! {
    let mut router: Foreground = Router::fixed();
    defmt::unwrap!(router.start());
    let (timer, inlet) = defmt::unwrap!(TIMER.split(&PINGED));
    let timer_link = defmt::unwrap!(router.attach(inlet).ok());
    let (second, inlet) = defmt::unwrap!(SECOND.split(&PINGED));
    let second_link = defmt::unwrap!(router.attach(inlet).ok());
    defmt::assert!(TIMER.split(&PINGED).is_err(), "a link is split once");

    let samples = defmt::unwrap!(router.trusted_pipe(timer_link, To::Samples).ok());
    let beats = defmt::unwrap!(router.trusted_pipe(timer_link, To::Beats).ok());
    let presses = defmt::unwrap!(router.trusted_pipe(second_link, To::Presses).ok());
    let unused = defmt::unwrap!(router.trusted_pipe(second_link, To::Presses).ok());

    let timer_worker =
        Timer { samples: sender(&timer, samples), beats: sender(&timer, beats), next: 0, full: 0 };
    let second_worker = Second { presses: sender(&second, presses), next: 0 };
    critical_section::with(|section| {
        TIMER_WORKER.replace(section, Some(timer_worker));
        SECOND_WORKER.replace(section, Some(second_worker));
    });
    start_timer(20_000);

    // The main loop is busy until the timer has found no room: nothing is lost by that.
    let full = || {
        critical_section::with(|section| {
            TIMER_WORKER.borrow_ref(section).as_ref().map_or(0, |timer| timer.full)
        })
    };
    while full() < 3 {}
    defmt::info!("the link was full, and gave the message back");

    let (mut app, links) = (App::default(), [timer_link, second_link]);
    while app.ended < 2 || router.open_pipes() > 1 {
        if PINGED.take() {
            dispatch(&mut router, links, &mut app);
        } else {
            sleep();
        }
        if app.samples >= ENOUGH && app.beats_when_closed.is_none() {
            app.beats_when_closed = Some(app.beats);
            match router.close_pipe(beats) {
                Ok(detached) => defmt::assert_eq!(detached.receiver, To::Beats),
                _ => defmt::panic!("the pipe was open"),
            }
            defmt::assert!(router.close_pipe(beats).is_err(), "a pipe is closed once");
        }
    }
    stop_timer();

    defmt::assert_eq!(app.samples, SAMPLES);
    defmt::assert_eq!(app.presses, PRESSES);
    let counters = router.counters();
    defmt::info!("{}", counters);
    defmt::assert!(counters.discarded_closed > 0, "late messages are discarded, and counted");
    defmt::assert_eq!(counters.routed, u64::from(SAMPLES + PRESSES + app.beats));
    defmt::assert_eq!(counters.refused_links, 0);

    // One pipe is open still, whose sender was never made.
    defmt::assert!(router.has_pipe(unused));
    defmt::assert_eq!(router.stop(), Ok(()));
    match router.next_stopped() {
        Some(stopped) => defmt::assert_eq!(stopped.connection, unused),
        None => defmt::panic!("the pipe was open"),
    }
    defmt::assert!(router.next_stopped().is_none());
    let mut late: Sender<Press> = defmt::unwrap!(second.sender(unused, Overflow::GiveBack));
    defmt::assert!(late.start().is_err(), "the foreground is gone");

    defmt::info!("passed");
    exit(true)
}

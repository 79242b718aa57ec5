//! A worker and the foreground as tasks of embassy's executor. The worker waits for orders, and for
//! room on a link that is soon full; the foreground waits for messages. Both directions are full
//! again and again, and nothing is lost.

#![no_std]
#![no_main]

use embassy_executor::Spawner;
use homing_core::wake::TaskPingee;
use homing_core::{Authorize, End, FixedRouter, Overflow, Polled, RecvError, Router};
use homing_firmware::exit;
use homing_transport_static::{CommandQueue, StaticReceiver, StaticSender, ValueInlet, ValueLink};

/// How many readings one order is for.
struct Order(u32);

/// A reading: its number among all.
struct Reading(u32);

struct To;
impl Authorize for To {}

static PINGED: TaskPingee = TaskPingee::new();
static READINGS: ValueLink<Reading, 4> = ValueLink::new();
static ORDERS: CommandQueue<Order, 4> = CommandQueue::new();

/// Does what it is ordered to, until it is cancelled.
#[embassy_executor::task]
async fn worker(mut orders: StaticReceiver<Order>, mut readings: StaticSender<Reading>) {
    defmt::assert_eq!(readings.start(), Ok(()));
    let mut number = 0;
    let end = loop {
        match orders.recv_async().await {
            Ok(Order(count)) => {
                for _ in 0..count {
                    defmt::assert!(readings.send_async(Reading(number)).await.is_ok());
                    number += 1;
                }
            }
            Err(end) => break end,
        }
    };
    defmt::assert!(end == RecvError::Cancelled);
    defmt::info!("the worker is cancelled, after {} readings", number);
    defmt::assert_eq!(readings.stop_async().await, Ok(()));
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let mut router: FixedRouter<ValueInlet<Reading>, To, 1, 1> = Router::fixed();
    defmt::unwrap!(router.start());
    let (factory, inlet) = defmt::unwrap!(READINGS.split(&PINGED));
    let link = defmt::unwrap!(router.attach(inlet).ok());
    let pipe = defmt::unwrap!(router.trusted_pipe(link, To).ok());
    let ends = factory.duplex(pipe, Overflow::GiveBack, &ORDERS);
    let (mut remote, orders, readings) = defmt::unwrap!(ends);
    spawner.spawn(defmt::unwrap!(worker(orders, readings).ok()));

    let (mut next, mut ordered, mut heard) = (1, 0, 0);
    loop {
        // As many orders as there is room for.
        while next <= 20 && remote.send(Order(next)).is_ok() {
            ordered += next;
            next += 1;
        }
        if next > 20 && heard == ordered {
            remote.cancel();
        }
        match router.poll_with(link, |To, payload| {
            let Reading(number) = payload.take()?;
            defmt::assert_eq!(number, heard);
            heard += 1;
            Ok(())
        }) {
            Polled::Empty => PINGED.pinged().await,
            Polled::Ended(_, end) => {
                defmt::info!("heard {} readings of {}", heard, ordered);
                exit(end == End::Finished && heard == 210 && remote.untaken() == 0);
            }
            _ => {}
        }
    }
}

//! Routes messages with the core alone: no standard library, no allocator. Its exit code is 0
//! when each step came to what it should, and the number of the step otherwise.

#![no_std]
#![no_main]

use core::cell::Cell;
use core::panic::PanicInfo;

use homing_core::*;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// One place on a static link.
type Place = Cell<Option<Item>>;

enum Item {
    Message(ConnectionId, u8),
    Stopped(ConnectionId, CloseReason),
}

/// The foreground's end: takes what lies in the place.
struct PlaceInlet<'a> {
    place: &'a Place,
    bytes: [u8; 1],
}

impl Inlet for PlaceInlet<'_> {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        Ok(match self.place.take() {
            None => None,
            Some(Item::Message(connection, byte)) => {
                self.bytes = [byte];
                Some(Arrival::Message { connection, payload: Payload::bytes(&self.bytes) })
            }
            Some(Item::Stopped(connection, reason)) => {
                Some(Arrival::Stopped { connection, end: reason.end() })
            }
        })
    }
}

/// The worker's end.
struct PlaceOutlet<'a> {
    place: &'a Place,
    connection: ConnectionId,
}

impl Outlet<u8> for PlaceOutlet<'_> {
    fn open(&mut self) -> Result<(), Disconnected> {
        Ok(())
    }

    fn put(&mut self, message: u8, _: Blocking) -> Result<u64, SendError<u8>> {
        match self.place.take() {
            None => {
                self.place.set(Some(Item::Message(self.connection, message)));
                Ok(0)
            }
            taken => {
                self.place.set(taken);
                Err(SendError::new(message, SendErrorKind::Full))
            }
        }
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        self.place.set(Some(Item::Stopped(self.connection, reason)));
        Ok(())
    }

    fn panicking(&self) -> Option<Panic> {
        None
    }
}

/// Remembers the last message.
struct Led(u8);

impl Authorize for Led {}

impl Led {
    fn show(&mut self, payload: Payload<'_>) -> Result<(), Undecodable> {
        self.0 = payload.decode()?;
        Ok(())
    }
}

/// The number of the step that failed, as an error.
fn expect(step: i32, condition: bool) -> Result<(), i32> {
    if condition { Ok(()) } else { Err(step) }
}

fn run() -> Result<(), i32> {
    let place = Place::new(None);
    let mut router: FixedRouter<PlaceInlet<'_>, Led, 2, 4> = Router::fixed();
    expect(1, router.attach(PlaceInlet { place: &place, bytes: [0] }).is_err())?;
    router.start().map_err(|_| 2)?;
    let link = router.attach(PlaceInlet { place: &place, bytes: [0] }).map_err(|_| 3)?;
    let connection = router.trusted_pipe(link, Led(0)).map_err(|_| 4)?;

    let mut sender = Sender::new(connection, PlaceOutlet { place: &place, connection });
    sender.start().map_err(|_| 5)?;
    sender.send(7).map_err(|_| 6)?;
    expect(7, sender.try_send(8).is_err_and(|error| error.is_full()))?;
    expect(8, matches!(router.poll_with(link, Led::show), Polled::Handled))?;
    drop(sender);
    match router.poll_with(link, Led::show) {
        Polled::Ended(detached, End::Dropped) => expect(9, detached.receiver.0 == 7)?,
        _ => return Err(10),
    }
    expect(11, matches!(router.poll_with(link, Led::show), Polled::Empty))?;
    router.stop().map_err(|_| 12)?;
    expect(13, router.next_stopped().is_none() && router.counters().routed == 1)
}

/// Called by the C library.
// SAFETY: no other `main` is linked.
#[unsafe(no_mangle)]
pub extern "C" fn main() -> i32 {
    match run() {
        Ok(()) => 0,
        Err(step) => step,
    }
}

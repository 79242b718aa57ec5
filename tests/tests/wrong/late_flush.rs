//! A worker process whose sender keeps the last message in its own memory, until the next one
//! or for some milliseconds.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use homing::pipe::Pipe;
use homing::worker::WorkerOutlet;
use homing_conformance::homing_core::{
    Blocking, CloseReason, Disconnected, Outlet, Panic, SendError, Sender, Ticket,
};
use homing_conformance::process::{ProcessRig, Wire};
use serde::Serialize;

use crate::rigs::Pipes;

/// The rig of such workers. Their foreground is right.
pub struct LateFlush;

impl ProcessRig for LateFlush {
    type Transport = Pipe;
    type Outlet<M: Serialize + Send + 'static> = LateOutlet<M>;

    const WIRE: Wire = Wire::Stream;

    fn transport() -> Pipe {
        Pipe::new()
    }

    fn first<M: Serialize + Send + 'static>() -> Sender<M, LateOutlet<M>> {
        LateOutlet::sender(<Pipes as ProcessRig>::first())
    }

    fn sender<M: Serialize + Send + 'static>(ticket: Ticket<M>) -> Sender<M, LateOutlet<M>> {
        LateOutlet::sender(<Pipes as ProcessRig>::sender(ticket))
    }
}

/// Drives a right sender, one message late.
pub struct LateOutlet<M: Serialize>(Arc<Mutex<Late<M>>>);

struct Late<M: Serialize> {
    sender: Sender<M, WorkerOutlet>,
    held: Option<M>,
}

impl<M: Serialize> Late<M> {
    fn flush(&mut self) -> Result<(), SendError<M>> {
        self.held.take().map_or(Ok(()), |held| self.sender.send(held))
    }
}

impl<M: Serialize + Send + 'static> LateOutlet<M> {
    fn sender(sender: Sender<M, WorkerOutlet>) -> Sender<M, Self> {
        let connection = sender.connection();
        let late = Arc::new(Mutex::new(Late { sender, held: None }));
        let flushed = Arc::downgrade(&late);
        thread::spawn(move || {
            while let Some(late) = flushed.upgrade() {
                late.lock().unwrap().flush().unwrap();
                drop(late);
                thread::sleep(Duration::from_millis(20));
            }
        });
        Sender::new(connection, Self(late))
    }
}

impl<M: Serialize> Outlet<M> for LateOutlet<M> {
    fn open(&mut self) -> Result<(), Disconnected> {
        self.0.lock().unwrap().sender.start().map_err(|_| Disconnected)
    }

    fn put(&mut self, message: M, _: Blocking) -> Result<u64, SendError<M>> {
        let mut late = self.0.lock().unwrap();
        late.flush()?;
        late.held = Some(message);
        Ok(0)
    }

    fn close(&mut self, _: CloseReason) -> Result<(), Disconnected> {
        let mut late = self.0.lock().unwrap();
        late.flush().map_err(|_| Disconnected)?;
        late.sender.stop().map_err(|_| Disconnected)
    }

    fn panicking(&self) -> Option<Panic> {
        thread::panicking().then(Panic::default)
    }
}

//! Faults of the worker's end.

use std::marker::PhantomData;

use homing_conformance::Sends;
use homing_conformance::homing_core::{
    Authorization, Blocking, CloseReason, Disconnected, MakeSender, Outlet, Overflow, Panic,
    SendError, SendErrorKind, Sender, SenderError, Ticket,
};

use super::Fault;

/// Makes senders with a fault, of right ones.
pub struct WrongFactory<R, F>(R, PhantomData<F>);

impl<R, F> WrongFactory<R, F> {
    pub fn new(factory: R) -> Self {
        Self(factory, PhantomData)
    }
}

impl<M, R, F> MakeSender<M> for WrongFactory<R, F>
where
    M: Send + 'static,
    R: Sends<M>,
    F: Fault,
{
    type Sender = Sender<M, WrongOutlet<M, R::Outlet, F>>;
    type Codec = R::Codec;

    const AUTHORIZATION: Authorization = R::AUTHORIZATION;

    fn make_sender(&self, ticket: Ticket<M>) -> Self::Sender {
        let (connection, nonce) = (ticket.connection(), ticket.nonce());
        let overflow = match ticket.overflow() {
            Overflow::LatestWins if F::LATEST_WINS_DROPS_NEWEST => Overflow::DropNewest,
            overflow => overflow,
        };
        let ticket = Ticket::new(connection, nonce).with_overflow(overflow);
        let outlet = WrongOutlet {
            sender: Some(self.0.make_sender(ticket)),
            held: None,
            puts: 0,
            fault: PhantomData,
        };
        Sender::new(connection, outlet)
    }
}

/// Drives a right sender, with a fault.
pub struct WrongOutlet<M, O: Outlet<M>, F> {
    /// `None` once it is closed.
    sender: Option<Sender<M, O>>,
    held: Option<M>,
    puts: usize,
    fault: PhantomData<fn() -> F>,
}

impl<M, O: Outlet<M>, F: Fault> WrongOutlet<M, O, F> {
    /// Sends as the right sender does, and says how many messages were dropped for it.
    fn send(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        let Some(sender) = &mut self.sender else {
            return Err(SendError::new(message, SendErrorKind::Disconnected));
        };
        let before = sender.counters().dropped;
        let sent = match blocking {
            Blocking::Allowed => sender.send(message),
            Blocking::Never => sender.try_send(message),
        };
        let dropped = sender.counters().dropped - before;
        match sent {
            Ok(()) if F::DROPS_SILENTLY => Ok(0),
            Ok(()) => Ok(dropped),
            Err(error) if F::SENDS_TO_NO_FOREGROUND && error.is_disconnected() => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Whether this message is kept, for the next one to overtake it.
    fn is_overtaken(&self) -> bool {
        (F::REORDERS && self.puts % 2 == 1) || (F::SWAPS_SOME && self.puts % 1000 == 999)
    }
}

impl<M, O: Outlet<M>, F: Fault> Outlet<M> for WrongOutlet<M, O, F> {
    fn open(&mut self) -> Result<(), Disconnected> {
        self.sender.as_mut().ok_or(Disconnected)?.start().map_err(|_| Disconnected)
    }

    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        self.puts += 1;
        if F::LOSES_SOME && self.puts % 1000 == 999 {
            return Ok(0);
        }
        if self.is_overtaken() {
            self.held = Some(message);
            return Ok(0);
        }
        let held = self.held.take();
        if F::HOLDS_ONE_BACK {
            self.held = Some(message);
            return held.map_or(Ok(0), |held| self.send(held, blocking));
        }
        let dropped = self.send(message, blocking)?;
        match held {
            Some(held) => Ok(dropped + self.send(held, blocking)?),
            None => Ok(dropped),
        }
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        if let Some(held) = self.held.take() {
            self.send(held, Blocking::Allowed).map_err(|_| Disconnected)?;
        }
        match (self.sender.take(), reason) {
            (None, _) => Err(Disconnected),
            (Some(mut sender), CloseReason::Stopped) => {
                sender.stop().expect("an outlet is closed once");
                Ok(())
            }
            (Some(mut sender), CloseReason::Failed { message }) => {
                sender.fail(message).expect("an outlet is closed once");
                Ok(())
            }
            // It finds out by itself why it is dropped.
            (Some(sender), _) => {
                drop(sender);
                Ok(())
            }
        }
    }

    fn try_close(&mut self, reason: CloseReason) -> Result<bool, Disconnected> {
        if F::WAITS_IN_TRY_STOP {
            return self.close(reason).map(|()| true);
        }
        let sender = self.sender.as_mut().ok_or(Disconnected)?;
        Ok(sender.try_stop() != Err(SenderError::Full))
    }

    fn panicking(&self) -> Option<Panic> {
        std::thread::panicking().then(Panic::default)
    }
}

//! The worker's end of one pipe.

use core::fmt;
use core::ops::Deref;

use embedded_io::Write;
use homing_core::{
    AnswerOutlet, Blocking, CloseKind, CloseReason, Disconnected, MessageType, Outlet, Panic,
    SendError, SendErrorKind, SenderCounters, Told,
};
use serde::Serialize;

use crate::frame::{Header, encode};
use crate::inboxes::{Inboxes, WayBack};
use crate::line::Line;
use crate::port::Port;
use crate::text::ShortText;

/// The worker's end of one pipe on a serial line.
///
/// `send` writes a frame and flushes, and waits as the line's writer does; so does `try_send`,
/// as such a writer does not say how much it would take. `send_all` flushes once.
///
/// When the writer fails, the message comes back as
/// [`Disconnected`](homing_core::SendErrorKind::Disconnected). It was not sent then, however much of
/// it was written, and the sender can be used on: the next frame spoils what was cut off.
///
/// `Ok` says that the writer has taken the message. A line can lose it still; then its
/// receiver is told of a gap.
pub struct SerialOutlet<L> {
    line: L,
    port: Port,
    message_type: MessageType<'static>,
    /// That of a duplex pipe.
    inbox: Option<usize>,
    /// The number of the next message.
    next: u64,
}

impl<L> SerialOutlet<L> {
    pub(crate) fn new(
        line: L,
        port: Port,
        message_type: MessageType<'static>,
        inbox: Option<usize>,
    ) -> Self {
        Self { line, port, message_type, inbox, next: 0 }
    }
}

impl<L, W: Write, const N: usize, B: WayBack> SerialOutlet<L>
where
    L: Deref<Target = Line<W, N, B>>,
{
    fn look(&self) -> Told {
        self.inbox.map_or(Told::NOTHING, |inbox| self.line.told(inbox))
    }

    /// Writes a message, or an answer, after the foreground was told what was taken: it may send
    /// commands when the message has come.
    fn write<M: Serialize>(&mut self, head: Header, message: M) -> Result<(), SendError<M>> {
        if let Some(inbox) = self.inbox {
            let told = self.line.told(inbox);
            self.line.settle(inbox, true);
            if told.is_closed() {
                return Err(SendError::new(message, SendErrorKind::Closed));
            }
        }
        let mut buffer = [0; N];
        let written = encode(&head, &message, &mut buffer).and_then(|frame| self.line.write(frame));
        match written {
            Ok(()) => {
                self.next += 1;
                Ok(())
            }
            Err(kind) => Err(SendError::new(message, kind)),
        }
    }

    fn message(&self) -> Header {
        let Port(port) = self.port;
        Header::Message { port, run: self.line.run(), number: self.next }
    }

    fn tell<T: Serialize>(&self, head: Header, body: &T) -> Result<(), SendErrorKind> {
        let mut buffer = [0; N];
        let written = encode(&head, body, &mut buffer).and_then(|frame| self.line.write(frame));
        self.line.flush();
        written
    }

    fn stop(&self, reason: CloseKind) -> Header {
        let Port(port) = self.port;
        Header::Stop { port, run: self.line.run(), number: self.next, reason }
    }

    /// Ends the pipe with texts, or without where a frame has no room for them.
    fn close_with<T: Serialize>(&self, reason: CloseKind, texts: &T) -> Result<(), Disconnected> {
        let stop = self.stop(reason);
        match self.tell(stop, texts) {
            Err(SendErrorKind::TooLarge { .. }) => self.tell(stop, &()),
            told => told,
        }
        .map_err(|_| Disconnected)
    }
}

impl<M, L, W, const N: usize, B> Outlet<M> for SerialOutlet<L>
where
    M: Serialize,
    L: Deref<Target = Line<W, N, B>>,
    W: Write,
    B: WayBack,
{
    fn open(&mut self) -> Result<(), Disconnected> {
        #[cfg(feature = "std")]
        homing_panic::install();
        let Port(port) = self.port;
        let start = Header::Start { port, run: self.line.run() };
        let fingerprint = self.message_type.fingerprint();
        let told = match self.message_type.is_checked() {
            false => self.tell(start, &()),
            true => {
                match self.tell(start, &(fingerprint, ShortText::new(&self.message_type.name()))) {
                    // There is no room for the name.
                    Err(SendErrorKind::TooLarge { .. }) => self.tell(start, &(fingerprint, "")),
                    told => told,
                }
            }
        };
        told.map_err(|_| Disconnected)
    }

    fn put(&mut self, message: M, _: Blocking) -> Result<u64, SendError<M>> {
        self.write(self.message(), message)?;
        self.line.flush();
        Ok(0)
    }

    fn put_all(
        &mut self,
        messages: &mut dyn Iterator<Item = M>,
        counters: &mut SenderCounters,
    ) -> Result<(), SendError<M>> {
        let mut written = Ok(());
        for message in messages {
            written = self.write(self.message(), message);
            if written.is_err() {
                break;
            }
            counters.sent += 1;
        }
        self.line.flush();
        written
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        let kind = reason.kind();
        match &reason {
            CloseReason::Failed { message } if !message.is_empty() => {
                self.close_with(kind, &ShortText::new(message))
            }
            CloseReason::Panicked(Panic { message, location }) if !message.is_empty() => {
                self.close_with(kind, &(ShortText::new(message), ShortText::new(location)))
            }
            _ => self.close_with(kind, &()),
        }
    }

    fn fail(&mut self, error: &dyn fmt::Display) -> Result<(), Disconnected> {
        self.close_with(CloseKind::Failed, &ShortText::new(error))
    }

    fn told(&self) -> Told {
        self.look()
    }

    #[cfg(feature = "std")]
    fn panicking(&self) -> Option<Panic> {
        homing_panic::current()
    }

    /// There is no unwinding, so no drop comes from a panic.
    #[cfg(not(feature = "std"))]
    fn panicking(&self) -> Option<Panic> {
        None
    }
}

impl<A, L, W, const N: usize, const RING: usize, const PIPES: usize, const BYTES: usize>
    AnswerOutlet<A> for SerialOutlet<L>
where
    A: Serialize,
    L: Deref<Target = Line<W, N, Inboxes<RING, PIPES, BYTES>>>,
    W: Write,
{
    fn answer(&mut self, question: u32, answer: A) -> Result<(), SendError<A>> {
        let Port(port) = self.port;
        let entered = self.inbox.and_then(|inbox| self.line.with(|pipes| pipes.entered(inbox))?);
        // A pipe without an inbox was asked nothing.
        let Some(of) = entered else {
            return Err(SendError::new(answer, SendErrorKind::Disconnected));
        };
        let (run, number) = (self.line.run(), self.next);
        self.write(Header::Answer { port, run, number, of, question }, answer)?;
        self.line.flush();
        Ok(())
    }
}

impl<L> fmt::Debug for SerialOutlet<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialOutlet")
            .field("port", &self.port)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

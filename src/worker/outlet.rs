//! The end of a pipe that a worker process sends by.

use std::fmt;
use std::task::{Context, Poll};

use homing_core::{
    AnswerOutlet, AsyncAnswerOutlet, AsyncOutlet, Blocking, CloseReason, Disconnected, Outgoing,
    Outlet, Panic, SendError, SendErrorKind, SenderCounters, Told,
};
use serde::Serialize;

use super::adopted::AdoptedOutlet;

/// The worker's end of one pipe, whatever the transport that the foreground has chosen.
#[derive(Debug)]
pub struct WorkerOutlet {
    pub(super) kind: Kind,
    /// Whether it is of the process's first pipe.
    pub(super) is_first: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    #[cfg(feature = "pipe")]
    Pipe(homing_transport_pipe::PipeOutlet),
    #[cfg(all(feature = "shm", target_os = "linux"))]
    Shm(homing_transport_shm::ShmOutlet),
    Adopted(AdoptedOutlet),
}

/// As `forward`, for the methods of an [`AsyncOutlet`].
macro_rules! forward_async {
    ($outlet:expr, $method:ident ( $($argument:ident),* )) => {
        match $outlet {
            #[cfg(feature = "pipe")]
            Kind::Pipe(outlet) => AsyncOutlet::<M>::$method(outlet, $($argument),*),
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Kind::Shm(outlet) => AsyncOutlet::<M>::$method(outlet, $($argument),*),
            Kind::Adopted(outlet) => AsyncOutlet::<M>::$method(outlet, $($argument),*),
        }
    };
}

/// Calls a method of the transport's outlet. Its own default methods are not good enough for
/// a transport that overrides them, so each is passed on.
macro_rules! forward {
    ($outlet:expr, $method:ident ( $($argument:ident),* )) => {
        match $outlet {
            #[cfg(feature = "pipe")]
            Kind::Pipe(outlet) => Outlet::<M>::$method(outlet, $($argument),*),
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Kind::Shm(outlet) => Outlet::<M>::$method(outlet, $($argument),*),
            Kind::Adopted(outlet) => Outlet::<M>::$method(outlet, $($argument),*),
        }
    };
}

#[deny(clippy::missing_trait_methods)]
impl<M: Serialize> Outlet<M> for WorkerOutlet {
    fn open(&mut self) -> Result<(), Disconnected> {
        forward!(&mut self.kind, open())
    }

    #[inline]
    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        forward!(&mut self.kind, put(message, blocking))
    }

    fn put_all(
        &mut self,
        messages: &mut dyn Iterator<Item = M>,
        counters: &mut SenderCounters,
    ) -> Result<(), SendError<M>> {
        forward!(&mut self.kind, put_all(messages, counters))
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        if self.is_first && reason == CloseReason::Abandoned {
            // Most likely the process is about to exit with an error. The pipe is lost with it,
            // and its receiver is told the exit code.
            return Ok(());
        }
        forward!(&mut self.kind, close(reason))
    }

    fn try_close(&mut self, reason: CloseReason) -> Result<bool, Disconnected> {
        forward!(&mut self.kind, try_close(reason))
    }

    fn fail(&mut self, error: &dyn fmt::Display) -> Result<(), Disconnected> {
        forward!(&mut self.kind, fail(error))
    }

    #[inline]
    fn told(&self) -> Told {
        forward!(&self.kind, told())
    }

    fn panicking(&self) -> Option<Panic> {
        forward!(&self.kind, panicking())
    }
}

/// On a link of a [registered](super::register) transport, which knows no tasks, a thread sends what
/// has to wait: the message is then sent also when its future is dropped, and `ready` does not wait.
#[deny(clippy::missing_trait_methods)]
impl<M: Serialize> AsyncOutlet<M> for WorkerOutlet {
    #[inline]
    fn poll_put(
        &mut self,
        message: &mut Outgoing<M>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u64, SendError<M>>> {
        forward_async!(&mut self.kind, poll_put(message, cx))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        forward_async!(&mut self.kind, poll_ready(cx))
    }

    fn withdraw(&mut self) -> bool {
        forward_async!(&mut self.kind, withdraw())
    }

    fn poll_close(
        &mut self,
        reason: &mut Option<CloseReason>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Disconnected>> {
        forward_async!(&mut self.kind, poll_close(reason, cx))
    }
}

impl<A: Serialize> AsyncAnswerOutlet<A> for WorkerOutlet {
    fn poll_answer(
        &mut self,
        question: u32,
        answer: &mut Outgoing<A>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<A>>> {
        match &mut self.kind {
            #[cfg(feature = "pipe")]
            Kind::Pipe(outlet) => outlet.poll_answer(question, answer, cx),
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Kind::Shm(outlet) => outlet.poll_answer(question, answer, cx),
            Kind::Adopted(_) => {
                // No question has come: there is no way back.
                let _ = (question, cx);
                answer.fail(SendErrorKind::Closed)
            }
        }
    }
}

impl<A: Serialize> AnswerOutlet<A> for WorkerOutlet {
    fn answer(&mut self, question: u32, answer: A) -> Result<(), SendError<A>> {
        match &mut self.kind {
            #[cfg(feature = "pipe")]
            Kind::Pipe(outlet) => outlet.answer(question, answer),
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Kind::Shm(outlet) => outlet.answer(question, answer),
            Kind::Adopted(_) => {
                // No question has come: there is no way back.
                let _ = question;
                Err(SendError::new(answer, SendErrorKind::Closed))
            }
        }
    }
}

//! The worker's end of one pipe.

mod tasks;

use std::fmt;
use std::sync::Arc;

use homing_core::{
    AnswerOutlet, Blocking, CloseReason, Disconnected, Outlet, Panic, SendError, SendErrorKind,
    Told,
};

use crate::bounded::Bounded;
use crate::control::Control;
use crate::lossy::Lossy;
use crate::notice::Notice;
use crate::on_link::OnLink;
use crate::up::{Answer, LossyUp, Up};

/// The sender of a pipe on a [`Channel`](crate::Channel).
pub type Sender<M> = homing_core::Sender<M, ChannelOutlet<M>>;

/// The worker's end of one pipe on a [`Channel`](crate::Channel).
pub struct ChannelOutlet<M> {
    queue: QueueWriter<M>,
    /// What the foreground has told this pipe.
    notice: Arc<Notice>,
    /// How many messages the policy dropped.
    missed: u64,
    on_link: OnLink,
}

/// The sender's end of a queue.
pub(crate) enum QueueWriter<M> {
    /// Other pipes use it too.
    Shared(Arc<Bounded<M>>),
    /// All that waits there is this pipe's, and the oldest may be dropped.
    Private(Arc<Lossy<M>>),
    /// As `Shared`, with answers among the messages.
    Duplex(Arc<Bounded<Up<M>>>),
    /// As `Private`, with answers among the messages.
    LossyDuplex(Arc<LossyUp<M>>),
}

impl<M: Send + 'static> ChannelOutlet<M> {
    pub(crate) fn new(queue: QueueWriter<M>, notice: Arc<Notice>, on_link: OnLink) -> Self {
        Self { queue, notice, missed: 0, on_link }
    }

    /// The pipe is closed: nothing is put any more.
    #[cold]
    fn refuse<T>(&self, message: T) -> SendError<T> {
        // A router that stops closes its pipes as well.
        let is_gone = self.notice.is_gone();
        let kind = if is_gone { SendErrorKind::Disconnected } else { SendErrorKind::Closed };
        SendError::new(message, kind)
    }

    fn put_answer<A: Send + 'static>(
        &mut self,
        question: u32,
        answer: A,
        blocking: Blocking,
    ) -> Result<(), SendError<A>> {
        let Self { queue, notice, on_link, .. } = self;
        if notice.told().is_closed() {
            return Err(self.refuse(answer));
        }
        let boxed = |answer| Answer { question, value: Box::new(Some(answer)) };
        match queue {
            QueueWriter::Duplex(queue) => on_link
                .push_answer(queue, boxed(answer), blocking, notice)
                .or_else(Up::give_answer_back),
            QueueWriter::LossyDuplex(queue) => match queue.push_answer(boxed(answer)) {
                Ok(()) => {
                    on_link.pushed();
                    Ok(())
                }
                Err(answer) => Up::give_answer_back(SendError::new(
                    Up::<M>::Answer(answer),
                    SendErrorKind::Disconnected,
                )),
            },
            QueueWriter::Shared(_) | QueueWriter::Private(_) => {
                Err(SendError::new(answer, SendErrorKind::Closed))
            }
        }
    }
}

impl<M: Send + 'static> Outlet<M> for ChannelOutlet<M> {
    fn open(&mut self) -> Result<(), Disconnected> {
        homing_panic::install();
        if self.on_link.link.is_gone() { Err(Disconnected) } else { Ok(()) }
    }

    #[inline]
    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        let Self { queue, notice, missed, on_link, .. } = self;
        if notice.told().is_closed() {
            return Err(self.refuse(message));
        }
        let dropped = match queue {
            QueueWriter::Shared(queue) => on_link.push(queue, message, blocking, notice)?,
            QueueWriter::Private(queue) => {
                let oldest = queue
                    .force_push(message)
                    .map_err(|message| SendError::new(message, SendErrorKind::Disconnected))?;
                on_link.pushed();
                u64::from(oldest.is_some())
            }
            QueueWriter::Duplex(queue) => on_link
                .push(queue, Up::Message(message), blocking, notice)
                .or_else(Up::give_back)?,
            QueueWriter::LossyDuplex(queue) => {
                let oldest = queue
                    .force_push(message)
                    .map_err(|message| SendError::new(message, SendErrorKind::Disconnected))?;
                on_link.pushed();
                u64::from(oldest.is_some())
            }
        };
        *missed += dropped;
        Ok(dropped)
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        let OnLink { connection, ref place, ref link, .. } = self.on_link;
        link.tell(Control::Closed { slot: place.slot, connection, missed: self.missed, reason })
    }

    #[inline]
    fn told(&self) -> Told {
        self.notice.hear()
    }

    fn panicking(&self) -> Option<Panic> {
        homing_panic::current()
    }
}

/// Answers questions of a duplex pipe. On a pipe that has no way back no question can be asked:
/// there an answer comes back as [`SendErrorKind::Closed`].
impl<M: Send + 'static, A: Send + 'static> AnswerOutlet<A> for ChannelOutlet<M> {
    fn answer(&mut self, question: u32, answer: A) -> Result<(), SendError<A>> {
        self.put_answer(question, answer, Blocking::Allowed)
    }
}

impl<M> Drop for ChannelOutlet<M> {
    fn drop(&mut self) {
        match self.queue {
            QueueWriter::Shared(_) | QueueWriter::Private(_) => {
                self.on_link.link.notices().remove(self.on_link.connection);
            }
            // The commands of a duplex pipe remove it.
            QueueWriter::Duplex(_) | QueueWriter::LossyDuplex(_) => {}
        }
    }
}

impl<M> fmt::Debug for ChannelOutlet<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelOutlet")
            .field("connection", &self.on_link.connection)
            .field("overflow", &self.on_link.overflow)
            .finish_non_exhaustive()
    }
}

//! The foreground's end of a link.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use homing_core::{Arrival, Inlet, LinkEnd, Notifier};

use crate::control::Control;
use crate::link::Gone;
use crate::notices::Notices;
use crate::queue::Queue;

/// How much is taken from one queue before the next has its turn.
const QUANTUM: u32 = 32;

/// How many controls are taken between two turns, so that a call's work is bounded.
const CONTROLS: usize = 32;

/// The foreground's end of a link.
///
/// Queues that have messages are served in turn. [`poll`](Inlet::poll) returns `None` only
/// when each of them was found empty after its flag had been cleared, so whatever is sent
/// from then on rings the bell.
///
/// When it is dropped, every send on the link returns
/// [`Disconnected`](homing_core::SendErrorKind::Disconnected), also one that waits, and the
/// messages and commands that wait are dropped.
pub struct ChannelInlet {
    controls: Receiver<Control>,
    /// The queues, but for the one that has its turn.
    queues: Vec<Option<Queue>>,
    /// Queues that are awake, in the order of their turns.
    run_queue: VecDeque<usize>,
    turn: Option<Turn>,
    /// Slots of queues that are over go back to the factory.
    freed: Sender<usize>,
    gone: Gone,
    notices: Arc<Notices>,
}

/// The queue that has its turn.
struct Turn {
    slot: usize,
    queue: Queue,
    left: u32,
}

/// What taking controls has come to.
enum Controls {
    /// There may be more.
    More,
    /// There is none now.
    Empty,
    /// There is none now, nor will there be.
    Gone,
}

impl ChannelInlet {
    pub(crate) fn new(
        controls: Receiver<Control>,
        freed: Sender<usize>,
        gone: Gone,
        notices: Arc<Notices>,
    ) -> Self {
        let (queues, run_queue) = (Vec::new(), VecDeque::new());
        Self { controls, queues, run_queue, turn: None, freed, gone, notices }
    }

    /// Gives the turn to the next queue, and returns false when all queues are asleep.
    #[cold]
    fn next_turn(&mut self) -> Result<bool, LinkEnd> {
        self.end_turn();
        loop {
            let controls = self.take_controls();
            if let Some(slot) = self.run_queue.pop_front() {
                // A queue that is awake is in its slot.
                let queue = self.queues.get_mut(slot).and_then(Option::take);
                self.turn = queue.map(|queue| Turn { slot, queue, left: QUANTUM });
                return Ok(true);
            }
            match controls {
                Controls::More => {}
                Controls::Empty => return Ok(false),
                // Every push was told before its sender was dropped, so all queues are empty.
                Controls::Gone => return Err(LinkEnd::gone()),
            }
        }
    }

    /// Puts the queue back: at the end of the run queue if it is awake.
    fn end_turn(&mut self) {
        let Some(Turn { slot, queue, .. }) = self.turn.take() else { return };
        if queue.is_over() {
            // A factory that is gone makes no more queues.
            let _ = self.freed.send(slot);
            return;
        }
        if queue.awake {
            self.run_queue.push_back(slot);
        }
        if let Some(place) = self.queues.get_mut(slot) {
            *place = Some(queue);
        }
    }

    fn take_controls(&mut self) -> Controls {
        for _ in 0..CONTROLS {
            match self.controls.try_recv() {
                Ok(Control::NewQueue { slot, reader, flag, private }) => {
                    if self.queues.len() <= slot {
                        self.queues.resize_with(slot + 1, || None);
                    }
                    if let Some(place) = self.queues.get_mut(slot) {
                        *place = Some(Queue::new(reader, flag, private));
                    }
                }
                Ok(Control::Ready { slot }) => self.wake(slot, |_| {}),
                Ok(Control::Closed { slot, connection, missed, reason }) => {
                    self.wake(slot, |queue| queue.close(connection, missed, reason));
                }
                Err(TryRecvError::Empty) => return Controls::Empty,
                Err(TryRecvError::Disconnected) => return Controls::Gone,
            }
        }
        Controls::More
    }

    /// Puts a queue into the run queue, unless it is there.
    ///
    /// Its flag may be cleared, if it is woken for an end. Then a message that comes before
    /// its turn makes it ready once more, which costs a look, and it goes to sleep as usual.
    fn wake(&mut self, slot: usize, change: impl FnOnce(&mut Queue)) {
        // A queue is told of before anything in it.
        let Some(Some(queue)) = self.queues.get_mut(slot) else { return };
        change(queue);
        if !std::mem::replace(&mut queue.awake, true) {
            self.run_queue.push_back(slot);
        }
    }
}

impl Inlet for ChannelInlet {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        // The fast path: what is pulled here stays in registers.
        let connection = loop {
            if let Some(turn) = &mut self.turn
                && turn.left > 0
                && !turn.queue.is_over()
            {
                turn.left -= 1;
                if let Some(connection) = turn.queue.pull() {
                    break connection;
                }
                if turn.queue.advance() {
                    return Ok(self.turn.as_mut().and_then(|turn| turn.queue.arrival()));
                }
            }
            if !self.next_turn()? {
                return Ok(None);
            }
        };
        let payload = self.turn.as_mut().map(|turn| turn.queue.front());
        Ok(payload.map(|payload| Arrival::Message { connection, payload }))
    }

    fn notifier(&self) -> Option<Arc<dyn Notifier>> {
        Some(Arc::clone(&self.notices) as Arc<dyn Notifier>)
    }
}

impl Drop for ChannelInlet {
    fn drop(&mut self) {
        // The queues are closed by their own drops; senders that start from now on are told.
        self.gone.set();
        self.notices.disconnect();
    }
}

impl fmt::Debug for ChannelInlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelInlet").field("queues", &self.queues.len()).finish_non_exhaustive()
    }
}

//! The foreground's end of a link.

use std::collections::VecDeque;
use std::fmt;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use homing_core::{Arrival, Inlet, LinkEnd};

use crate::event::Event;
use crate::lane::Lane;
use crate::link::Gone;

/// How much is taken from one lane before the next has its turn.
const QUANTUM: u32 = 32;

/// How many events are taken between two turns, so that a call's work is bounded.
const EVENTS: usize = 32;

/// The foreground's end of a link.
///
/// Lanes that have messages are served in turn. [`poll`](Inlet::poll) returns `None` only
/// when each of them was found empty after its flag had been lowered, so whatever is sent
/// from then on rings the bell.
///
/// When it is dropped, every send on the link returns
/// [`Disconnected`](homing_core::SendErrorKind::Disconnected), also one that waits. A message that
/// still waits in a lane that pipes share is dropped with the last sender of that lane: to
/// take it out would make room, and a sender that waits would take that for success.
pub struct ChannelInlet {
    events: Receiver<Event>,
    /// The lanes, but for the one that has its turn.
    lanes: Vec<Option<Lane>>,
    /// Lanes that are awake, in the order of their turns.
    awake: VecDeque<usize>,
    turn: Option<Turn>,
    /// Slots of lanes that are over go back to the factory.
    freed: Sender<usize>,
    gone: Gone,
}

/// The lane that has its turn.
struct Turn {
    slot: usize,
    lane: Lane,
    left: u32,
}

/// What taking events has come to.
enum Events {
    /// There may be more.
    More,
    /// There is none now.
    Empty,
    /// There is none now, nor will there be.
    Gone,
}

impl ChannelInlet {
    pub(crate) fn new(events: Receiver<Event>, freed: Sender<usize>, gone: Gone) -> Self {
        Self { events, lanes: Vec::new(), awake: VecDeque::new(), turn: None, freed, gone }
    }

    /// Gives the turn to the next lane, and returns false when all lanes are asleep.
    #[cold]
    fn next_turn(&mut self) -> Result<bool, LinkEnd> {
        self.end_turn();
        loop {
            let events = self.take_events();
            if let Some(slot) = self.awake.pop_front() {
                // A lane that is awake is in its slot.
                self.turn = self.lanes.get_mut(slot).and_then(Option::take).map(|lane| Turn {
                    slot,
                    lane,
                    left: QUANTUM,
                });
                return Ok(true);
            }
            match events {
                Events::More => {}
                Events::Empty => return Ok(false),
                // Every push was told before its sender went, so all lanes are empty.
                Events::Gone => return Err(LinkEnd::Gone(None)),
            }
        }
    }

    /// Puts the lane back: at the end of the line if it is awake.
    fn end_turn(&mut self) {
        let Some(Turn { slot, lane, .. }) = self.turn.take() else { return };
        if lane.is_over() {
            // A factory that is gone makes no more lanes.
            let _ = self.freed.send(slot);
            return;
        }
        if lane.awake {
            self.awake.push_back(slot);
        }
        if let Some(place) = self.lanes.get_mut(slot) {
            *place = Some(lane);
        }
    }

    fn take_events(&mut self) -> Events {
        for _ in 0..EVENTS {
            match self.events.try_recv() {
                Ok(Event::Lane { slot, source, flag, own }) => {
                    if self.lanes.len() <= slot {
                        self.lanes.resize_with(slot + 1, || None);
                    }
                    if let Some(place) = self.lanes.get_mut(slot) {
                        *place = Some(Lane::new(source, flag, own));
                    }
                }
                Ok(Event::Ready { slot }) => self.wake(slot, |_| {}),
                Ok(Event::Left { slot, connection, missed, reason }) => {
                    self.wake(slot, |lane| lane.leave(connection, missed, reason));
                }
                Err(TryRecvError::Empty) => return Events::Empty,
                Err(TryRecvError::Disconnected) => return Events::Gone,
            }
        }
        Events::More
    }

    /// Puts a lane in line, unless it is there.
    ///
    /// Its flag may be down, if it is for an end. Then a message that comes before its turn
    /// makes it ready again, for nothing, and it goes back to sleep as ever.
    fn wake(&mut self, slot: usize, change: impl FnOnce(&mut Lane)) {
        // A lane is told of before anything in it.
        let Some(Some(lane)) = self.lanes.get_mut(slot) else { return };
        change(lane);
        if !std::mem::replace(&mut lane.awake, true) {
            self.awake.push_back(slot);
        }
    }
}

impl Inlet for ChannelInlet {
    #[inline]
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        // The usual case by itself: what it has pulled stays in registers.
        let connection = loop {
            if let Some(turn) = &mut self.turn
                && turn.left > 0
                && !turn.lane.is_over()
            {
                turn.left -= 1;
                if let Some(connection) = turn.lane.pull() {
                    break connection;
                }
                if turn.lane.advance() {
                    return Ok(self.turn.as_mut().and_then(|turn| turn.lane.arrival()));
                }
            }
            if !self.next_turn()? {
                return Ok(None);
            }
        };
        let payload = self.turn.as_mut().map(|turn| turn.lane.front());
        Ok(payload.map(|payload| Arrival::Message { connection, payload }))
    }
}

impl Drop for ChannelInlet {
    fn drop(&mut self) {
        // First, so that no lane is filled again that the drop of the fields has emptied, but
        // by a message that is being sent at this moment.
        self.gone.set();
    }
}

impl fmt::Debug for ChannelInlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelInlet").field("lanes", &self.lanes.len()).finish_non_exhaustive()
    }
}

//! Links between threads: a queue with a bound, a mutex and a condition variable.

use std::any::Any;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use homing::transport::{
    Arrival, Authorization, Blocking, ByValue, CloseReason, ConnectionId, Disconnected, Inlet,
    LinkEnd, MakeSender, NewLink, Outlet, Overflow, Panic, Payload, Pinger, SendError,
    SendErrorKind, Sender, Ticket, Transport, panics,
};

/// Makes links on which at most so many messages wait.
pub struct Threads {
    /// The most messages that wait on one link.
    pub capacity: usize,
}

/// A message of any type: an `Option<M>`, from which the receiver takes it.
type Message = Box<dyn Any + Send>;

enum Item {
    Message(ConnectionId, Message),
    Missed(ConnectionId, u64),
    Stopped(ConnectionId, CloseReason),
}

/// What both ends of a link share.
struct Link {
    state: Mutex<State>,
    /// Notified when a message was taken, or the foreground has gone.
    changed: Condvar,
    capacity: usize,
    foreground: ThreadId,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    /// How many of them are messages. Only those are bounded: a pipe has one end.
    messages: usize,
    foreground_gone: bool,
    workers_gone: bool,
}

impl Link {
    /// No code of a message's, and no ping, runs while this is held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Removes the oldest message of a pipe.
    fn remove_oldest(&mut self, pipe: ConnectionId) -> Option<Message> {
        let is_of_pipe = |item: &Item| matches!(item, Item::Message(of, _) if *of == pipe);
        let at = self.items.iter().position(is_of_pipe)?;
        let Some(Item::Message(_, message)) = self.items.remove(at) else { return None };
        self.messages -= 1;
        Some(message)
    }
}

impl<P: Pinger + Send + Sync + 'static> Transport<P> for Threads {
    type Factory = ThreadFactory;
    type Inlet = ThreadInlet;
    type Doorbell = (); // nothing to watch: the waker is pinged
    type Error = Infallible;

    fn link(&mut self, waker: P) -> Result<NewLink<ThreadFactory, ThreadInlet, ()>, Infallible> {
        let link = Arc::new(Link {
            state: Mutex::default(),
            changed: Condvar::new(),
            capacity: self.capacity.max(1),
            foreground: thread::current().id(),
        });
        let workers = Workers { link: Arc::clone(&link), waker: Box::new(waker) };
        let inlet = ThreadInlet { link, current: None };
        Ok(NewLink { factory: ThreadFactory(Arc::new(workers)), inlet, doorbell: () })
    }
}

/// The workers' end of a link: dropped with the factory and the last sender.
struct Workers {
    link: Arc<Link>,
    waker: Box<dyn Pinger + Send + Sync>,
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.link.lock().workers_gone = true;
        self.waker.ping(); // the end of a link is an arrival, too
    }
}

/// Makes the pipes of one link.
pub struct ThreadFactory(Arc<Workers>);

impl<M: Send + 'static> MakeSender<M> for ThreadFactory {
    type Sender = Sender<M, ThreadOutlet>;
    type Codec = ByValue;
    const AUTHORIZATION: Authorization = Authorization::Trusted;

    fn make_sender(&self, ticket: Ticket<M>) -> Sender<M, ThreadOutlet> {
        let (connection, overflow) = (ticket.connection(), ticket.overflow());
        let workers = Arc::clone(&self.0);
        Sender::new(connection, ThreadOutlet { workers, connection, overflow, missed: 0 })
    }
}

/// The worker's end of one pipe.
pub struct ThreadOutlet {
    workers: Arc<Workers>,
    connection: ConnectionId,
    overflow: Overflow,
    /// What was dropped, for the report before the end.
    missed: u64,
}

impl<M: Send + 'static> Outlet<M> for ThreadOutlet {
    fn open(&mut self) -> Result<(), Disconnected> {
        panics::install();
        if self.workers.link.lock().foreground_gone { Err(Disconnected) } else { Ok(()) }
    }

    fn put(&mut self, message: M, blocking: Blocking) -> Result<u64, SendError<M>> {
        let link = &*self.workers.link;
        let may_wait = blocking == Blocking::Allowed && thread::current().id() != link.foreground;
        let mut state = link.lock();
        let mut dropped = None;
        while !state.foreground_gone && state.messages >= link.capacity {
            match self.overflow {
                Overflow::DropNewest => {
                    self.missed += 1;
                    return Ok(1);
                }
                // The newest must arrive: one message of such a pipe always has room.
                Overflow::DropOldest => {
                    dropped = state.remove_oldest(self.connection);
                    break;
                }
                Overflow::LatestWins => break,
                Overflow::GiveBack => return Err(SendError::new(message, SendErrorKind::Full)),
                // Also for policies that this transport does not know yet: nothing is lost.
                _ if may_wait => {
                    state = link.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                _ => return Err(SendError::new(message, SendErrorKind::Full)),
            }
        }
        if state.foreground_gone {
            return Err(SendError::new(message, SendErrorKind::Disconnected));
        }
        if self.overflow == Overflow::LatestWins {
            dropped = state.remove_oldest(self.connection);
        }
        state.items.push_back(Item::Message(self.connection, Box::new(Some(message))));
        state.messages += 1;
        drop(state);
        self.workers.waker.ping(); // push first, ping second
        let count = u64::from(dropped.is_some());
        self.missed += count;
        Ok(count)
    }

    fn close(&mut self, reason: CloseReason) -> Result<(), Disconnected> {
        let mut state = self.workers.link.lock();
        if state.foreground_gone {
            return Err(Disconnected);
        }
        if self.missed > 0 {
            state.items.push_back(Item::Missed(self.connection, self.missed));
        }
        state.items.push_back(Item::Stopped(self.connection, reason));
        drop(state);
        self.workers.waker.ping();
        Ok(())
    }

    fn panicking(&self) -> Option<Panic> {
        panics::current()
    }
}

/// The foreground's end of a link.
pub struct ThreadInlet {
    link: Arc<Link>,
    /// The message that was returned last.
    current: Option<Message>,
}

impl Inlet for ThreadInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        let mut state = self.link.lock();
        let Some(item) = state.items.pop_front() else {
            // All that was handed over was taken before.
            return if state.workers_gone { Err(LinkEnd::gone()) } else { Ok(None) };
        };
        if let Item::Message(..) = item {
            state.messages -= 1;
            self.link.changed.notify_one();
        }
        drop(state);
        Ok(Some(match item {
            Item::Message(connection, message) => {
                let message = &mut **self.current.insert(message);
                Arrival::Message { connection, payload: Payload::Value(message) }
            }
            Item::Missed(connection, count) => Arrival::Missed { connection, count },
            Item::Stopped(connection, reason) => Arrival::Stopped { connection, end: reason.end() },
        }))
    }
}

impl Drop for ThreadInlet {
    fn drop(&mut self) {
        let mut state = self.link.lock();
        state.foreground_gone = true;
        let items = std::mem::take(&mut state.items);
        drop(state);
        self.link.changed.notify_all();
        drop(items); // a message may hold a sender of this link
    }
}

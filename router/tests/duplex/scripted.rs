//! A link of bytes whose worker is the test itself.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;

use homing_core::*;
use homing_process::LinkWaker;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What comes from the worker.
pub(crate) enum Item {
    Started(ConnectionId, Nonce),
    Message(ConnectionId, Vec<u8>),
    Answer(ConnectionId, u32, Vec<u8>),
    Taken(ConnectionId, u64),
}

/// The worker's side.
#[derive(Clone, Default)]
pub(crate) struct Script {
    items: Rc<RefCell<VecDeque<Item>>>,
    waker: Rc<RefCell<Option<LinkWaker>>>,
    pub(crate) down: Arc<Down>,
    /// Without a way back.
    pub(crate) one_way: Rc<Cell<bool>>,
}

impl Script {
    pub(crate) fn push(&self, item: Item) {
        self.items.borrow_mut().push_back(item);
        self.wake();
    }

    /// As a transport whose sink has space again.
    pub(crate) fn wake(&self) {
        self.waker.borrow().as_ref().unwrap().ping();
    }
}

/// What goes to the worker.
#[derive(Default)]
pub(crate) struct Down {
    pub(crate) sent: Mutex<Vec<Vec<u8>>>,
    pub(crate) notices: Mutex<Vec<String>>,
    pub(crate) flushes: AtomicUsize,
}

impl Down {
    pub(crate) fn flushes(&self) -> usize {
        self.flushes.load(Ordering::SeqCst)
    }

    pub(crate) fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.notices.lock().unwrap())
    }

    fn note(&self, notice: String) {
        self.notices.lock().unwrap().push(notice);
    }
}

pub(crate) struct ScriptedDownlink(Arc<Down>);

impl Notifier for ScriptedDownlink {
    fn close(&self, connection: ConnectionId) {
        self.0.note(format!("close {}", connection.index()));
    }

    fn announce_stop(&self) {
        self.0.note("stop".into());
    }

    fn flush(&self) {
        self.0.flushes.fetch_add(1, Ordering::SeqCst);
    }
}

impl Downlink for ScriptedDownlink {
    fn remote(&self, connection: ConnectionId, _: usize) -> Arc<dyn EncodedRemote> {
        let (down, pipe) = (Arc::clone(&self.0), connection.index());
        Arc::new(ScriptedRemote { down, pipe, untaken: Mutex::new((0, false)) })
    }

    fn limit(&self) -> usize {
        100
    }

    fn depth(&self) -> u32 {
        8
    }
}

struct ScriptedRemote {
    down: Arc<Down>,
    pipe: u32,
    /// How many, and whether it is closed.
    untaken: Mutex<(u64, bool)>,
}

impl EncodedRemote for ScriptedRemote {
    fn note_started(&self) {
        self.down.note(format!("started {}", self.pipe));
    }

    fn send(&self, command: &[u8]) -> Result<(), SendErrorKind> {
        let mut untaken = self.untaken.lock().unwrap();
        if untaken.1 {
            return Err(SendErrorKind::Closed);
        }
        untaken.0 += 1;
        self.down.sent.lock().unwrap().push(command.to_vec());
        Ok(())
    }

    fn cancel(&self) {
        self.down.note(format!("cancel {}", self.pipe));
    }

    fn close(&self) {
        self.untaken.lock().unwrap().1 = true;
        self.down.note(format!("remote closed {}", self.pipe));
    }

    fn note_taken(&self, commands: u64) -> Result<(), ProtocolError> {
        let mut untaken = self.untaken.lock().unwrap();
        untaken.0 = untaken.0.checked_sub(commands).ok_or(ProtocolError::OutOfTurn)?;
        Ok(())
    }

    fn untaken(&self) -> u64 {
        self.untaken.lock().unwrap().0
    }

    fn has_room(&self) -> bool {
        true
    }

    fn wake_on_room(&self, _: &Waker) {}
}

pub(crate) struct ScriptedInlet {
    script: Script,
    current: Option<Item>,
}

impl Inlet for ScriptedInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        self.current = self.script.items.borrow_mut().pop_front();
        Ok(self.current.as_ref().map(|item| match item {
            Item::Started(connection, nonce) => Arrival::Started {
                connection: *connection,
                nonce: *nonce,
                message_type: MessageType::UNCHECKED,
            },
            Item::Message(connection, bytes) => {
                Arrival::Message { connection: *connection, payload: Payload::bytes(bytes) }
            }
            Item::Answer(connection, question, bytes) => Arrival::Answer {
                connection: *connection,
                question: *question,
                payload: Payload::bytes(bytes),
            },
            Item::Taken(connection, commands) => {
                Arrival::Taken { connection: *connection, commands: *commands }
            }
        }))
    }

    fn notifier(&self) -> Option<Arc<dyn Notifier>> {
        Some(Arc::new(ScriptedDownlink(Arc::clone(&self.script.down))))
    }
}

/// Its senders are tickets.
pub(crate) struct ScriptedFactory(Script);

impl<M: Serialize + DeserializeOwned> MakeSender<M> for ScriptedFactory {
    type Sender = Ticket<M>;
    type Codec = Postcard;
    const AUTHORIZATION: Authorization = Authorization::Nonce;

    fn make_sender(&self, ticket: Ticket<M>) -> Ticket<M> {
        ticket
    }
}

impl<D: Serialize, U: Serialize + DeserializeOwned> MakeDuplex<D, U> for ScriptedFactory {
    type Ends = Ticket<U, D>;

    fn make_duplex(
        &self,
        ticket: Ticket<U, D>,
        capacity: usize,
    ) -> Option<Duplex<Ticket<U, D>, D>> {
        if self.0.one_way.get() {
            return None;
        }
        let downlink = ScriptedDownlink(Arc::clone(&self.0.down));
        let remote = EncodingRemote::new(&downlink, ticket.connection(), capacity);
        Some(Duplex::new(ticket, Arc::new(remote)))
    }
}

impl Transport<LinkWaker> for Script {
    type Factory = ScriptedFactory;
    type Inlet = ScriptedInlet;
    type Doorbell = ();
    type Error = Infallible;

    fn link(
        &mut self,
        bell: LinkWaker,
    ) -> Result<NewLink<ScriptedFactory, ScriptedInlet, ()>, Infallible> {
        *self.waker.borrow_mut() = Some(bell);
        let inlet = ScriptedInlet { script: self.clone(), current: None };
        Ok(NewLink { factory: ScriptedFactory(self.clone()), inlet, doorbell: () })
    }
}

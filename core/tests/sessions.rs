//! Sessions of a router in a cell: what they find when the router has changed meanwhile.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use homing_core::*;

/// What arrives, put in by hand.
type Queue = Rc<RefCell<VecDeque<Arrived>>>;

#[derive(Clone, Copy)]
enum Arrived {
    Message(ConnectionId),
    Started(ConnectionId),
    Stopped(ConnectionId),
}

struct QueueInlet(Queue, Rc<Cell<bool>>);

impl Inlet for QueueInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        Ok(self.0.borrow_mut().pop_front().map(|arrived| match arrived {
            Arrived::Message(connection) => {
                Arrival::Message { connection, payload: Payload::bytes(&[7]) }
            }
            Arrived::Started(connection) => Arrival::Started {
                connection,
                nonce: Nonce::new(7),
                message_type: MessageType::UNCHECKED,
            },
            Arrived::Stopped(connection) => Arrival::Stopped { connection, end: End::Finished },
        }))
    }
}

impl Drop for QueueInlet {
    fn drop(&mut self) {
        self.1.set(true);
    }
}

/// Counts what it accepts.
#[derive(Clone, Debug, Default)]
struct Count(Rc<Cell<u32>>);

impl Authorize for Count {
    fn authorizes(&self, nonce: Nonce) -> bool {
        nonce == Nonce::new(7)
    }
}

impl Receive for Count {
    fn accept(&self, _: &mut Payload<'_>) -> Result<Delivery, Undecodable> {
        self.0.set(self.0.get() + 1);
        Ok(Delivery::Immediate)
    }
}

type Links = GrowableStorage<LinkEntry<SharedInlet>>;
type Pipes = GrowableStorage<PipeEntry<Count>>;

struct Rig {
    router: RefCell<Router<SharedInlet, Count, Links, Pipes>>,
}

impl Rig {
    fn new() -> Self {
        let mut router = Router::new(Links::new(), Pipes::new());
        router.start().unwrap();
        Self { router: RefCell::new(router) }
    }

    fn attach(&self) -> (LinkId, Queue, Rc<Cell<bool>>) {
        let (queue, dropped) = (Queue::default(), Rc::<Cell<bool>>::default());
        let inlet = QueueInlet(Rc::clone(&queue), Rc::clone(&dropped));
        let link = self.router.borrow_mut().attach(SharedInlet::new(Box::new(inlet))).unwrap();
        (link, queue, dropped)
    }

    fn session(&self, link: LinkId) -> Session<'_, Count, Links, Pipes> {
        Session::begin(&self.router, link).unwrap()
    }

    fn trusted(&self, link: LinkId) -> (ConnectionId, Count) {
        let count = Count::default();
        (self.router.borrow_mut().trusted_pipe(link, count.clone()).unwrap(), count)
    }
}

#[test]
fn a_pipe_that_is_closed_between_two_messages_gets_no_more() {
    let rig = Rig::new();
    let (link, queue, _) = rig.attach();
    let (pipe, count) = rig.trusted(link);
    queue.borrow_mut().extend([Arrived::Message(pipe); 3]);
    let mut session = rig.session(link);
    assert!(matches!(session.poll(), SessionStep::Message(_)));
    rig.router.borrow_mut().close_pipe(pipe).unwrap();
    assert!(matches!(session.poll(), SessionStep::Handled));
    assert!(matches!(session.poll(), SessionStep::Handled));
    drop(session);
    assert_eq!(count.0.get(), 1);
    let counters = rig.router.borrow().counters();
    assert_eq!((counters.routed, counters.bytes, counters.discarded_closed), (1, 1, 2));
}

#[test]
fn the_end_of_a_pipe_in_another_session_reaches_the_first() {
    let rig = Rig::new();
    let (link, queue, _) = rig.attach();
    let (pipe, count) = rig.trusted(link);
    queue.borrow_mut().extend([Arrived::Message(pipe), Arrived::Stopped(pipe)]);
    let mut outer = rig.session(link);
    assert!(matches!(outer.poll(), SessionStep::Message(_)));
    let mut inner = rig.session(link);
    assert!(matches!(inner.poll(), SessionStep::Ended(_, End::Finished)));
    // No correct worker sends this.
    queue.borrow_mut().push_back(Arrived::Message(pipe));
    assert!(matches!(outer.poll(), SessionStep::Handled));
    assert_eq!(count.0.get(), 1);
}

#[test]
fn two_sessions_of_one_link_share_what_arrives() {
    let rig = Rig::new();
    let (link, queue, _) = rig.attach();
    let ((first, one), (second, two)) = (rig.trusted(link), rig.trusted(link));
    queue.borrow_mut().extend([first, second, first].map(Arrived::Message));
    let mut outer = rig.session(link);
    assert!(matches!(outer.poll(), SessionStep::Message(_)));
    let mut inner = rig.session(link);
    assert!(matches!(inner.poll(), SessionStep::Message(_)));
    assert!(matches!(inner.poll(), SessionStep::Message(_)));
    assert!(matches!(inner.poll(), SessionStep::Empty));
    assert!(matches!(outer.poll(), SessionStep::Empty));
    assert_eq!((one.0.get(), two.0.get()), (2, 1));
}

#[test]
fn a_router_that_stops_drops_its_inlets_although_sessions_are_open() {
    let rig = Rig::new();
    let (link, queue, dropped) = rig.attach();
    let (pipe, count) = rig.trusted(link);
    queue.borrow_mut().extend([Arrived::Message(pipe); 2]);
    let mut session = rig.session(link);
    assert!(matches!(session.poll(), SessionStep::Message(_)));
    rig.router.borrow_mut().stop().unwrap();
    assert!(dropped.get());
    assert!(matches!(session.poll(), SessionStep::Empty));

    // The place of the link is taken by one that has pipes of its own.
    while rig.router.borrow_mut().next_stopped().is_some() {}
    rig.router.borrow_mut().start().unwrap();
    let (new, _, _) = rig.attach();
    assert_eq!(new.index(), link.index());
    rig.trusted(new);
    assert!(matches!(session.poll(), SessionStep::Empty));
    assert_eq!(count.0.get(), 1);
}

#[test]
fn pipes_of_an_earlier_run_belong_to_no_link_of_a_later_one() {
    let rig = Rig::new();
    let (old, _, _) = rig.attach();
    let (pipe, count) = rig.trusted(old);
    rig.router.borrow_mut().stop().unwrap();
    rig.router.borrow_mut().start().unwrap();
    let (new, queue, _) = rig.attach();
    assert!(!rig.router.borrow().has_live_pipe());
    queue.borrow_mut().push_back(Arrived::Message(pipe));
    assert!(matches!(rig.session(new).poll(), SessionStep::Handled));
    assert!(rig.router.borrow().is_ending(new), "it sends for a pipe that is not its own");
    assert_eq!(count.0.get(), 0);
}

/// The end of a link takes as long as it has pipes, whatever others there are: each walk is
/// over its own pipes, those that it has claimed, and no others.
#[test]
fn a_link_that_ends_ends_the_pipes_that_it_owns() {
    let rig = Rig::new();
    let (one, queue, _) = rig.attach();
    let (other, _, _) = rig.attach();
    let (kept, _) = rig.trusted(other);
    let expected = |link| rig.router.borrow_mut().pipe(link, Count::default()).unwrap();
    let (own, lost_to_one, unclaimed) =
        (expected(Some(one)), expected(Some(other)), expected(None));
    // So many that the list is cleaned.
    let closed: Vec<_> = (0..100).map(|_| rig.trusted(one).0).collect();
    for pipe in closed {
        queue.borrow_mut().push_back(Arrived::Stopped(pipe));
    }
    queue.borrow_mut().extend([lost_to_one, unclaimed].map(Arrived::Started));
    let mut session = rig.session(one);
    while !matches!(session.poll(), SessionStep::Empty) {}
    let last: Vec<_> = (0..30).map(|_| rig.trusted(one).0).collect();
    drop(rig.router.borrow_mut().end_link(one, LinkEnd::gone()));
    let mut ended = Vec::new();
    while let SessionStep::Ended(detached, end) = session.poll() {
        assert_eq!(end, End::Lost(Lost::default()));
        ended.push(detached.connection);
    }
    let expected: Vec<_> = [own, lost_to_one, unclaimed].into_iter().chain(last).collect();
    assert_eq!(ended.len(), expected.len());
    assert!(expected.iter().all(|pipe| ended.contains(pipe)));
    assert!(!rig.router.borrow().has_link(one));
    assert!(rig.router.borrow().has_pipe(kept));
}

//! Whatever arrives from a worker, in whatever order: the router does not panic, the pipes of
//! other workers are not touched, and each pipe ends once.

#![no_main]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use arbitrary::Arbitrary;
use homing_core::*;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Item {
    Started { pipe: u8, generation: u8, nonce: u8 },
    Message { pipe: u8, generation: u8, bytes: Vec<u8> },
    Stopped { pipe: u8, generation: u8, reason: u8 },
    Missed { pipe: u8, generation: u8, count: u64 },
    Fragment { pipe: u8, generation: u8 },
    Answer { pipe: u8, generation: u8, question: u8, bytes: Vec<u8> },
    Taken { pipe: u8, generation: u8, commands: u64 },
    Told { pipe: Option<u8>, generation: u8 },
    Partial,
    Gone(Option<i32>),
    Refused,
}

#[derive(Arbitrary, Debug)]
enum Step {
    /// From the hostile worker, or from one of its fellows that is as bad.
    Arrives {
        fellow: bool,
        item: Item,
    },
    Pipe,
    Granted {
        fellow: bool,
    },
    Close {
        pipe: u8,
        generation: u8,
    },
    Poll {
        fellow: bool,
        /// The receiver of a message closes its own pipe.
        closes: bool,
    },
}

#[derive(Default)]
struct Arrivals {
    items: RefCell<VecDeque<Item>>,
}

struct Hostile {
    arrivals: Rc<Arrivals>,
    bytes: Vec<u8>,
}

impl Inlet for Hostile {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        let named = |pipe: u8, generation: u8| {
            // A few names that exist, and some that do not.
            ConnectionId::from_parts((pipe % 8).into(), (generation % 4).into())
        };
        let Some(item) = self.arrivals.items.borrow_mut().pop_front() else { return Ok(None) };
        Ok(Some(match item {
            Item::Started { pipe, generation, nonce } => Arrival::Started {
                connection: named(pipe, generation),
                nonce: Nonce::new((nonce % 4).into()),
                message_type: MessageType::new((nonce / 4 % 4).into(), "of the worker"),
            },
            Item::Message { pipe, generation, bytes } => {
                self.bytes = bytes;
                let connection = named(pipe, generation);
                Arrival::Message { connection, payload: Payload::bytes(&self.bytes) }
            }
            Item::Stopped { pipe, generation, reason } => {
                let reason = match reason % 3 {
                    0 => CloseReason::Stopped,
                    1 => CloseReason::Panicked(Panic::default()),
                    _ => CloseReason::Abandoned,
                };
                Arrival::Stopped { connection: named(pipe, generation), end: reason.end() }
            }
            Item::Missed { pipe, generation, count } => {
                Arrival::Missed { connection: named(pipe, generation), count }
            }
            Item::Fragment { pipe, generation } => {
                Arrival::Fragment { connection: named(pipe, generation) }
            }
            Item::Answer { pipe, generation, question, bytes } => {
                self.bytes = bytes;
                Arrival::Answer {
                    connection: named(pipe, generation),
                    question: question.into(),
                    payload: Payload::bytes(&self.bytes),
                }
            }
            Item::Taken { pipe, generation, commands } => {
                Arrival::Taken { connection: named(pipe, generation), commands }
            }
            Item::Told { pipe, generation } => Arrival::Told {
                connection: pipe.map(|pipe| named(pipe, generation)),
                told: Told::CLOSED,
            },
            Item::Partial => Arrival::Partial,
            Item::Gone(code) => {
                let exit = code.map(Exit::Code);
                return Err(LinkEnd::Gone(Lost::default().with_exit(exit)));
            }
            Item::Refused => return Err(LinkEnd::Refused(ProtocolError::Malformed)),
        }))
    }
}

/// Authorizes one nonce, and takes a text.
#[derive(Clone)]
struct Receiver {
    nonce: Option<u128>,
    honest: bool,
    connection: Rc<Cell<Option<ConnectionId>>>,
}

impl Authorize for Receiver {
    fn authorizes(&self, nonce: Nonce) -> bool {
        assert!(!self.honest, "only workers whose pipes are not trusted are asked");
        self.nonce == Some(nonce.bits())
    }

    fn message_type(&self) -> MessageType<'static> {
        MessageType::new(u64::from(!self.honest), "of the receiver")
    }
}

impl Receive for Receiver {
    fn accept(&self, payload: &mut Payload<'_>) -> Result<Delivery, Undecodable> {
        assert!(!self.honest, "a message from another worker");
        let _: String = payload.reborrow().decode()?;
        Ok(Delivery::Immediate)
    }

    fn accept_answer(
        &self,
        question: u32,
        payload: &mut Payload<'_>,
    ) -> Result<Delivery, ProtocolError> {
        assert!(!self.honest, "an answer from another worker");
        if question > 100 {
            return Err(ProtocolError::OutOfTurn);
        }
        let _: String = payload.reborrow().decode().map_err(ProtocolError::Undecodable)?;
        Ok(Delivery::Immediate)
    }

    fn note_taken(&self, commands: u64) -> Result<(), ProtocolError> {
        assert!(!self.honest, "commands that another worker has taken");
        if commands < 1000 { Ok(()) } else { Err(ProtocolError::OutOfTurn) }
    }
}

fuzz_target!(|steps: Vec<Step>| {
    let mut router: Router<
        SharedInlet,
        Receiver,
        GrowableStorage<LinkEntry<SharedInlet>>,
        [Slot<PipeEntry<Receiver>>; 6],
    > = Router::new(GrowableStorage::new(), [const { Slot::VACANT }; 6]);
    router.start().expect("it is new");
    let mut attach = || {
        let arrivals = Rc::new(Arrivals::default());
        let inlet = Hostile { arrivals: Rc::clone(&arrivals), bytes: Vec::new() };
        let inlet = SharedInlet::new(Box::new(inlet));
        (router.attach(inlet).expect("there is room"), arrivals)
    };
    let (links, honest) = ([attach(), attach()], attach());
    let of_another = Receiver { nonce: None, honest: true, connection: Rc::default() };
    let kept = router.trusted_pipe(honest.0, of_another).expect("there is room");
    let router = RefCell::new(router);

    // Receivers that were handed to the router, less those that came back.
    let mut out = 1usize;
    for step in steps {
        match step {
            Step::Arrives { fellow, item } => {
                links[usize::from(fellow)].1.items.borrow_mut().push_back(item);
            }
            Step::Pipe => {
                let receiver =
                    Receiver { nonce: Some(2), honest: false, connection: Rc::default() };
                let pipe = router.borrow_mut().pipe(None, receiver.clone()).ok();
                receiver.connection.set(pipe);
                out += usize::from(pipe.is_some());
            }
            Step::Granted { fellow } => {
                let receiver = Receiver { nonce: None, honest: false, connection: Rc::default() };
                let link = links[usize::from(fellow)].0;
                let pipe = router.borrow_mut().trusted_pipe(link, receiver.clone()).ok();
                receiver.connection.set(pipe);
                out += usize::from(pipe.is_some());
            }
            Step::Close { pipe, generation } => {
                let pipe = ConnectionId::from_parts((pipe % 8).into(), generation.into());
                if pipe != kept && router.borrow_mut().close_pipe(pipe).is_ok() {
                    out -= 1;
                }
            }
            Step::Poll { fellow, closes } => {
                let link = links[usize::from(fellow)].0;
                let Some(mut session) = Session::begin(&router, link) else { continue };
                match session.poll() {
                    SessionStep::Message(receiver) => {
                        assert!(!receiver.honest);
                        let closed = closes.then(|| receiver.connection.get()).flatten();
                        if let Some(pipe) = closed
                            && router.borrow_mut().close_pipe(pipe).is_ok()
                        {
                            out -= 1;
                        }
                    }
                    SessionStep::Ended(detached, _) => {
                        assert!(!detached.receiver.honest);
                        assert!(!router.borrow().has_pipe(detached.connection));
                        out -= 1;
                    }
                    _ => {}
                }
            }
        }
        let router = router.borrow();
        assert!(router.has_pipe(kept) && router.has_link(honest.0));
        assert_eq!(router.open_pipes(), out);
    }
    let mut router = router.into_inner();
    router.stop().expect("it runs");
    while router.next_stopped().is_some() {
        out -= 1;
    }
    assert_eq!((out, router.open_pipes()), (0, 0));
});

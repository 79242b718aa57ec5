//! Whatever arrives from a worker, in whatever order: the router does not panic, the pipes of
//! other workers are not touched, and each pipe ends once.

#![no_main]

use std::cell::RefCell;
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
        lose: bool,
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
            },
            Item::Message { pipe, generation, bytes } => {
                self.bytes = bytes;
                let connection = named(pipe, generation);
                Arrival::Message { connection, payload: Payload::Bytes(&self.bytes) }
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
            Item::Partial => Arrival::Partial,
            Item::Gone(code) => return Err(LinkEnd::Gone(code.map(Exit::Code))),
            Item::Refused => return Err(LinkEnd::Refused(ProtocolError::Malformed)),
        }))
    }
}

/// Admits one nonce, and takes a text.
struct Receiver {
    nonce: Option<u128>,
    honest: bool,
}

impl Authorize for Receiver {
    fn authorizes(&self, nonce: Nonce) -> bool {
        assert!(!self.honest, "only who was not granted is asked");
        self.nonce == Some(nonce.bits())
    }
}

impl Receive for Receiver {
    fn accept(&mut self, payload: Payload<'_>) -> Result<Delivery, Undecodable> {
        assert!(!self.honest, "a message from another worker");
        let _: String = payload.decode()?;
        Ok(Delivery::Immediate)
    }
}

fuzz_target!(|steps: Vec<Step>| {
    let mut router: Router<
        _,
        Receiver,
        GrowableStorage<LinkEntry<Hostile>>,
        [Slot<PipeEntry<Receiver>>; 6],
    > = Router::new(GrowableStorage::new(), [const { Slot::VACANT }; 6]);
    router.start().expect("it is new");
    let mut attach = || {
        let arrivals = Rc::new(Arrivals::default());
        let inlet = Hostile { arrivals: Rc::clone(&arrivals), bytes: Vec::new() };
        (router.attach(inlet).expect("there is room"), arrivals)
    };
    let (links, honest) = ([attach(), attach()], attach());
    let of_another = Receiver { nonce: None, honest: true };
    let kept = router.trusted_pipe(honest.0, of_another).expect("there is room");

    // Receivers that were handed to the router, less those that came back.
    let mut out = 1usize;
    for step in steps {
        match step {
            Step::Arrives { fellow, item } => {
                links[usize::from(fellow)].1.items.borrow_mut().push_back(item);
            }
            Step::Pipe => {
                let receiver = Receiver { nonce: Some(2), honest: false };
                out += usize::from(router.pipe(None, receiver).is_ok());
            }
            Step::Granted { fellow } => {
                let receiver = Receiver { nonce: None, honest: false };
                let link = links[usize::from(fellow)].0;
                out += usize::from(router.trusted_pipe(link, receiver).is_ok());
            }
            Step::Close { pipe, generation } => {
                let pipe = ConnectionId::from_parts((pipe % 8).into(), generation.into());
                if pipe != kept
                    && let Ok(lent) = router.close_pipe(pipe)
                {
                    out -= usize::from(lent.is_some());
                }
            }
            Step::Poll { fellow, lose } => match router.poll(links[usize::from(fellow)].0) {
                Polled::Message(lent) if lose => {
                    // Its handler panicked.
                    let connection = lent.connection;
                    drop(lent);
                    out -= 1;
                    if let Ok(lent) = router.close_pipe(connection) {
                        assert!(lent.is_none());
                    }
                }
                Polled::Message(lent) => assert!(router.restore(lent).is_none()),
                Polled::Ended(lent, _) => {
                    assert!(!lent.receiver.honest);
                    assert!(!router.has_pipe(lent.connection));
                    out -= 1;
                }
                _ => {}
            },
        }
        assert!(router.has_pipe(kept) && router.has_link(honest.0));
        assert_eq!(router.open_pipes(), out);
    }
    router.stop().expect("it runs");
    while let Some(lent) = router.next_stopped() {
        out -= usize::from(lent.is_some());
    }
    assert_eq!((out, router.open_pipes()), (0, 0));
});

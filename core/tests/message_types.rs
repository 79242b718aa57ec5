//! Claims of pipes whose receivers expect a type.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use homing_core::*;

/// Claims that arrive, put in by hand.
type Claims = Rc<RefCell<VecDeque<(ConnectionId, u64)>>>;

struct ClaimsInlet(Claims);

impl Inlet for ClaimsInlet {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        Ok(self.0.borrow_mut().pop_front().map(|(connection, fingerprint)| Arrival::Started {
            connection,
            nonce: Nonce::new(7),
            message_type: MessageType::new(fingerprint, "worker::Type"),
        }))
    }
}

/// Expects the type of this fingerprint.
struct Expects(u64);

impl Authorize for Expects {
    fn authorizes(&self, nonce: Nonce) -> bool {
        nonce == Nonce::new(7)
    }

    fn message_type(&self) -> MessageType<'static> {
        MessageType::new(self.0, "app::Type")
    }
}

fn poll(router: &mut FixedRouter<ClaimsInlet, Expects, 2, 4>, link: LinkId) -> Polled<Expects> {
    router.poll_with(link, |_, _| Ok(()))
}

fn is_mismatch(end: &End) -> bool {
    matches!(end, End::Refused(ProtocolError::TypeMismatch(_)))
}

#[test]
fn a_claim_for_another_type_ends_the_link_and_the_pipe_that_it_was_for() {
    let mut router = Router::fixed();
    router.start().unwrap();
    let [(own, _), (other, claims)] = [(); 2].map(|()| {
        let claims = Claims::default();
        (router.attach(ClaimsInlet(claims.clone())).unwrap(), claims)
    });
    // Both pipes were made for `own`, whose worker has given the ticket of the first away.
    let given = router.pipe(Some(own), Expects(1)).map_err(|error| error.kind()).unwrap();
    let kept = router.pipe(Some(own), Expects(1)).map_err(|error| error.kind()).unwrap();
    claims.borrow_mut().push_back((given, 2));
    // The claim, the end of its pipe, the end of its link.
    assert!(matches!(poll(&mut router, other), Polled::Handled));
    match poll(&mut router, other) {
        Polled::Ended(detached, end) => {
            assert_eq!(detached.connection, given);
            assert!(is_mismatch(&end), "{end:?}");
        }
        _ => panic!("the pipe does not end"),
    }
    let Polled::LinkEnded(end) = poll(&mut router, other) else { panic!("the link does not end") };
    assert!(is_mismatch(&end.end()));
    assert_eq!(router.counters().refused_links, 1);
    // The other pipe waits for its worker.
    assert!(router.has_link(own));
    assert!(matches!(poll(&mut router, own), Polled::Empty));
    router.close_pipe(kept).unwrap();
}

#[test]
fn a_receiver_that_expects_nothing_takes_any_worker() {
    let mut router = Router::fixed();
    router.start().unwrap();
    let claims = Claims::default();
    let link = router.attach(ClaimsInlet(claims.clone())).unwrap();
    for (expected, said) in [(0, 0), (0, 1), (1, 1)] {
        let pipe =
            router.pipe(Some(link), Expects(expected)).map_err(|error| error.kind()).unwrap();
        claims.borrow_mut().push_back((pipe, said));
        assert!(matches!(poll(&mut router, link), Polled::Handled));
        assert!(router.has_link(link) && !router.is_ending(link));
    }
}

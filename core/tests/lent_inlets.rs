//! An inlet that is lent outlives its link: what it still brings concerns nobody else.

#![allow(clippy::unwrap_used, reason = "tests")]

use homing_core::*;

/// Brings nothing by itself.
struct Silent;

impl Inlet for Silent {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        Ok(None)
    }
}

/// Counts what it is told.
#[derive(Debug)]
struct Count(u32);

impl Authorize for Count {
    fn authorizes(&self, nonce: Nonce) -> bool {
        nonce == Nonce::new(7)
    }
}

impl Receive for Count {
    fn accept(&mut self, _: Payload<'_>) -> Result<Delivery, Undecodable> {
        self.0 += 1;
        Ok(Delivery::Immediate)
    }
}

fn router() -> (FixedRouter<Silent, Count, 1, 2>, LinkId) {
    let mut router = Router::fixed();
    router.start().unwrap();
    let link = router.attach(Silent).unwrap();
    (router, link)
}

fn message(connection: ConnectionId) -> Result<Option<Arrival<'static>>, LinkEnd> {
    Ok(Some(Arrival::Message { connection, payload: Payload::Bytes(&[]) }))
}

#[test]
fn a_link_whose_place_was_taken_speaks_for_no_pipe() {
    let (mut router, old) = router();
    let inlet = router.take_inlet(old).unwrap();
    router.stop().unwrap();
    router.start().unwrap();
    let new = router.attach(Silent).unwrap();
    assert_eq!(new.index(), old.index());
    let pipe = router.trusted_pipe(new, Count(0)).unwrap();

    assert!(matches!(router.route(old, message(pipe)), Polled::Empty));
    router.put_inlet(old, inlet);
    match router.route(new, message(pipe)) {
        Polled::Message(lent) => assert_eq!(lent.receiver.0, 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pipes_of_an_earlier_run_belong_to_no_link_of_a_later_one() {
    let (mut router, old) = router();
    let pipe = router.trusted_pipe(old, Count(0)).unwrap();
    router.stop().unwrap();
    router.start().unwrap();
    let new = router.attach(Silent).unwrap();
    assert!(!router.can_hear());
    assert!(matches!(router.route(new, message(pipe)), Polled::Handled));
    assert!(router.is_ending(new), "it speaks for a pipe that is not its own");
}

#[test]
fn nothing_is_claimed_over_a_link_that_is_ending() {
    let (mut router, link) = router();
    let _inlet = router.take_inlet(link).unwrap();
    let pipe = router.pipe(None, Count(0)).unwrap();
    router.end_link(link, LinkEnd::gone());
    let started = Arrival::Started { connection: pipe, nonce: Nonce::new(7) };
    assert!(matches!(router.route(link, Ok(Some(started))), Polled::Handled));
    assert!(matches!(router.poll(link), Polled::LinkEnded(LinkEnd::Gone(_))));
    assert!(router.has_pipe(pipe), "another worker may claim it");
}

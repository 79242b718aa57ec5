//! Links as a whole: what may move between threads, and when a link ends.

use super::*;

#[test]
fn senders_and_roads_may_go_to_other_threads() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    // A `Cell` is `Send` and not `Sync`: more is not asked of a message.
    send::<Sender<std::cell::Cell<u8>>>();
    send::<ChannelFactory>();
    sync::<ChannelFactory>();
    send::<ChannelInlet>();
}

#[test]
fn a_link_does_not_end_while_its_road_is_there() {
    let (factory, mut inlet) = link(2);
    drop(sender::<u8>(&factory, 0, Overflow::Wait));
    assert_eq!(drain::<u8>(&mut inlet), [Got::Stopped(0, End::Dropped)]);
    assert_eq!(take::<u8>(&mut inlet), Ok(None));
}

#[test]
fn a_link_ends_when_road_and_senders_are_gone() {
    for overflow in [Overflow::Wait, Overflow::DropOldest] {
        let bell = Counter::default();
        let (factory, mut inlet) = link_with(2, bell.clone());
        let mut sender = sender::<u8>(&factory, 0, overflow);
        drop(factory);
        sender.send(1).unwrap();
        assert_eq!(drain::<u8>(&mut inlet), [Got::Message(0, 1)]);
        sender.send(2).unwrap();
        drop(sender);
        assert_eq!(take::<u8>(&mut inlet), Ok(Some(Got::Message(0, 2))));
        assert_eq!(take::<u8>(&mut inlet), Ok(Some(Got::Stopped(0, End::Dropped))));
        assert_eq!(take::<u8>(&mut inlet), Err(LinkEnd::gone()));
    }
}

#[test]
fn the_end_of_a_link_rings() {
    let bell = Counter::default();
    let (factory, mut inlet) = link_with(2, bell.clone());
    assert_eq!(take::<u8>(&mut inlet), Ok(None));
    let before = bell.rings();
    drop(factory);
    assert!(bell.rings() > before);
    assert_eq!(take::<u8>(&mut inlet), Err(LinkEnd::gone()));
}

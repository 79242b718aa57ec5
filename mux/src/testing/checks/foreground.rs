//! On the foreground's own thread nothing waits, and nothing that is pending gets lost.

use super::*;

pub fn no_call_waits_on_a_full_link<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let mut open = sender::<u8, R::Sink>(&factory, 0, Overflow::Wait);
    let _full = fill(&factory);
    assert!(open.send(1).unwrap_err().is_full());
    assert!(open.try_send(1).unwrap_err().is_full());
    assert!(open.send_all([1, 2]).unwrap_err().is_full());
    // Starts and ends have no room either, and arrive all the same.
    let mut late = initial::<u8, R::Sink>(&factory, 1, Overflow::Wait);
    late.start().unwrap();
    assert!(late.send(1).unwrap_err().is_full());
    late.stop().unwrap();
    open.stop().unwrap();
    drop(initial::<u8, R::Sink>(&factory, 2, Overflow::Wait));
    let mut got = foreground.until_stopped(2);
    got.retain(|got| !matches!(got, Got::Message(99, _) | Got::Started(99, _)));
    let expected = [
        Got::started(0),
        Got::started(1),
        Got::Stopped(1, End::Finished),
        Got::Stopped(0, End::Finished),
        Got::started(2),
        Got::Stopped(2, End::Lost(homing_core::Lost::default())),
    ];
    assert_eq!(got, expected);
}

pub fn pending_control_frames_outlive_the_last_sender<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    let open = sender::<u8, R::Sink>(&factory, 0, Overflow::Wait);
    let full = fill(&factory);
    drop((open, factory, full));
    let (mut got, end) = foreground.until_end();
    got.retain(|got| matches!(got, Got::Stopped(..)));
    assert_eq!(got, [Got::Stopped(0, End::Dropped), Got::Stopped(99, End::Dropped)]);
    assert_eq!(end, LinkEnd::gone());
}

pub fn a_link_without_any_sender_just_ends<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    drop(factory);
    let (got, end) = foreground.until_end();
    assert!(got.is_empty() && matches!(end, LinkEnd::Gone(_)), "{got:?} {end:?}");
}

pub fn a_link_without_a_reader_takes_no_more_than_it_holds<R: SinkRig>() {
    let (factory, mut foreground) = R::link(DEFAULT_LIMIT);
    for len in [1000, 1] {
        let mut sender = sender::<ByteBuf, R::Sink>(&factory, len as u32, Overflow::GiveBack);
        let mut sent = 0;
        while sender.send(filled(0, len)).is_ok() {
            sent += 1;
        }
        assert!((1..=1 << 20).contains(&(sent * len)));
        drop(sender);
        // And all of it is there.
        let got = foreground.until_stopped(len as u32);
        assert_eq!(got.len(), sent + 2);
    }
}

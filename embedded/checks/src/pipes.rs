//! Pipes: how they are told apart, and closed.

use homing_core::wake::PollPingee;
use homing_core::{ClosePipeError, ConnectionId, End, Overflow, Polled, ProtocolError};
use homing_transport_static::ValueLink;

use crate::Failed;
use crate::rig::{Observed, Rig, done};

pub(crate) fn order() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 16> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (_, mut a) = rig.started(0)?;
    let (_, mut b) = rig.started(1)?;
    for round in 0..3 {
        rig.heard.clear();
        for message in 0..5 {
            let sender = if message % 2 == round % 2 { &mut a } else { &mut b };
            done(sender.send(message))?;
        }
        rig.drain();
        ensure!(rig.heard.len() == 5);
        for (at, (pipe, told)) in rig.heard.iter().enumerate() {
            let message = at as u32;
            ensure!(*told == Observed::Message(message));
            ensure!(*pipe == u8::from(message % 2 != round % 2));
        }
    }
    Ok(())
}

pub(crate) fn closing() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (closed, mut sender) = rig.started(0)?;
    let (_, mut other) = rig.started(1)?;
    done(sender.send(1))?;
    rig.drain();

    done(sender.send(2))?;
    let detached = done(rig.router.close_pipe(closed))?;
    ensure!(detached.receiver.0 == 0 && detached.connection == closed);
    ensure!(rig.router.close_pipe(closed).err() == Some(ClosePipeError::NoSuchPipe));
    ensure!(!rig.router.has_pipe(closed) && rig.router.open_pipes() == 1);

    done(sender.send(3))?;
    done(other.send(4))?;
    done(sender.stop())?;
    rig.drain();
    ensure!(rig.heard == [(0, Observed::Message(1)), (1, Observed::Message(4))]);
    ensure!(rig.router.counters().discarded_closed == 2);
    Ok(())
}

pub(crate) fn generations() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (first, sender) = rig.started(0)?;
    drop(sender);
    rig.drain();
    let (second, mut sender) = rig.started(1)?;
    ensure!(second.index() == first.index() && second != first);
    ensure!(rig.router.close_pipe(first).err() == Some(ClosePipeError::NoSuchPipe));
    ensure!(!rig.router.has_pipe(first) && rig.router.has_pipe(second));

    // A sender of the pipe that is gone says nothing to the one that took its place.
    let mut late = done(rig.factory.sender::<u32>(first, Overflow::GiveBack))?;
    done(late.start())?;
    done(late.send(1))?;
    done(sender.send(2))?;
    rig.drain();
    ensure!(rig.heard == [(0, Observed::Ended(End::Dropped)), (1, Observed::Message(2))]);
    ensure!(rig.router.counters().discarded_closed == 1);
    Ok(())
}

/// A program that closes a pipe because of a message reacts when the poll has returned.
pub(crate) fn reacting() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (pipe, mut sender) = rig.started(0)?;
    done(sender.send(1))?;
    done(sender.send(2))?;

    let mut got = None;
    let polled = rig.router.poll_with(rig.link, |_, payload| {
        got = Some(payload.take::<u32>()?);
        Ok(())
    });
    ensure!(matches!(polled, Polled::Handled) && got == Some(1));
    ensure!(done(rig.router.close_pipe(pipe))?.connection == pipe);
    ensure!(rig.router.open_pipes() == 0);

    rig.drain();
    ensure!(rig.heard.is_empty() && rig.router.counters().discarded_closed == 1);
    Ok(())
}

pub(crate) fn foreign() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (pipe, _sender) = rig.started(0)?;
    for foreign in [
        ConnectionId::from_parts(pipe.index(), pipe.generation() + 1),
        ConnectionId::from_parts(pipe.index() + 1, 0),
        ConnectionId::from_parts(u32::MAX, u32::MAX),
    ] {
        ensure!(rig.router.close_pipe(foreign).err() == Some(ClosePipeError::NoSuchPipe));
        ensure!(!rig.router.has_pipe(foreign));
    }
    ensure!(rig.router.has_pipe(pipe));
    Ok(())
}

pub(crate) fn not_yours() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    static OTHER: ValueLink<u32, 8> = ValueLink::new();
    static BELL: PollPingee = PollPingee::new();
    let mut rig = Rig::new(&LINK)?;
    let (pipe, mut sender) = rig.started(0)?;
    let (factory, inlet) = done(OTHER.split(&BELL))?;
    let other = done(rig.router.attach(inlet))?;

    let mut stranger = done(factory.sender::<u32>(pipe, Overflow::GiveBack))?;
    done(stranger.start())?;
    done(stranger.send(1))?;
    let polled = rig.router.poll_with(other, |_, _| Ok(()));
    ensure!(matches!(polled, Polled::Handled));
    ensure!(rig.router.is_ending(other));
    ensure!(stranger.send(2).is_err_and(|error| error.is_disconnected()));
    match rig.router.poll_with(other, |_, _| Ok(())) {
        Polled::LinkEnded(end) => ensure!(end == ProtocolError::NotYours.into()),
        _ => return Err(Failed { what: "the link has ended", line: line!() }),
    }
    ensure!(rig.router.counters().refused_links == 1);

    done(sender.send(3))?;
    rig.drain();
    ensure!(rig.heard == [(0, Observed::Message(3))]);
    Ok(())
}

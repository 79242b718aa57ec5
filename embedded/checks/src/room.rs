//! Queues and tables that are full.

use homing_core::wake::PollPingee;
use homing_core::{AttachError, End, Overflow, PipeErrorKind};
use homing_transport_static::{AlreadySplit, MakeSenderError, ValueLink};

use crate::Failed;
use crate::rig::{Observed, Rig, To, done};

pub(crate) fn full() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 4> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (_, mut sender) = rig.started(0)?;
    // Three places, of which one is for the end.
    for round in 0..3 {
        rig.heard.clear();
        done(sender.send(round))?;
        done(sender.send(round + 1))?;
        let refused = sender.send(9).map_err(|error| (error.is_full(), error.into_message()));
        ensure!(refused == Err((true, 9)));
        ensure!(sender.try_send(9).is_err_and(|error| error.is_full()));
        rig.drain();
        ensure!(rig.heard == [(0, Observed::Message(round)), (0, Observed::Message(round + 1))]);
    }
    ensure!(sender.counters().sent == 6 && sender.counters().dropped == 0);
    Ok(())
}

pub(crate) fn reason() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 4> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (_, mut a) = rig.started(0)?;
    let (_, b) = rig.started(1)?;
    done(a.send(1))?;
    ensure!(a.send(2).is_err_and(|error| error.is_full()));
    drop(b);
    ensure!(a.stop() == Ok(()));
    rig.drain();
    let told = [
        (0, Observed::Message(1)),
        (1, Observed::Ended(End::Dropped)),
        (0, Observed::Ended(End::Finished)),
    ];
    ensure!(rig.heard == told);
    Ok(())
}

pub(crate) fn dropping() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 4> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let pipe = done(rig.router.trusted_pipe(rig.link, To(0)))?;
    let mut sender = done(rig.factory.sender::<u32>(pipe, Overflow::DropNewest))?;
    done(sender.start())?;
    for message in 0..5 {
        done(sender.send(message))?;
    }
    ensure!(sender.try_send(9).is_err_and(|error| error.is_full()));
    ensure!(sender.counters().sent == 5 && sender.counters().dropped == 3);
    done(sender.stop())?;
    rig.drain();
    let told =
        [(0, Observed::Message(0)), (0, Observed::Message(1)), (0, Observed::Ended(End::Finished))];
    ensure!(rig.heard == told);
    ensure!(rig.router.counters().missed == 3);
    Ok(())
}

pub(crate) fn ends() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 4> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (_, mut a) = rig.started(0)?;
    let (_, b) = rig.started(1)?;
    let (_, c) = rig.started(2)?;
    let pipe = done(rig.router.trusted_pipe(rig.link, To(3)))?;
    let refused = rig.factory.sender::<u32>(pipe, Overflow::GiveBack).err();
    ensure!(refused == Some(MakeSenderError::NoRoom));
    ensure!(a.send(1).is_err_and(|error| error.is_full()));
    drop((b, c));
    // Their ends lie in the queue still.
    ensure!(a.send(1).is_err_and(|error| error.is_full()));
    ensure!(rig.factory.sender::<u32>(pipe, Overflow::GiveBack).is_err());
    rig.drain();
    ensure!(a.send(1).is_ok());
    ensure!(rig.factory.sender::<u32>(pipe, Overflow::GiveBack).is_ok());
    Ok(())
}

pub(crate) fn policies() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 4> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let pipe = done(rig.router.trusted_pipe(rig.link, To(0)))?;
    // Nothing waits here.
    for policy in [Overflow::Wait, Overflow::DropOldest, Overflow::LatestWins] {
        let refused = rig.factory.sender::<u32>(pipe, policy).err();
        ensure!(refused == Some(MakeSenderError::Overflow(policy)));
    }
    Ok(())
}

pub(crate) fn split() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 4> = ValueLink::new();
    static BELL: PollPingee = PollPingee::new();
    let halves = done(LINK.split(&BELL))?;
    ensure!(LINK.split(&BELL).err() == Some(AlreadySplit));
    // Of this life a sender stays, with a message in the queue.
    let (factory, inlet) = halves;
    let pipe = homing_core::ConnectionId::from_parts(0, 0);
    let mut old = done(factory.sender::<u32>(pipe, Overflow::GiveBack))?;
    done(old.start())?;
    done(old.send(1))?;
    drop(inlet);
    ensure!(old.send(2).is_err_and(|error| error.is_disconnected()));

    let mut rig = Rig::new(&LINK)?;
    ensure!(LINK.split(&BELL).err() == Some(AlreadySplit));
    ensure!(old.send(3).is_err_and(|error| error.is_disconnected()));
    let (_, mut sender) = rig.started(0)?;
    drop(old);
    let mut late = done(factory.sender::<u32>(pipe, Overflow::GiveBack))?;
    ensure!(late.start().is_err());
    // All places are there, but for that of the end.
    done(sender.send_all([4, 5]))?;
    ensure!(sender.send(6).is_err_and(|error| error.is_full()));
    rig.drain();
    ensure!(rig.heard == [(0, Observed::Message(4)), (0, Observed::Message(5))]);
    Ok(())
}

pub(crate) fn tables() -> Result<(), Failed> {
    static LINKS: [ValueLink<u32, 4>; 3] = [const { ValueLink::new() }; 3];
    static BELL: PollPingee = PollPingee::new();
    let [first, second, third] = &LINKS;
    let mut rig = Rig::new(first)?;
    let (_, inlet) = done(second.split(&BELL))?;
    done(rig.router.attach(inlet))?;
    let (factory, inlet) = done(third.split(&BELL))?;
    let Err(AttachError::TableFull(inlet)) = rig.router.attach(inlet) else {
        return Err(Failed { what: "there is room for two links", line: line!() });
    };
    // It is as good as before.
    let pipe = homing_core::ConnectionId::from_parts(0, 0);
    let mut sender = done(factory.sender::<u32>(pipe, Overflow::GiveBack))?;
    ensure!(sender.start() == Ok(()));
    drop(inlet);

    for name in 0..4 {
        done(rig.router.trusted_pipe(rig.link, To(name)))?;
    }
    match rig.router.trusted_pipe(rig.link, To(4)) {
        Ok(_) => return Err(Failed { what: "there is room for four pipes", line: line!() }),
        Err(error) => {
            ensure!(error.kind() == PipeErrorKind::TableFull);
            ensure!(error.into_receiver() == To(4));
        }
    }
    Ok(())
}

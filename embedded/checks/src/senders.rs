//! Senders.

use core::sync::atomic::{AtomicU32, Ordering};

use homing_core::wake::PollPingee;
use homing_core::{End, Lost, Overflow, SendErrorKind, SenderError, SenderState, Text, WrongState};
use homing_transport_static::ValueLink;

use crate::Failed;
use crate::rig::{Observed, Rig, done};

pub(crate) fn states() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    let wrong = |state| Err(SenderError::WrongState(WrongState { state }));
    let mut rig = Rig::new(&LINK)?;
    let (_, mut sender) = rig.pipe(0)?;

    ensure!(sender.state() == SenderState::Initial);
    let refused = sender.send(1).map_err(|error| (error.kind(), error.into_message()));
    ensure!(refused == Err((SendErrorKind::NotOpen(SenderState::Initial), 1)));
    ensure!(sender.stop() == wrong(SenderState::Initial));

    ensure!(sender.start() == Ok(()));
    ensure!(sender.state() == SenderState::Open);
    ensure!(sender.start() == wrong(SenderState::Open));
    ensure!(sender.send(2).is_ok());

    ensure!(sender.stop() == Ok(()));
    ensure!(sender.state() == SenderState::Closed);
    ensure!(sender.stop() == wrong(SenderState::Closed));
    ensure!(sender.start() == wrong(SenderState::Closed));
    let refused = sender.try_send(3).map_err(|error| (error.kind(), error.into_message()));
    ensure!(refused == Err((SendErrorKind::NotOpen(SenderState::Closed), 3)));
    ensure!(sender.counters().sent == 1);

    drop(sender);
    rig.drain();
    ensure!(rig.heard == [(0, Observed::Message(2)), (0, Observed::Ended(End::Finished))]);
    Ok(())
}

pub(crate) fn reason() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (_, open) = rig.started(0)?;
    let (_, initial) = rig.pipe(1)?;
    let (_, mut stopped) = rig.started(2)?;
    let (_, mut failed) = rig.started(3)?;
    done(stopped.stop())?;
    done(failed.fail("no sensor"))?;
    drop((stopped, failed, open, initial));
    rig.drain();
    let ends = [
        (2, Observed::Ended(End::Finished)),
        // The text is kept where there is an allocator.
        (3, Observed::Ended(End::Failed { message: Text::new("no sensor") })),
        (0, Observed::Ended(End::Dropped)),
        (1, Observed::Ended(End::Lost(Lost::default()))),
    ];
    ensure!(rig.heard == ends);
    Ok(())
}

pub(crate) fn scope() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (_, mut sender) = rig.pipe(0)?;
    done(sender.scope(|sender| {
        let sent = sender.send_all([1, 2]);
        sent.map_err(|_| SenderError::Disconnected)
    }))?;
    ensure!(sender.state() == SenderState::Closed);
    rig.drain();
    ensure!(
        rig.heard
            == [
                (0, Observed::Message(1)),
                (0, Observed::Message(2)),
                (0, Observed::Ended(End::Finished))
            ]
    );
    Ok(())
}

pub(crate) fn bell() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    static BELL: PollPingee = PollPingee::new();
    let (factory, inlet) = done(LINK.split(&BELL))?;
    let mut router: homing_core::FixedRouter<_, crate::rig::To, 1, 1> =
        homing_core::Router::fixed();
    done(router.start())?;
    let link = done(router.attach(inlet))?;
    let pipe = done(router.trusted_pipe(link, crate::rig::To(0)))?;
    let mut sender = done(factory.sender::<u32>(pipe, Overflow::GiveBack))?;
    done(sender.start())?;
    ensure!(!BELL.take());
    done(sender.send(1))?;
    done(sender.send(2))?;
    ensure!(BELL.take());
    ensure!(!BELL.take());
    done(sender.stop())?;
    ensure!(BELL.take());
    Ok(())
}

pub(crate) fn disconnected() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (late, mut initial) = rig.pipe(0)?;
    let (_, mut open) = rig.started(1)?;
    done(rig.router.stop())?;
    ensure!(initial.start() == Err(SenderError::Disconnected));
    ensure!(initial.state() == SenderState::Closed);
    let refused = open.send(7).map_err(|error| (error.kind(), error.into_message()));
    ensure!(refused == Err((SendErrorKind::Disconnected, 7)));
    ensure!(open.stop() == Ok(()));
    let mut late = done(rig.factory.sender::<u32>(late, Overflow::GiveBack))?;
    ensure!(late.start() == Err(SenderError::Disconnected));
    Ok(())
}

/// Counts its drops.
struct Precious;

static DROPS: AtomicU32 = AtomicU32::new(0);

impl Drop for Precious {
    fn drop(&mut self) {
        // No other check has any. Cores without read-modify-write can do this too.
        DROPS.store(DROPS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

pub(crate) fn dropped() -> Result<(), Failed> {
    static LINK: ValueLink<Precious, 4> = ValueLink::new();
    static BELL: PollPingee = PollPingee::new();
    let (factory, inlet) = done(LINK.split(&BELL))?;
    let pipe = homing_core::ConnectionId::from_parts(0, 0);
    let mut sender = done(factory.sender::<Precious>(pipe, Overflow::DropNewest))?;
    done(sender.start())?;
    done(sender.send(Precious))?;
    done(sender.send(Precious))?;
    ensure!(DROPS.load(Ordering::Relaxed) == 0);
    // There is no room for this one.
    done(sender.send(Precious))?;
    ensure!(DROPS.load(Ordering::Relaxed) == 1);
    drop(inlet);
    ensure!(DROPS.load(Ordering::Relaxed) == 3);
    ensure!(sender.send(Precious).is_err_and(|error| error.is_disconnected()));
    ensure!(DROPS.load(Ordering::Relaxed) == 4);
    Ok(())
}

//! How pipes and links end.

use homing_core::{End, Exit, LinkEnd, Lost, PipeErrorKind};
use homing_transport_static::ValueLink;

use crate::Failed;
use crate::rig::{Observed, Rig, To, done};

pub(crate) fn once() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 16> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (a, mut sender) = rig.started(0)?;
    done(sender.send_all([1, 2]))?;
    drop(sender);
    rig.drain();
    rig.drain();
    ensure!(
        rig.heard
            == [
                (0, Observed::Message(1)),
                (0, Observed::Message(2)),
                (0, Observed::Ended(End::Dropped))
            ]
    );
    ensure!(rig.router.close_pipe(a).is_err());
    ensure!(rig.router.open_pipes() == 0 && rig.router.counters().most_pipes == 1);
    done(rig.router.stop())?;
    ensure!(rig.router.next_stopped().is_none());
    Ok(())
}

pub(crate) fn link() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 16> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (_, mut a) = rig.started(0)?;
    let (closed, _b) = rig.started(1)?;
    let (_, _c) = rig.started(2)?;
    done(rig.router.close_pipe(closed))?;
    let lost = Lost::from(Exit::Code(3));
    rig.router.end_link(rig.link, LinkEnd::Gone(lost.clone()));
    ensure!(a.send(1).is_err_and(|error| error.is_disconnected()));
    match rig.router.trusted_pipe(rig.link, To(3)) {
        Ok(_) => return Err(Failed { what: "the link has ended", line: line!() }),
        Err(error) => ensure!(error.kind() == PipeErrorKind::NoSuchLink),
    }
    ensure!(rig.drain());
    let end = Observed::Ended(End::Lost(lost));
    ensure!(rig.heard == [(0, end.clone()), (2, end)]);
    ensure!(!rig.router.has_link(rig.link) && rig.router.links() == 0);
    Ok(())
}

pub(crate) fn stop() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 16> = ValueLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (a, mut sender) = rig.started(0)?;
    let (b, _idle) = rig.pipe(1)?;
    let (closed, _c) = rig.started(2)?;
    done(rig.router.close_pipe(closed))?;
    done(sender.send(1))?;
    ensure!(rig.router.open_pipes() == 2);
    done(rig.router.stop())?;
    ensure!(!rig.drain());
    let mut told = 0;
    while let Some(stopped) = rig.router.next_stopped() {
        ensure!(stopped.connection == if stopped.receiver == To(0) { a } else { b });
        told += 1;
    }
    ensure!(told == 2 && rig.heard.is_empty());
    ensure!(rig.router.open_pipes() == 0 && rig.router.links() == 0);
    Ok(())
}

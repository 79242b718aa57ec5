//! The router's states.

use homing_core::wake::PollPingee;
use homing_core::{AttachError, ClosePipeError, PipeErrorKind, RouterState, WrongState};
use homing_transport_static::ValueLink;

use crate::Failed;
use crate::rig::{Rig, To, done};

pub(crate) fn router() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 4> = ValueLink::new();
    static OTHER: ValueLink<u32, 4> = ValueLink::new();
    static BELL: PollPingee = PollPingee::new();
    let wrong = |state| Err(WrongState { state });
    let mut rig = Rig::new(&LINK)?;
    let (pipe, _sender) = rig.started(0)?;
    let router = &mut rig.router;

    ensure!(router.start() == wrong(RouterState::Linked));
    ensure!(router.unlink() == Ok(()));
    ensure!(router.state() == RouterState::Manual);
    ensure!(router.start() == wrong(RouterState::Manual));
    ensure!(router.stop() == Ok(()));
    ensure!(router.stop() == wrong(RouterState::Stopped));
    ensure!(router.unlink() == wrong(RouterState::Stopped));
    ensure!(router.close_pipe(pipe).err() == Some(ClosePipeError::NotRunning));
    match router.trusted_pipe(rig.link, To(1)) {
        Ok(_) => return Err(Failed { what: "the router does not run", line: line!() }),
        Err(error) => ensure!(error.kind() == PipeErrorKind::NotRunning),
    }
    let (_, inlet) = done(OTHER.split(&BELL))?;
    let Err(AttachError::NotRunning(inlet)) = router.attach(inlet) else {
        return Err(Failed { what: "the router does not run", line: line!() });
    };
    ensure!(matches!(router.next_stopped(), Some(stopped) if stopped.connection == pipe));

    // It can be started again, with other links.
    ensure!(router.start() == Ok(()));
    let link = done(router.attach(inlet))?;
    ensure!(link != rig.link && !router.has_link(rig.link));
    ensure!(router.trusted_pipe(link, To(2)).is_ok_and(|again| again != pipe));
    Ok(())
}

//! The way back.

use homing_core::wake::PollPingee;
use homing_core::{Overflow, RecvError, SendErrorKind, Told};
use homing_transport_static::{
    CommandQueue, MakeSenderError, StaticReceiver, StaticRemote, StaticSender, ValueLink,
};

use crate::Failed;
use crate::rig::{Observed, Rig, To, done};

type Duplex = (
    Rig<homing_transport_static::Moved<u32>>,
    StaticRemote<u16>,
    StaticReceiver<u16>,
    StaticSender<u32>,
);

/// A router with one duplex pipe, whose sender is started.
fn duplex<const N: usize, const K: usize>(
    link: &'static ValueLink<u32, N>,
    commands: &'static CommandQueue<u16, K>,
) -> Result<Duplex, Failed> {
    let mut rig = Rig::new(link)?;
    let pipe = done(rig.router.trusted_pipe(rig.link, To(0)))?;
    let ends = rig.factory.duplex(pipe, Overflow::GiveBack, commands);
    let (remote, receiver, mut sender) = done(ends)?;
    done(sender.start())?;
    Ok((rig, remote, receiver, sender))
}

pub(crate) fn commands() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    static BELL: PollPingee = PollPingee::new();
    static COMMANDS: CommandQueue<u16, 4> = CommandQueue::with_bell(&BELL);
    let (mut rig, mut remote, mut receiver, mut sender) = duplex(&LINK, &COMMANDS)?;
    ensure!(receiver.try_recv() == Err(RecvError::Empty) && !BELL.take());
    for round in 0..5 {
        for command in 0..3 {
            done(remote.send(10 * round + command))?;
        }
        ensure!(BELL.take() && remote.untaken() == 3);
        let refused = remote.send(99).map_err(|error| (error.is_full(), error.into_message()));
        ensure!(refused == Err((true, 99)));
        for command in 0..3 {
            // It does not wait.
            ensure!(receiver.recv() == Ok(10 * round + command));
            done(sender.send(u32::from(command)))?;
        }
        ensure!(receiver.recv() == Err(RecvError::Empty) && remote.untaken() == 0);
        rig.drain();
    }
    ensure!(rig.heard.len() == 15);
    let other = done(rig.router.trusted_pipe(rig.link, To(1)))?;
    let taken = rig.factory.duplex::<_, u32, 4>(other, Overflow::GiveBack, &COMMANDS).err();
    ensure!(taken == Some(MakeSenderError::CommandsTaken));
    Ok(())
}

pub(crate) fn cancel() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    static COMMANDS: CommandQueue<u16, 4> = CommandQueue::new();
    let (mut rig, mut remote, mut receiver, mut sender) = duplex(&LINK, &COMMANDS)?;
    done(remote.send(1))?;
    ensure!(!sender.is_cancelled() && !receiver.is_cancelled());
    remote.cancel();
    ensure!(sender.is_cancelled() && receiver.is_cancelled());
    ensure!(!sender.is_stopping() && !sender.is_closed());
    // What has come can be received, and more can be sent.
    ensure!(receiver.try_recv() == Ok(1) && receiver.try_recv() == Err(RecvError::Cancelled));
    done(remote.send(2))?;
    ensure!(receiver.try_recv() == Ok(2) && receiver.try_recv() == Err(RecvError::Cancelled));
    done(sender.send(7))?;
    remote.announce_stop();
    ensure!(sender.is_stopping() && receiver.is_stopping());
    done(sender.stop())?;
    rig.drain();
    ensure!(rig.heard.len() == 2 && rig.heard.first() == Some(&(0, Observed::Message(7))));
    ensure!(Told::STOPPING.is_cancelled());
    Ok(())
}

pub(crate) fn close() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    static COMMANDS: CommandQueue<u16, 4> = CommandQueue::new();
    let (mut rig, mut remote, mut receiver, mut sender) = duplex(&LINK, &COMMANDS)?;
    done(remote.send(1))?;
    done(rig.router.close_pipe(remote.connection()))?;
    remote.close();
    ensure!(sender.is_closed() && receiver.is_closed());
    ensure!(receiver.try_recv() == Err(RecvError::Closed));
    let refused = sender.send(5).map_err(|error| (error.kind(), error.into_message()));
    ensure!(refused == Err((SendErrorKind::Closed, 5)));
    ensure!(remote.send(2).is_err_and(|error| error.is_closed()));
    ensure!(remote.untaken() == 1);
    ensure!(sender.stop() == Ok(()));
    rig.drain();
    ensure!(rig.heard.is_empty() && rig.router.counters().discarded_closed == 0);
    Ok(())
}

pub(crate) fn gone() -> Result<(), Failed> {
    static LINK: ValueLink<u32, 8> = ValueLink::new();
    static COMMANDS: CommandQueue<u16, 4> = CommandQueue::new();
    let (_rig, mut remote, mut receiver, _sender) = duplex(&LINK, &COMMANDS)?;
    done(remote.send(1))?;
    drop(remote);
    ensure!(receiver.try_recv() == Ok(1));
    ensure!(receiver.try_recv() == Err(RecvError::Disconnected));

    static OTHER_LINK: ValueLink<u32, 8> = ValueLink::new();
    static OTHER: CommandQueue<u16, 4> = CommandQueue::new();
    let (_rig, mut remote, receiver, _sender) = duplex(&OTHER_LINK, &OTHER)?;
    done(remote.send(1))?;
    drop(receiver);
    let refused = remote.send(2).map_err(|error| (error.kind(), error.into_message()));
    ensure!(refused == Err((SendErrorKind::Disconnected, 2)));
    ensure!(remote.untaken() == 1);
    Ok(())
}

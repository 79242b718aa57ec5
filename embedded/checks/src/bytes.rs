//! Links of bytes.

use homing_core::{End, Overflow, ProtocolError, SendErrorKind};
use homing_transport_static::{Bytes, BytesLink, StaticSender};
use serde::{Deserialize, Serialize};

use crate::Failed;
use crate::rig::{Observed, Rig, To, done};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Reading {
    celsius: i16,
    sensor: [u8; 3],
}

pub(crate) fn types() -> Result<(), Failed> {
    static LINK: BytesLink<8, 8> = BytesLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (_, mut numbers) = rig.started(0)?;
    let pipe = done(rig.router.trusted_pipe(rig.link, To(1)))?;
    let mut readings: StaticSender<Reading, Bytes<8>> =
        done(rig.factory.sender(pipe, Overflow::GiveBack))?;
    done(readings.start())?;

    done(numbers.send(u32::MAX))?;
    done(readings.send(Reading { celsius: -40, sensor: [1, 2, 3] }))?;
    let (mut number, mut reading) = (None, None);
    for _ in 0..2 {
        rig.router.poll_with(rig.link, |to, payload| {
            match to {
                To(0) => number = Some(payload.decode::<u32>()?),
                _ => reading = Some(payload.decode::<Reading>()?),
            }
            Ok(())
        });
    }
    ensure!(number == Some(u32::MAX));
    ensure!(reading == Some(Reading { celsius: -40, sensor: [1, 2, 3] }));
    ensure!(rig.router.counters().bytes == 9);
    Ok(())
}

pub(crate) fn too_large() -> Result<(), Failed> {
    static LINK: BytesLink<3, 8> = BytesLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (_, mut sender) = rig.started(0)?;
    let refused = sender.send(u32::MAX).map_err(|error| (error.kind(), error.into_message()));
    ensure!(refused == Err((SendErrorKind::TooLarge { len: 5, max: 3 }, u32::MAX)));
    done(sender.send((1 << 21) - 1))?;
    rig.drain();
    ensure!(rig.heard == [(0, Observed::Message((1 << 21) - 1))]);
    Ok(())
}

pub(crate) fn undecodable() -> Result<(), Failed> {
    static LINK: BytesLink<8, 16> = BytesLink::new();
    let mut rig = Rig::new(&LINK)?;
    let (pipe, mut sender) = rig.started(0)?;
    let (_, _other) = rig.started(1)?;
    let mut liar: StaticSender<bool, Bytes<8>> =
        done(rig.factory.sender(pipe, Overflow::GiveBack))?;
    done(liar.start())?;
    done(sender.send(5))?;
    done(sender.send(u32::MAX))?;
    done(liar.send(true))?;
    // More bytes than a `u32` has.
    let mut liar: StaticSender<(u32, u8), Bytes<8>> =
        done(rig.factory.sender(pipe, Overflow::GiveBack))?;
    done(liar.start())?;
    done(liar.send((1, 1)))?;
    ensure!(rig.drain());
    let [(0, first), (0, second), (0, third), (0, own), (1, others)] = rig.heard.as_slice() else {
        return Err(Failed { what: "three messages and two ends", line: line!() });
    };
    ensure!(*first == Observed::Message(5) && *second == Observed::Message(u32::MAX));
    // The bytes of this one are a `u32`'s too.
    ensure!(*third == Observed::Message(1));
    ensure!(matches!(own, Observed::Ended(End::Refused(ProtocolError::Undecodable(_)))));
    ensure!(others == own);
    ensure!(sender.send(1).is_err_and(|error| error.is_disconnected()));
    Ok(())
}

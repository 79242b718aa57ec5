//! Links of the latest message, links of several types on one router, and what a handler owns.

use homing_core::wake::PollPingee;
use homing_core::{End, FixedRouter, Inlet, Overflow, Polled, Router};
use homing_transport_static::{
    AlreadySplit, BytesLink, HandlerCell, LatestInlet, LatestLink, MakeSenderError, ValueLink,
};

use crate::Failed;
use crate::rig::{To, done};

pub(crate) fn overwritten() -> Result<(), Failed> {
    static LINK: LatestLink<u32> = LatestLink::new();
    static BELL: PollPingee = PollPingee::new();
    let (factory, inlet) = done(LINK.split(&BELL))?;
    let mut router: FixedRouter<LatestInlet<u32>, To, 1, 2> = Router::fixed();
    done(router.start())?;
    let link = done(router.attach(inlet))?;
    let pipe = done(router.trusted_pipe(link, To(0)))?;
    let mut sender = done(factory.sender(pipe, Overflow::LatestWins))?;
    done(sender.start())?;
    let (mut sum, mut heard) = (0, 0);
    for round in 1..=3 {
        for message in 0..round {
            done(sender.send(10 * round + message))?;
        }
        ensure!(BELL.take());
        while let Polled::Handled = router.poll_with(link, |_, payload| {
            sum += payload.take::<u32>()?;
            heard += 1;
            Ok(())
        }) {}
    }
    ensure!(heard == 3 && sum == 10 + 21 + 32);
    ensure!(sender.counters().sent == 6 && sender.counters().dropped == 3);
    ensure!(router.counters().missed == 3);
    // The last message arrives before the end.
    done(sender.send(7))?;
    done(sender.stop())?;
    let mut last = 0;
    ensure!(matches!(
        router.poll_with(link, |_, payload| {
            last = payload.take::<u32>()?;
            Ok(())
        }),
        Polled::Handled
    ));
    ensure!(last == 7);
    ensure!(matches!(router.poll_with(link, |_, _| Ok(())), Polled::Ended(_, End::Finished)));
    ensure!(matches!(router.poll_with(link, |_, _| Ok(())), Polled::Empty));
    Ok(())
}

pub(crate) fn policies() -> Result<(), Failed> {
    static LINK: LatestLink<u32> = LatestLink::new();
    static BELL: PollPingee = PollPingee::new();
    let (factory, inlet) = done(LINK.split(&BELL))?;
    let pipe = homing_core::ConnectionId::from_parts(0, 0);
    for policy in [Overflow::Wait, Overflow::GiveBack, Overflow::DropNewest, Overflow::DropOldest] {
        let refused = factory.sender(pipe, policy).err();
        ensure!(refused == Some(MakeSenderError::Overflow(policy)));
    }
    let mut sender = done(factory.sender(pipe, Overflow::LatestWins))?;
    ensure!(factory.sender(pipe, Overflow::LatestWins).err() == Some(MakeSenderError::NoRoom));
    done(sender.start())?;
    done(sender.send(1))?;
    ensure!(LINK.split(&BELL).err() == Some(AlreadySplit));
    drop(inlet);
    ensure!(sender.send(2).is_err_and(|error| error.is_disconnected()));
    let (factory, mut inlet) = done(LINK.split(&BELL))?;
    ensure!(sender.send(3).is_err_and(|error| error.is_disconnected()));
    // Neither a message nor an end of the life before.
    drop(sender);
    ensure!(matches!(inlet.poll(), Ok(None)));
    ensure!(factory.sender(pipe, Overflow::LatestWins).is_ok());
    Ok(())
}

pub(crate) fn several_types() -> Result<(), Failed> {
    static VALUES: ValueLink<u64, 4> = ValueLink::new();
    static BYTES: BytesLink<16, 4> = BytesLink::new();
    static LATEST: LatestLink<u8> = LatestLink::new();
    static BELL: PollPingee = PollPingee::new();
    let (values, mut first) = done(VALUES.split(&BELL))?;
    let (bytes, mut second) = done(BYTES.split(&BELL))?;
    let (latest, mut third) = done(LATEST.split(&BELL))?;
    let mut router: FixedRouter<&mut dyn Inlet, To, 3, 3> = Router::fixed();
    done(router.start())?;
    let links = [
        done(router.attach(&mut first))?,
        done(router.attach(&mut second))?,
        done(router.attach(&mut third))?,
    ];
    let [one, two, three] = links;
    let one = done(router.trusted_pipe(one, To(0)))?;
    let two = done(router.trusted_pipe(two, To(1)))?;
    let three = done(router.trusted_pipe(three, To(2)))?;
    let mut one = done(values.sender::<u64>(one, Overflow::GiveBack))?;
    let mut two = done(bytes.sender::<u16>(two, Overflow::GiveBack))?;
    let mut three = done(latest.sender(three, Overflow::LatestWins))?;
    done(one.start())?;
    done(two.start())?;
    done(three.start())?;
    done(one.send(1 << 40))?;
    done(two.send(300))?;
    done(three.send(7))?;
    let mut sum = 0;
    for link in links {
        let polled = router.poll_with(link, |to, payload| {
            sum += match to {
                To(0) => payload.take::<u64>()?,
                To(1) => payload.decode::<u16>()?.into(),
                _ => payload.take::<u8>()?.into(),
            };
            Ok(())
        });
        ensure!(matches!(polled, Polled::Handled));
    }
    ensure!(sum == (1 << 40) + 307);
    Ok(())
}

pub(crate) fn handler() -> Result<(), Failed> {
    static CELL: HandlerCell<u32> = HandlerCell::new();
    ensure!(CELL.with(|_| ()).is_none() && CELL.take().is_none());
    ensure!(CELL.put(1).is_none() && CELL.put(2) == Some(1));
    // A handler that interrupts this one finds it empty.
    let inner = CELL.with(|content| {
        *content += 1;
        CELL.with(|_| ())
    });
    ensure!(inner == Some(None));
    ensure!(CELL.take() == Some(3));
    // What is put there in the meantime stays.
    ensure!(CELL.put(1).is_none());
    ensure!(CELL.with(|_| CELL.put(9)) == Some(None));
    ensure!(CELL.take() == Some(9));
    Ok(())
}

//! When the foreground is gone, senders learn it at once.

use std::thread;
use std::time::Duration;

use homing_core::{SendErrorKind, SenderError};

use super::*;

const ALL: [Overflow; 5] = [
    Overflow::Wait,
    Overflow::GiveBack,
    Overflow::DropNewest,
    Overflow::DropOldest,
    Overflow::LatestWins,
];

#[test]
fn every_policy_gives_the_message_back() {
    for overflow in ALL {
        for len in [1, 10_000, 200_000] {
            let (factory, foreground) = link(small());
            let mut open = sender::<Vec<u8>>(&factory, 0, overflow);
            let mut initial = initial::<u8>(&factory, 1, overflow);
            foreground.hang_up();
            let error = open.send(vec![2; len]).unwrap_err();
            assert_eq!(error.kind(), SendErrorKind::Disconnected, "{overflow:?}");
            assert_eq!(error.into_message(), vec![2; len], "{overflow:?}");
            let error = open.try_send(vec![2; len]).unwrap_err();
            assert_eq!(error.kind(), SendErrorKind::Disconnected, "{overflow:?}");
            assert_eq!(open.stop(), Err(SenderError::Disconnected), "{overflow:?}");
            assert_eq!(initial.start(), Err(SenderError::Disconnected), "{overflow:?}");
        }
    }
}

#[test]
fn a_backlog_is_no_reason_to_wait_for_one_that_is_gone() {
    for overflow in [Overflow::DropOldest, Overflow::LatestWins] {
        let (factory, foreground) = link(small());
        let mut sender = sender::<u8>(&factory, 0, overflow);
        let _full = fill(&factory);
        sender.send(1).unwrap();
        let worker = thread::spawn(move || sender.stop());
        thread::sleep(Duration::from_millis(20));
        foreground.hang_up();
        assert_eq!(worker.join().unwrap(), Err(SenderError::Disconnected));
    }
}

#[test]
fn whoever_waits_gets_the_message_back() {
    for len in [1, 10_000, 200_000] {
        let (factory, foreground) = link(small().limit(200_010));
        let _full = fill(&factory);
        let workers: Vec<_> = (0..3)
            .map(|pipe| {
                let mut sender = initial::<Vec<u8>>(&factory, pipe, Overflow::Wait);
                thread::spawn(move || match sender.start() {
                    Ok(()) => loop {
                        if let Err(error) = sender.send(vec![2; len]) {
                            return Some(error);
                        }
                    },
                    Err(SenderError::Disconnected) => None,
                    Err(other) => panic!("{other}"),
                })
            })
            .collect();
        // Most likely they wait by now; if not, the test says less, but nothing wrong.
        thread::sleep(Duration::from_millis(20));
        foreground.hang_up();
        for worker in workers {
            if let Some(error) = worker.join().unwrap() {
                assert_eq!(error.kind(), SendErrorKind::Disconnected);
                assert_eq!(error.into_message(), vec![2; len]);
            }
        }
    }
}

#[test]
fn an_inlet_that_goes_is_told_at_once() {
    let (factory, foreground) = link(small());
    let mut sender = sender::<u8>(&factory, 0, Overflow::Wait);
    let Foreground { inlet, mut doorbells, .. } = foreground;
    drop(inlet);
    assert_eq!(sender.send(2).unwrap_err().kind(), SendErrorKind::Disconnected);
    doorbells.wait(Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_pump_that_goes_without_a_word_has_broken_the_link() {
    let (factory, mut foreground) = link(small());
    let _sender = sender::<u8>(&factory, 0, Overflow::Wait);
    foreground.pump();
    foreground.doorbells.unwatch(foreground.key);
    assert_eq!(foreground.next(), Ok(Got::Started(0, 7)));
    assert_eq!(foreground.next(), Err(LinkEnd::Refused(homing_core::ProtocolError::Broken)));
}

/// What this process has open or mapped of a link.
#[test]
fn nothing_is_left_of_a_link() {
    use homing_process::{LinkWaker, ProcessTransport as _};
    use std::os::unix::fs::MetadataExt as _;
    // Other tests run in this process, so the parts of one link are told from others.
    let inode = |handle: &std::os::fd::OwnedFd| {
        std::fs::File::from(handle.try_clone().unwrap()).metadata().unwrap().ino()
    };
    let mut prepared = small().prepare(LinkWaker::noop()).unwrap();
    let (memory, socket) = (inode(&prepared.handles[0]), inode(&prepared.handles[1]));
    let left = || {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten().any(|entry| {
            use std::os::unix::fs::MetadataExt as _;
            let link = std::fs::read_link(entry.path()).unwrap_or_default();
            let memfd = std::fs::metadata(entry.path()).is_ok_and(|file| file.ino() == memory)
                && link.to_string_lossy().starts_with("/memfd:homing");
            memfd || link.to_string_lossy() == format!("socket:[{socket}]")
        });
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mapped = maps
            .lines()
            .any(|line| line.contains("/memfd:homing") && line.contains(&format!(" {memory} ")));
        (open, mapped)
    };
    assert_eq!(left(), (true, true));
    let handles = std::mem::take(&mut prepared.handles);
    let end = crate::WorkerEnd::adopt(handles, prepared.limit).unwrap();
    let ticket = Ticket::<Vec<u8>>::new(ConnectionId::from_parts(0, 0), Nonce::new(0));
    let mut sender = end.sender(ticket.with_overflow(Overflow::LatestWins));
    sender.start().unwrap();
    for _ in 0..100 {
        sender.send(vec![0; 10_000]).unwrap();
    }
    drop(end);
    // The foreground goes, so the threads that flush and watch end as well.
    drop(prepared);
    assert!(sender.stop().is_err());
    drop(sender);
    let deadline = Instant::now() + HANG;
    while left() != (false, false) {
        assert!(Instant::now() < deadline, "something is left: {:?}", left());
        thread::yield_now();
    }
}

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
            let (factory, foreground) = link(Pipe::new());
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
        let (factory, foreground) = link(Pipe::new());
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
        let (factory, foreground) = link(Pipe::new().limit(200_010));
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
fn the_pump_ends_when_its_inlet_is_gone() {
    let (factory, foreground) = link(Pipe::new());
    let mut sender = sender::<u8>(&factory, 0, Overflow::Wait);
    let Foreground { inlet, mut doorbells, .. } = foreground;
    drop(inlet);
    sender.send(1).unwrap();
    doorbells.wait(Some(Duration::ZERO)).unwrap();
    assert_eq!(sender.send(2).unwrap_err().kind(), SendErrorKind::Disconnected);
}

#[test]
fn a_pump_that_goes_without_a_word_has_broken_the_link() {
    let (factory, mut foreground) = link(Pipe::new());
    let _sender = sender::<u8>(&factory, 0, Overflow::Wait);
    foreground.pump();
    foreground.doorbells.unwatch(foreground.key);
    assert_eq!(foreground.next(), Ok(Got::Started(0, 7)));
    assert_eq!(foreground.next(), Err(LinkEnd::Refused(homing_core::ProtocolError::Broken)));
}

/// The descriptors of this process.
#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_of_a_link() {
    // Other tests run in this process, so it is one of many links that are told apart.
    let open = |inode: u64| {
        std::fs::read_dir("/proc/self/fd").unwrap().flatten().any(|entry| {
            let target = std::fs::read_link(entry.path()).unwrap_or_default();
            target.to_string_lossy() == format!("pipe:[{inode}]")
        })
    };
    use homing_process::{LinkWaker, ProcessTransport as _};
    use std::os::unix::fs::MetadataExt as _;
    let mut prepared = Pipe::new().prepare(LinkWaker::noop()).unwrap();
    let handle = prepared.handles.pop().unwrap();
    let file = std::fs::File::from(handle.try_clone().unwrap());
    let inode = file.metadata().unwrap().ino();
    drop(file);
    assert!(open(inode));
    let end = crate::WorkerEnd::adopt(vec![handle], prepared.limit).unwrap();
    let ticket = Ticket::<Vec<u8>>::new(ConnectionId::from_parts(0, 0), Nonce::new(0));
    let mut sender = end.sender(ticket.with_overflow(Overflow::LatestWins));
    sender.start().unwrap();
    for _ in 0..100 {
        sender.send(vec![0; 10_000]).unwrap();
    }
    drop(end);
    // The reader goes, so the thread that flushes ends as well.
    drop(prepared);
    assert!(sender.stop().is_err());
    drop(sender);
    let deadline = Instant::now() + HANG;
    while open(inode) {
        assert!(Instant::now() < deadline, "a descriptor is left");
        thread::yield_now();
    }
}

#[test]
fn a_foreground_that_goes_at_any_moment_holds_nobody_up() {
    for round in 0..20 {
        let (factory, mut foreground) = link(Pipe::new().buffer(1).limit(200_010));
        let workers: Vec<_> = (0..10)
            .map(|pipe| {
                let overflow = ALL[pipe % ALL.len()];
                let mut sender = initial::<Vec<u8>>(&factory, pipe as u32, overflow);
                thread::spawn(move || {
                    if sender.start().is_err() {
                        return;
                    }
                    for n in pipe.. {
                        let message = vec![0; [1, 200, 9000, 80_000, 200_000][n % 5]];
                        let sent = match n % 7 {
                            0 => sender.send_all([message.clone(), message]),
                            1 => sender.try_send(message),
                            _ => sender.send(message),
                        };
                        match sent {
                            Err(error) if error.is_disconnected() => return,
                            Err(error) => assert!(error.is_full()),
                            Ok(()) => {}
                        }
                    }
                })
            })
            .collect();
        for _ in 0..round * 10 {
            foreground.next().unwrap();
        }
        foreground.hang_up();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    }
}

//! A worker process that writes its messages piece by piece, through the facade.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::process::{Command, Stdio};
use std::time::Duration;

use homing::pipe::Pipe;
use homing::shm::Shm;
use homing::std_loop::EventLoop;
use homing::worker::{self, InheritError};
use homing::{End, Event, ProcessTransport, Router};

const ROW: usize = 1920;
const ROWS: usize = 400;

/// Ends a test that hangs.
const HANG: Duration = Duration::from_secs(60);

fn row(number: usize) -> [u8; ROW] {
    [number as u8; ROW]
}

fn image() -> Vec<u8> {
    (0..ROWS).flat_map(row).collect()
}

/// What a worker of this transport sends.
fn sent(transport: impl ProcessTransport) -> (Vec<Vec<u8>>, Option<End>) {
    let event_loop = EventLoop::new().unwrap();
    let router = Router::new(&event_loop);
    router.start().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "worker_program"]).stdout(Stdio::null());
    let hear = |got: &mut (Vec<Vec<u8>>, Option<End>), event| match event {
        Event::Message(message) => got.0.push(message),
        Event::Ended(end) => got.1 = Some(end),
    };
    let (_worker, _) = router.spawn(transport, command).pipe::<Vec<u8>, _>(hear).unwrap();
    let mut got = (Vec::new(), None);
    router.route_until(&mut got, |got| got.1.is_some(), Some(HANG)).unwrap();
    router.stop(&mut got).unwrap();
    got
}

#[test]
fn what_was_written_by_rows_arrives_whole() {
    assert!(sent(Shm::new()) == (vec![image(), vec![7]], Some(End::Finished)));
}

#[test]
fn every_transport_of_bytes_can_do_it() {
    assert!(sent(Pipe::new()) == (vec![image(), vec![7]], Some(End::Finished)));
}

/// In the worker process.
#[test]
fn worker_program() {
    let mut sender = match worker::bytes_sender::<Vec<u8>>() {
        Ok(sender) => sender,
        Err(InheritError::NotAWorker) => return,
        Err(error) => panic!("{error}"),
    };
    sender.start().unwrap();
    let mut message = sender.reserve(ROW * ROWS).unwrap();
    for number in 0..ROWS {
        message.write(&row(number)).unwrap();
    }
    message.commit().unwrap();
    sender.send(vec![7]).unwrap();
    assert_eq!(sender.counters().sent, 2);
    assert_eq!(worker::sender::<u8>().unwrap_err(), InheritError::Taken);
    sender.stop().unwrap();
}

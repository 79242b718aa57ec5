//! Any bytes on a way back, and whatever a worker says that it has taken: the worker's receivers
//! do not panic and return what was sent to them alone, and the foreground keeps no more than its
//! bound.

#![no_main]

use std::time::Duration;

use arbitrary::Arbitrary;
use homing_core::*;
use homing_mux::{
    FrameSink, MuxConfig, MuxDownlink, MuxHandle, Reassembler, WayBack, WayBackSource, Written,
    frame,
};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1024;
const CAPACITY: usize = 4096;

#[derive(Arbitrary, Debug)]
struct Input {
    /// What the worker reads.
    bytes: Vec<u8>,
    /// What it does meanwhile.
    pipes: Vec<u8>,
    /// What the foreground does.
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Start,
    Send(u16),
    Taken(u16),
    Cancel,
    Close,
    Flush,
    /// So much space there is on the link.
    Space(u16),
}

/// The frames of a stream, until one is none.
struct Frames {
    stream: Vec<u8>,
    at: usize,
    reassembler: Reassembler,
}

impl Inlet for Frames {
    fn poll(&mut self) -> Result<Option<Arrival<'_>>, LinkEnd> {
        let rest = self.stream.get(self.at..).unwrap_or(&[]);
        let Some((frame, left)) = frame::split(rest)? else { return Ok(None) };
        self.at = self.stream.len() - left.len();
        Ok(Some(self.reassembler.push_frame(frame)?))
    }
}

/// Everything is there at once.
struct AtOnce;

impl WayBackSource for AtOnce {
    fn has_news(&self) -> bool {
        true
    }

    fn wait(&self, _: Option<Duration>) -> Option<()> {
        Some(())
    }
}

/// Takes all, or as much as there is space for.
#[derive(Default)]
struct Drain(std::sync::Mutex<usize>);

impl FrameSink for Drain {
    fn try_write(&self, first: &[u8], second: &[u8]) -> Result<Written, Disconnected> {
        let len = first.len() + second.len();
        let mut space = self.0.lock().unwrap();
        let taken = len.min(*space);
        *space -= taken;
        Ok(match taken {
            0 => Written::WouldBlock,
            _ if taken == len => Written::Complete { notify: false },
            len => Written::Partial { len, notify: false },
        })
    }

    fn wait_writable(&self, _: usize, _: &dyn Fn() -> bool) -> Result<(), Disconnected> {
        *self.0.lock().unwrap() += 100_000;
        Ok(())
    }
}

fn connection(pipe: u8) -> ConnectionId {
    ConnectionId::from_parts((pipe % 4).into(), 0)
}

fn worker(bytes: Vec<u8>, pipes: &[u8]) {
    let reassembler = Reassembler::new(LIMIT);
    let way_back = WayBack::new(Frames { stream: bytes, at: 0, reassembler }, AtOnce);
    let config = MuxConfig::new().limit(LIMIT);
    let handle = MuxHandle::new(Drain::default(), config).with_way_back(way_back);
    let mut ends = Vec::new();
    for pipe in pipes {
        if pipe % 8 < 4 {
            let ticket = Ticket::<u8, String>::new(connection(*pipe), Nonce::new(1));
            ends.push(handle.duplex(ticket));
            continue;
        }
        let Some((receiver, sender)) = ends.get_mut(usize::from(*pipe / 8)) else { continue };
        let told = receiver.is_closed();
        match receiver.try_recv() {
            Ok(command) => assert!(command.len() <= LIMIT),
            Err(RecvError::Closed) => assert!(sender.is_closed()),
            Err(RecvError::Cancelled) => assert!(sender.is_cancelled() && !told),
            Err(_) => {}
        }
    }
}

fn foreground(steps: &[Step]) {
    let sink = std::sync::Arc::new(Drain::default());
    struct Shared(std::sync::Arc<Drain>);
    impl FrameSink for Shared {
        fn try_write(&self, first: &[u8], second: &[u8]) -> Result<Written, Disconnected> {
            self.0.try_write(first, second)
        }

        fn wait_writable(&self, _: usize, _: &dyn Fn() -> bool) -> Result<(), Disconnected> {
            panic!("nothing waits in the foreground")
        }
    }
    let config = MuxConfig::new().limit(LIMIT);
    let downlink = MuxDownlink::new(Shared(std::sync::Arc::clone(&sink)), config);
    let remote = downlink.remote(connection(0), CAPACITY);
    let (mut accepted, mut taken) = (0u64, 0u64);
    for step in steps {
        match step {
            Step::Start => remote.note_started(),
            Step::Send(len) => {
                let command = vec![7; usize::from(*len) % LIMIT];
                accepted += u64::from(remote.send(&command).is_ok());
            }
            Step::Taken(commands) => {
                if remote.note_taken((*commands).into()).is_err() {
                    // The worker's link is cut off.
                    return;
                }
                taken += u64::from(*commands);
            }
            Step::Cancel => remote.cancel(),
            Step::Close => remote.close(),
            Step::Flush => downlink.flush(),
            Step::Space(more) => *sink.0.lock().unwrap() = usize::from(*more),
        }
        assert_eq!(remote.untaken(), accepted - taken);
        assert!((accepted - taken) * 16 <= CAPACITY as u64 + LIMIT as u64);
    }
}

fuzz_target!(|input: Input| {
    let Input { bytes, pipes, steps } = input;
    worker(bytes, &pipes);
    foreground(&steps);
});
